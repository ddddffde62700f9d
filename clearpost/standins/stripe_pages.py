"""The look of the pages that the stand-in for Stripe hosts: Checkout and the billing portal.

Must never ask for a card number, and never load or run anything.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Final

from clearpost.standins.inbox_page import SECURITY_HEADERS, STYLE
from clearpost.standins.stripe_state import Object, Store
from clearpost.standins.stripe_subscriptions import item_of

HEADERS: Final = SECURITY_HEADERS
CARDS: Final[Mapping[str, str]] = {
    "works": "4242 4242 4242 4242: works",
    "fails_later": "4000 0000 0000 0341: works now, fails at the next renewal",
    "fails": "4000 0000 0000 0002: is declined",
}
_FORM_STYLE: Final = """
main { max-width: 32rem; } form { margin: 0 0 1rem; } label { display: block; margin: .5rem 0; }
button, .button, input[type=text] { font: inherit; padding: .5rem .7rem; color: var(--ink);
  background: var(--ground); border: 1px solid var(--quiet); border-radius: 4px; }
button { cursor: pointer; color: var(--link); border-color: var(--link); }
fieldset { border: 1px solid var(--line); border-radius: 4px; margin: 0 0 1rem; }
[role=alert] { border-left: 3px solid #b3261e; padding-left: .75rem; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
"""


def money(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) / 100:,.2f} USD"


def day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%d %B %Y}"


def priced(store: Store, price: Object) -> str:
    product = store.objects[price["product"]]["name"]
    return f"{product}, {money(price['unit_amount'])} a {price['recurring']['interval']}"


def checkout_page(store: Store, session: Object, trouble: str = "") -> str:
    line, customer = session["_line_items"][0], store.objects[session["customer"]]
    code = (
        '<label>Promotion code <input type="text" name="code" autocomplete="off"></label>'
        if session["allow_promotion_codes"]
        else ""
    )
    trial = session["_data"].get("trial_period_days")
    free = f"<p>{escape(str(trial))} days free, then:</p>" if trial else ""
    back = f'<p><a href="{escape(session["cancel_url"])}">Back</a></p>' if session["cancel_url"] else ""
    return page(
        "Checkout",
        f"<h1>Checkout</h1>{_alert(trouble)}{free}<p><strong>{escape(priced(store, line['price']))}</strong>"
        f"</p><p>For {escape(customer['email'] or customer['id'])}</p>"
        f'<form method="post">{_cards("works")}{code}'
        f"<button>Pay {money(session['amount_total'])}</button></form>{back}",
    )


def _cards(chosen: str) -> str:
    choices = "".join(
        f'<label><input type="radio" name="card" value="{name}"{" checked" if name == chosen else ""}> '
        f"{escape(text)}</label>"
        for name, text in CARDS.items()
    )
    return f"<fieldset><legend>Card</legend>{choices}</fieldset>"


def portal_page(store: Store, session: Object, trouble: str = "") -> str:
    here = f"/portal/{session['id']}"
    mine = list(store.all("subscription", customer=session["customer"]))
    parts = "".join(_subscription(store, each, here) for each in mine if each["status"] != "canceled")
    invoices = "".join(
        f"<tr><td>{day(each['created'])}<td>{escape(str(each['number']))}<td>{money(each['total'])}"
        f"<td>{escape(each['status'])}"
        for each in store.all("invoice", customer=session["customer"])
    )
    card = store.objects[session["customer"]]["_card"]
    back = f'<p><a href="{escape(session["return_url"] or "/")}">Return</a></p>'
    return page(
        "Billing portal",
        f"<h1>Billing portal</h1>{_alert(trouble)}{back}{parts or '<p>No subscription.</p>'}"
        f'<h2>Card</h2><form method="post" action="{here}/card">{_cards(card)}'
        f"<button>Save card</button></form><h2>Invoices</h2><table><tbody>{invoices}</tbody></table>",
    )


def _subscription(store: Store, subscription: Object, here: str) -> str:
    item = item_of(subscription)
    ends = day(item["current_period_end"])
    name = f'<input type="hidden" name="subscription" value="{subscription["id"]}">'
    buttons = "".join(
        f'<button name="price" value="{each["id"]}">{escape(priced(store, each))}</button> '
        for each in _others(store, item["price"]["id"])
    )
    if subscription["cancel_at"] or subscription["schedule"]:
        plans = f"<p>Changes or ends on {day(subscription['cancel_at'] or item['current_period_end'])}.</p>"
        last = f'<form method="post" action="{here}/keep">{name}<button>Keep it as it is</button></form>'
    else:
        plans = f"<p>Renews on {ends}.</p>"
        last = f'<form method="post" action="{here}/cancel">{name}<button>Cancel on {ends}</button></form>'
    return (
        f"<h2>{escape(priced(store, item['price']))}</h2><p>State: {escape(subscription['status'])}.</p>"
        f'{plans}<form action="{here}/change">{name}<fieldset><legend>Change to</legend>{buttons}'
        f"</fieldset></form>{last}"
    )


def _others(store: Store, mine: str) -> Iterable[Object]:
    found = [price for price in store.all("price", active=True) if price["id"] != mine]
    return sorted(found, key=lambda price: int(price["unit_amount"]))


def confirm_page(store: Store, session: Object, price: Object, subscription: str, invoice: Object) -> str:
    """What the change costs, line by line, before it is made. `invoice`: empty where it waits."""
    here = f"/portal/{session['id']}"
    lines = "".join(
        f"<tr><td>{escape(line['description'])}<td>{money(line['amount'])}"
        for line in invoice.get("lines", {"data": []})["data"]
    )
    due = (
        f"<table><tbody>{lines}</tbody></table><p>Due today: {money(invoice['amount_due'])}</p>"
        if invoice
        else "<p>It changes when the period that is paid ends.</p>"
    )
    return page(
        "Confirm the change",
        f"<h1>Change to {escape(priced(store, price))}</h1>{due}"
        f'<form method="post" action="{here}/change">'
        f'<input type="hidden" name="subscription" value="{subscription}">'
        f'<button name="price" value="{price["id"]}">Confirm</button></form>'
        f'<p><a href="{here}">Back</a></p>',
    )


def message_page(title: str, text: str) -> str:
    return page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def _alert(trouble: str) -> str:
    return f'<p role="alert">{escape(trouble)}</p>' if trouble else ""


def page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} (stand-in)</title><style>{STYLE}{_FORM_STYLE}</style></head>"
        f"<body><main>{body}<p>No money moves here: this is the local stack's stand-in for Stripe.</p>"
        "</main></body></html>"
    )
