"""An event of Stripe's: is it theirs, and whom does it concern.

Must never act on what an event holds: it makes its customer due to be fetched, so neither order, nor
repetition, nor loss of events matters. Signatures are checked here and not by the library, which takes
timestamps from the future, asks its own clock, and fails on a body that is no UTF-8.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mailcore.settings import Settings

TOLERANCE: Final = timedelta(seconds=300)
WANTED: Final = frozenset({
    "checkout.session.completed",
    "customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted",
    "customer.subscription.paused", "customer.subscription.resumed", "customer.subscription.trial_will_end",
    "invoice.paid", "invoice.payment_failed",
    "charge.refunded", "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """What of an event concerns us: no amount, no name, no address."""

    id: str
    type: str
    created_at: datetime
    is_live: bool
    customer_id: str | None
    dispute_id: str | None

    @property
    def is_wanted(self) -> bool:
        return self.type in WANTED


def secrets_of(settings: Settings) -> Sequence[str]:
    """The signing secrets that count now: several while one is rotated."""
    parts = settings.stripe_webhook_secrets.get_secret_value().split(",")
    return [part.strip() for part in parts if part.strip()]


def is_genuine(body: bytes, header: str, secrets: Iterable[str], now: datetime) -> bool:
    """Whether the body is signed with one of `secrets` and no older or newer than `TOLERANCE`.

    https://docs.stripe.com/webhooks#verify-manually: t=<seconds>,v1=<hex of HMAC-SHA256 of "t.body">,...
    """
    pairs = [part.partition("=")[::2] for part in header.split(",")]
    moments = [value for name, value in pairs if name == "t"]
    given = [value.encode() for name, value in pairs if name == "v1" and value.isascii()]
    if len(moments) != 1 or not _is_close(moments[0], now):
        return False
    signed = moments[0].encode() + b"." + body
    made = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode() for secret in secrets]
    return any(hmac.compare_digest(one, other) for one in made for other in given)


def _is_close(moment: str, now: datetime) -> bool:
    if not (moment.isascii() and moment.isdecimal() and len(moment) <= 12):
        return False
    return abs(now.timestamp() - int(moment)) <= TOLERANCE.total_seconds()


def read(body: bytes) -> Event | None:
    """None where it is no event as Stripe writes them."""
    try:
        event = json.loads(body.decode())
        about = event["data"]["object"]
        return Event(
            id=_word(event["id"]),
            type=_word(event["type"]),
            created_at=datetime.fromtimestamp(int(event["created"]), UTC),
            is_live=bool(event["livemode"]),
            customer_id=_customer_of(about),
            dispute_id=_word(about["id"]) if about.get("object") == "dispute" else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _customer_of(about: Mapping[str, Any]) -> str | None:
    customer = about["id"] if about.get("object") == "customer" else about.get("customer")
    if isinstance(customer, Mapping):  # some of Stripe's settings expand it
        customer = customer["id"]
    return None if customer is None else _word(customer)


def _word(value: object) -> str:
    """An id or a type: short, plain, fit for the database. Raises ValueError."""
    if not (isinstance(value, str) and 0 < len(value) <= 255 and value.isascii() and value.isprintable()):
        raise ValueError("not a name of Stripe's")
    return value
