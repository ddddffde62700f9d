"""Switches of the stand-in for Stripe, for tests and for curious people: POST JSON to /control/...

Must never be part of what the service itself can reach by Stripe's API: nothing of ours calls it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clearpost.standins.stripe_api import Api
from clearpost.standins.stripe_calls import close_dispute, dispute, refund
from clearpost.standins.stripe_checkout import give_card
from clearpost.standins.stripe_events import Outbox
from clearpost.standins.stripe_state import Object, Refused, Store, shown
from clearpost.standins.stripe_subscriptions import UPDATED
from clearpost.standins.stripe_time import advance

Said = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Control:
    """The same switches as methods, for tests in the stand-in's own process."""

    store: Store
    api: Api
    outbox: Outbox

    def routes(self) -> list[Route]:
        return [
            self._route("outage", lambda said: self.outage(said.get("mode", ""))),
            self._route("events", self._events),
            self._route("release", lambda _: self.outbox.release()),
            self._route("send", lambda said: self.outbox.send(self.store.find(said["event"], "event"))),
            self._route("clock", lambda said: self.advance(timedelta(seconds=said["advance"]))),
            self._route("card", lambda said: self.card(said["customer"], said["card"])),
            self._route("status", lambda said: self.status(said["subscription"], said["status"])),
            self._route("refund", lambda said: self.refund(said["subscription"])),
            self._route("dispute", lambda said: self.dispute(said["subscription"])),
            self._route(
                "dispute/close", lambda said: self.close_dispute(said["dispute"], won=bool(said["won"]))
            ),
            Route("/control", self._show),
        ]

    def outage(self, mode: str) -> None:
        """`down`, `lost` or none."""
        if mode not in ("", "down", "lost"):
            raise Refused("mode is down, lost or empty")
        self.api.outage.mode = mode

    def faults(self, **changes: Any) -> None:
        self.outbox.faults = replace(self.outbox.faults, **changes)

    def advance(self, by: timedelta) -> None:
        advance(self.store, by)

    def card(self, customer: str, card: str) -> None:
        """works, fails, or none."""
        give_card(self.store, self.store.find(customer, "customer"), card)

    def status(self, subscription: str, status: str) -> None:
        """Any state at once, with its event, however it came about."""
        found = self.store.find(subscription, "subscription")
        kind = "customer.subscription.deleted" if status == "canceled" else UPDATED
        self.store.change(found, kind, status=status)

    def refund(self, subscription: str) -> Object:
        """All of what was paid last."""
        return refund(self.store, "", {"charge": self._charge(subscription)["id"]})

    def dispute(self, subscription: str) -> Object:
        return dispute(self.store, self._charge(subscription))

    def close_dispute(self, identifier: str, *, won: bool) -> None:
        close_dispute(self.store, self.store.find(identifier, "dispute"), won=won)

    def _charge(self, subscription: str) -> Object:
        """The last one that was paid; of its customer, as a charge names no subscription."""
        found = self.store.find(subscription, "subscription")
        charge = next(self.store.all("charge", customer=found["customer"], paid=True), None)
        if charge is None:
            raise Refused("Nothing was paid yet.")
        return charge

    def _events(self, said: Said) -> None:
        known = asdict(self.outbox.faults)
        if odd := said.keys() - known.keys():
            raise Refused(f"Unknown: {', '.join(sorted(odd))}; known: {', '.join(known)}")
        self.faults(**said)

    def _route(self, name: str, do: Callable[[Said], Object | None]) -> Route:
        async def serve(request: Request) -> Response:
            try:
                said = await request.json() if await request.body() else {}
                answer = do(said)
            except Refused as refused:
                return JSONResponse({"error": refused.error}, refused.status)
            except (KeyError, TypeError, ValueError) as error:
                return JSONResponse({"error": {"message": repr(error)}}, 400)
            self.store.save()
            return JSONResponse(shown(answer) if answer else self._state())

        return Route(f"/control/{name}", serve, methods=["POST"])

    @property
    def _show(self) -> Callable[[Request], Awaitable[Response]]:
        async def show(_: Request) -> Response:
            return JSONResponse(self._state())

        return show

    def _state(self) -> Said:
        """Switches as they are, and whom they can be turned for."""
        return {
            "now": self.store.clock.now().isoformat(),
            "outage": self.api.outage.mode,
            "events": asdict(self.outbox.faults) | {"held": len(self.outbox.held)},
            "subscriptions": [
                {"id": each["id"], "customer": each["customer"], "status": each["status"]}
                for each in self.store.all("subscription")
            ],
        }
