"""Pure decisions at the door: may this recipient, this content be accepted? A Reply that refuses, or None.

Must never ask the database, the clock or the network: everything it decides on is handed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailcore import replies
from mailcore.attachments import AttachmentCount
from mailcore.plans import SMALLEST_ATTACHMENTS, limits_for
from mailcore.replies import Reply
from mailcore.routing import (
    DomainPaused,
    NoSuchAlias,
    NotServed,
    Recipient,
    Resolved,
    Suspended,
    SwitchedOff,
    total_destinations,
)

# For so long after an account was suspended, its senders are asked to try again: a mistake of ours is mended
# without a loss.
SUSPENSION_PUTS_OFF = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Door:
    """What stays the same for one transaction: the declared SIZE and the recipients so far."""

    declared_size: int | None
    accepted: Sequence[Recipient]


def refuse_domain(resolution: NotServed, now: datetime, claim_window: timedelta) -> Reply:
    """A fresh claim may be verified any minute: 451. Everything else is not ours to take."""
    if resolution.claimed_at and now - resolution.claimed_at < claim_window:
        return replies.DOMAIN_NOT_YET_VERIFIED
    return replies.NOT_OURS


def check_recipient(
    resolution: Resolved | NoSuchAlias | SwitchedOff | DomainPaused | Suspended, door: Door
) -> Reply | None:
    """The rules of RCPT, cheapest refusal first."""
    if isinstance(resolution, Suspended):
        return replies.SUSPENDED_LATELY if resolution.age < SUSPENSION_PUTS_OFF else replies.SUSPENDED
    if isinstance(resolution, NoSuchAlias):
        return replies.UNKNOWN_ALIAS
    if isinstance(resolution, SwitchedOff):
        return replies.DOMAIN_OFF
    if isinstance(resolution, DomainPaused):
        return replies.DOMAIN_PAUSED
    if not resolution.enabled:
        return replies.ALIAS_OFF
    if resolution.paused:
        return replies.ALIAS_PAUSED
    recipient = resolution.recipient
    if not recipient.destinations:
        return replies.NOT_YET_CONFIRMED if resolution.expected else replies.FORWARDS_NOWHERE
    limits = limits_for(recipient.plan)
    if door.declared_size is not None and door.declared_size > limits.message_bytes:
        return replies.too_large_for_plan(recipient.plan, limits.message_bytes)
    same_account = [other for other in door.accepted if other.account_id == recipient.account_id]
    expected = resolution.forwarded_today + total_destinations(same_account) + len(recipient.destinations)
    if expected > limits.daily_quota:
        return replies.OVER_QUOTA
    return _check_class(recipient, door)


def _check_class(recipient: Recipient, door: Door) -> Reply | None:
    """Recipients of one transaction share its reply, so they share what it depends on: the owner's choices,
    and one attachment limit unless the declared size fits every plan's.
    """
    if any(_choices(other) != _choices(recipient) for other in door.accepted):
        return replies.OTHER_CLASS
    if door.declared_size is not None and door.declared_size <= SMALLEST_ATTACHMENTS:
        return None
    mine = limits_for(recipient.plan).attachment_bytes
    if any(limits_for(other.plan).attachment_bytes != mine for other in door.accepted):
        return replies.OTHER_CLASS
    return None


def check_service_role(door: Door) -> Reply | None:
    """Mail to the service itself is not judged, so it comes by itself."""
    return None if all(is_of_service(other) for other in door.accepted) else replies.OTHER_CLASS


def is_of_service(recipient: Recipient) -> bool:
    """The service's own postmaster, and no customer's address."""
    return recipient.domain_id is None


def _choices(recipient: Recipient) -> tuple[bool, bool, float | None]:
    rules = recipient.rules
    return is_of_service(recipient), rules.strict_dmarc, rules.spam_threshold


def attachment_limit(recipients: Sequence[Recipient]) -> int:
    """Decoded bytes that every recipient's plan allows."""
    return min(limits_for(recipient.plan).attachment_bytes for recipient in recipients)


def check_size(size: int, recipients: Sequence[Recipient]) -> Reply | None:
    for recipient in recipients:
        limits = limits_for(recipient.plan)
        if size > limits.message_bytes:
            return replies.too_large_for_plan(recipient.plan, limits.message_bytes)
    return None


def check_attachments(count: AttachmentCount, recipients: Sequence[Recipient]) -> Reply | None:
    if count.too_deep:
        return replies.TOO_DEEP
    for recipient in recipients:
        limits = limits_for(recipient.plan)
        if count.decoded_bytes > limits.attachment_bytes:
            return replies.attachments_too_large(recipient.plan, limits.attachment_bytes)
    return None


def check_loop(own_marks: int) -> Reply | None:
    """Our own signed mark of this alias: once is a forward back to us, twice is a loop."""
    return replies.LOOP if own_marks >= 2 else None
