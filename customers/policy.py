"""What is logged of mail and for how long, as an account is told before its first domain.

The columns come from the tables themselves. Must never leave out a column that is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from customers import audit
from mailcore.models import LogEvent, LogMessage

_MESSAGE: Final[Mapping[str, str]] = {
    "received_at": "when we received it",
    "id": "an id of ours, random but for the time in it",
    "account_id": "your account",
    "domain_id": "your domain",
    "key_id": "which key seals the row; none yet",
    "client_ip": "the server that connected",
    "client_name": "its reverse name",
    "subject": "the Subject, at most 998 characters",
    "sender": "From; before the content came, the reverse-path",
    "alias": "the address that it was sent to",
}
_EVENT: Final[Mapping[str, str]] = {
    "received_at": "when the message was received: its events go when it goes",
    "message_id": "the message",
    "account_id": "your account",
    "id": "the order of writing",
    "xid": "the order of writing",
    "delivery_id": "which delivery; none for received and refused",
    "key_id": "which key seals the row; none yet",
    "at": "when it happened",
    "type": "received, delivered, soft-bounced, hard-bounced or refused",
    "response": "what the server said, what was found out about the sender (SPF, DKIM, DMARC, ARC, a spam "
    "score) and which TLS was used; at most 500 characters",
    "code": "the enhanced status code",
    "server_ip": "the server that said it",
    "duration_ms": "how long the attempt took",
    "attempt": "its number",
}


@dataclass(frozen=True, slots=True)
class Column:
    """Something that is written down, and what it is."""

    name: str
    meaning: str


def of_each_message() -> Sequence[Column]:
    return [Column(name, _MESSAGE[name]) for name in LogMessage.model_fields]


def of_each_event() -> Sequence[Column]:
    return [Column(name, _EVENT[name]) for name in LogEvent.model_fields]


def sentences(retention: timedelta) -> Sequence[str]:
    """The promise, for people."""
    days = retention.days
    return (
        "An accepted message is saved until it is delivered or has failed for good; then it is deleted.",
        f"For {days} days from its receipt a row for each message and each event stays, so that you can see "
        "what happened: the fields below and nothing else. After that they cannot be read by anybody.",
        "No content is kept but the Subject and From. What waits for delivery waits 4 days at most.",
        f"Changes to your account are logged for {audit.KEPT.days} days, requests to the API for 7 days "
        "without their bodies.",
    )
