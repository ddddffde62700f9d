"""What happens on the pages that the stand-in for Stripe hosts: paying, changing, canceling, another card.

Must never act on a GET: whoever prefetches a link buys nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from clearpost.standins import stripe_checkout as checkout
from clearpost.standins import stripe_schedules as schedules
from clearpost.standins.stripe_pages import (
    CARDS,
    HEADERS,
    checkout_page,
    confirm_page,
    message_page,
    portal_page,
)
from clearpost.standins.stripe_state import Object, Refused, Store
from clearpost.standins.stripe_subscription_calls import preview, update
from clearpost.standins.stripe_subscriptions import change_price, item_of, settle
from clearpost.standins.stripe_time import catch_up


@dataclass(frozen=True, slots=True)
class Hosted:
    """The pages of one stand-in."""

    store: Store

    def routes(self) -> list[Route]:
        return [
            Route("/pay/{id}", self._checkout),
            Route("/pay/{id}", self._pay, methods=["POST"]),
            Route("/portal/{id}", self._portal),
            Route("/portal/{id}/change", self._confirm),
            *(
                Route(f"/portal/{{id}}/{name}", self._act(act), methods=["POST"])
                for name, act in (
                    ("change", _change),
                    ("cancel", _cancel),
                    ("keep", _keep),
                    ("card", _new_card),
                )
            ),
        ]

    async def _checkout(self, request: Request) -> Response:
        catch_up(self.store)
        session = self._session(request, "checkout.session")
        if session is None or session["status"] == "expired":
            return _page(message_page("Expired", "This page is not open any more."), 404)
        if session["status"] == "complete":
            return RedirectResponse(_success(session), 303)
        return _page(checkout_page(self.store, session))

    async def _pay(self, request: Request) -> Response:
        session = self._session(request, "checkout.session")
        form = await _form(request)
        if session is None or session["status"] != "open":
            return await self._checkout(request)
        try:
            checkout.pay(self.store, session, form.get("card", ""), form.get("code", ""))
        except Refused as refused:
            return _page(checkout_page(self.store, session, str(refused)), 402)
        self.store.save()
        return RedirectResponse(_success(session), 303)

    async def _portal(self, request: Request) -> Response:
        """A flow leads to its own page first."""
        catch_up(self.store)
        session = self._session(request, "billing_portal.session")
        if session is None:
            return _page(message_page("Expired", "This page is not open any more."), 404)
        flow = session["flow"] or {}
        if flow.get("type") == "subscription_update_confirm":
            wanted = flow["subscription_update_confirm"]
            return self._asks(session, wanted["subscription"], wanted["items"][0]["price"])
        return _page(portal_page(self.store, session))

    async def _confirm(self, request: Request) -> Response:
        session = self._session(request, "billing_portal.session")
        if session is None:
            return _page(message_page("Expired", "This page is not open any more."), 404)
        wanted = request.query_params
        return self._asks(session, wanted.get("subscription", ""), wanted.get("price", ""))

    def _asks(self, session: Object, name: str, price_id: str) -> Response:
        try:
            subscription = _owned(self.store, session, {"subscription": name})
            price = self.store.find(price_id, "price")
        except Refused as refused:
            return _page(portal_page(self.store, session, str(refused)), 400)
        invoice: Object = {}
        if _is_more(subscription, price):
            items = [{"id": item_of(subscription)["id"], "price": price_id}]
            details = {"items": items, "proration_behavior": "always_invoice"}
            invoice = preview(self.store, "", {"subscription": name, "subscription_details": details})
        return _page(confirm_page(self.store, session, price, name, invoice))

    def _act(self, act: Callable[[Store, Object, dict[str, str]], None]) -> Callable[[Request], object]:
        async def serve(request: Request) -> Response:
            session = self._session(request, "billing_portal.session")
            if session is None:
                return _page(message_page("Expired", "This page is not open any more."), 404)
            try:
                act(self.store, session, await _form(request))
            except Refused as refused:
                return _page(portal_page(self.store, session, str(refused)), 402)
            self.store.save()
            return RedirectResponse(_after(session), 303)

        return serve

    def _session(self, request: Request, kind: str) -> Object | None:
        found = self.store.objects.get(request.path_params["id"])
        return found if found is not None and found["object"] == kind else None


def _change(store: Store, session: Object, form: dict[str, str]) -> None:
    """More at once and paid now, less at the end of the period."""
    subscription = _owned(store, session, form)
    price = store.find(form.get("price"), "price")
    if _is_more(subscription, price):
        change_price(store, subscription, price, 1, proration="always_invoice", must_pay=True)
        return
    item = item_of(subscription)
    schedule = schedules.create(store, "", {"from_subscription": subscription["id"]})
    now = schedule["phases"][0]
    later = {"items": [{"price": price["id"]}], "duration": price["recurring"]}
    phases = [{"items": now["items"], "start_date": now["start_date"],
               "end_date": item["current_period_end"]}, later]  # fmt: skip
    schedules.update(store, schedule["id"], {"phases": phases})


def _is_more(subscription: Object, price: Object) -> bool:
    """By the month, as a year's price is lower than twelve."""
    old = item_of(subscription)["price"]
    return (
        _monthly(price) > _monthly(old)
        or price["recurring"]["interval"] == "year" != (old["recurring"]["interval"])
    )


def _monthly(price: Object) -> float:
    return float(price["unit_amount"]) / (12 if price["recurring"]["interval"] == "year" else 1)


def _cancel(store: Store, session: Object, form: dict[str, str]) -> None:
    """As the real portal does in flexible billing mode: `cancel_at`, and not `cancel_at_period_end`."""
    subscription = _owned(store, session, form)
    if subscription["schedule"]:
        schedules.let_go(store, subscription["schedule"], {})
    update(store, subscription["id"], {"cancel_at": "min_period_end"})


def _keep(store: Store, session: Object, form: dict[str, str]) -> None:
    subscription = _owned(store, session, form)
    if subscription["schedule"]:
        schedules.let_go(store, subscription["schedule"], {})
    if subscription["cancel_at"]:
        update(store, subscription["id"], {"cancel_at": ""})


def _new_card(store: Store, session: Object, form: dict[str, str]) -> None:
    """One that works pays at once what is owed."""
    card = form.get("card", "")
    if card not in CARDS or card == "fails":
        raise Refused("Your card was declined.", status=402, code="card_declined", kind="card_error")
    customer = store.objects[session["customer"]]
    checkout.give_card(store, customer, "works" if card == "works" else "fails")
    for subscription in list(store.all("subscription", customer=customer["id"])):
        invoice = store.objects.get(subscription["latest_invoice"] or "")
        if card == "works" and invoice is not None and invoice["status"] == "open":
            settle(store, subscription, invoice)


def _owned(store: Store, session: Object, form: dict[str, str]) -> Object:
    found = store.find(form.get("subscription"), "subscription")
    if found["customer"] != session["customer"] or found["status"] == "canceled":
        raise Refused("No such subscription.", status=404)
    return found


def _success(session: Object) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _after(session: Object) -> str:
    """Where a flow says so: back to the shop; else the portal again."""
    done = (session["flow"] or {}).get("after_completion", {})
    if done.get("type") == "redirect":
        return str(done["redirect"]["return_url"])
    return f"/portal/{session['id']}"


def _page(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, HEADERS)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
