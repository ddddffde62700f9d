"""The page of the local identity provider: who do you want to be? Must never load or run anything."""

from html import escape
from typing import Final

from clearpost.standins.inbox_page import SECURITY_HEADERS, STYLE

HEADERS: Final = SECURITY_HEADERS
PEOPLE: Final = ("you@inbox.test", "ada@inbox.test", "grace@inbox.test")
_FORM_STYLE: Final = """
main { max-width: 26rem; } form { margin: 0 0 .5rem; } label { display: block; margin: .75rem 0 .25rem; }
button, input[type=text] { font: inherit; width: 100%; padding: .5rem .6rem; color: var(--ink);
  background: var(--ground); border: 1px solid var(--quiet); border-radius: 4px; }
button { cursor: pointer; color: var(--link); border-color: var(--link); margin-bottom: .5rem; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
"""


def choice_page(query: str) -> str:
    """`query`: of the authorization request; it comes back with the choice and is checked again."""
    buttons = "".join(
        f'<button name="email" value="{person}">Continue as {person}</button>' for person in PEOPLE
    )
    hidden = f'<input type="hidden" name="query" value="{escape(query)}">'
    return _page(
        "Who are you?",
        "<h1>Who are you?</h1><p>The identity provider of the local stack believes everybody.</p>"
        f'<form method="post" action="/authorize">{hidden}{buttons}</form>'
        f'<form method="post" action="/authorize">{hidden}'
        '<label for="email">Another address</label>'
        '<input type="text" id="email" name="email" inputmode="email" autocomplete="email" required>'
        '<label><input type="checkbox" name="unverified"> not verified: it must not sign anybody in</label>'
        "<button>Continue</button></form>"
        f'<form method="post" action="/authorize">{hidden}'
        '<button name="email" value="">Cancel</button></form>',
    )


def refusal_page(error: str) -> str:
    return _page("Refused", f"<h1>Refused</h1><p>{escape(error)}. Nobody was sent anywhere.</p>")


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}{_FORM_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )
