"""Events of Stripe's as it sends them: their JSON, and the header that signs it."""

import hashlib
import hmac
from datetime import datetime
from typing import Any


def event(
    identifier: str = "evt_1",
    kind: str = "customer.subscription.updated",
    *,
    live: bool = False,
    **about: Any,
) -> dict[str, Any]:
    """`about`: fields of the thing that it is about."""
    thing = {"id": "sub_1", "object": "subscription", "customer": "cus_1"} | about
    return {
        "id": identifier,
        "object": "event",
        "type": kind,
        "created": 1_772_366_400,
        "livemode": live,
        "data": {"object": thing},
    }


def header(body: bytes, at: datetime, secret: str) -> str:
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac}"
