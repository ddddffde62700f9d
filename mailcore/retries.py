"""What becomes of a delivery after an attempt: pure decisions, no clock, no database.

Delivered ends it, a permanent refusal ends it, everything else is tried again until it is too old.
Must never turn a fault of ours or of the network into a hard bounce before its time.
"""

import random
from datetime import datetime, timedelta
from typing import Literal

from mailcore.event_log import Answer
from mailcore.outcome import Outcome
from mailcore.plans import Lane
from mailcore.queue import Claimed
from mailcore.settings import Settings
from mailcore.values import value

# A domain that took mail before does not vanish lightly: its NXDOMAIN is believed after a day.
_KNOWN_DOMAIN_CONFIRM = timedelta(hours=24)
_GIVEN_UP = "4.4.7"
_NO_SUCH_DOMAIN = "5.1.2"
_CANCELLED = "5.2.1"
_WAITED = "given up: the destination could not take it in all this time"


@value
class Settlement:
    """The end of one attempt. `waits` holds the pause for each lane: the row's lane at settling decides."""

    claimed: Claimed
    kind: Literal["delivered", "soft-bounced", "hard-bounced"]
    answer: Answer
    waits: dict[Lane, timedelta]
    no_domain_since: datetime | None = None
    provider: str = ""

    @property
    def is_final(self) -> bool:
        return self.kind != "soft-bounced"


def settle(claimed: Claimed, outcome: Outcome, now: datetime, settings: Settings) -> Settlement:
    """The decision on a finished attempt."""
    if outcome.kind == "delivered":
        return _ended(claimed, "delivered", _answer(outcome))
    if outcome.kind == "permanent":
        return _ended(claimed, "hard-bounced", _answer(outcome))
    if outcome.reason == "no-domain" and _is_confirmed(claimed, now, settings):
        return _ended(claimed, "hard-bounced", _answer(outcome, code=_NO_SUCH_DOMAIN))
    if now - claimed.accepted_at >= settings.give_up_after:
        return _ended(claimed, "hard-bounced", _answer(outcome, code=_GIVEN_UP))
    since = (claimed.no_domain_since or now) if outcome.reason == "no-domain" else None
    return postponed(claimed, outcome, settings, since)


def postponed(
    claimed: Claimed, outcome: Outcome, settings: Settings, no_domain_since: datetime | None = None
) -> Settlement:
    """Tried again, however old it is: also what becomes of a fault of ours, which never ends mail."""
    waits = _waits(claimed.failures, settings)
    return Settlement(claimed, "soft-bounced", _answer(outcome), waits, no_domain_since, outcome.provider)


def unsent(claimed: Claimed) -> Settlement | None:
    """The end of what must not be attempted again, and says why; None for what is to be attempted.

    It was cancelled, or its alias, destination or account are gone; or it waited until it was too old.
    """
    if claimed.cancelled:
        return cancelled(claimed)
    if claimed.expired:
        return _ended(claimed, "hard-bounced", Answer(_WAITED, _GIVEN_UP, "", timedelta(0)))
    return None


def tells_of_broken_inbox(settlement: Settlement) -> bool:
    """Whether mail to this inbox fails as such: by its address, mailbox or server (RFC 3463 X.1, X.2, X.4),
    or for no reason given; not by what was in one message, nor by anything of ours or the owner's.
    """
    if settlement.kind != "hard-bounced" or settlement.claimed.cancelled:
        return False
    return settlement.answer.code.split(".")[1:2] in (["0"], ["1"], ["2"], ["4"])


def cancelled(claimed: Claimed) -> Settlement:
    """The end that its owner chose; `claimed.cancelled` says how."""
    return _ended(claimed, "hard-bounced", Answer(claimed.cancelled, _CANCELLED, "", timedelta(0)))


def next_wait(ladder: tuple[timedelta, ...], failures: int, jitter: float, chance: float) -> timedelta:
    """The pause after so many finished failures before this one; the last step repeats.

    `chance` is 0 to 1; with a jitter of 0.15 the pause is 0.85 to 1.15 times the step.
    """
    step = ladder[min(failures, len(ladder) - 1)]
    return step * (1 + jitter * (2 * chance - 1))


def _waits(failures: int, settings: Settings) -> dict[Lane, timedelta]:
    chance = random.random()
    return {lane: next_wait(settings.ladder(lane), failures, settings.retry_jitter, chance) for lane in Lane}


def _is_confirmed(claimed: Claimed, now: datetime, settings: Settings) -> bool:
    patience = _KNOWN_DOMAIN_CONFIRM if claimed.delivered_before else settings.no_domain_confirm
    return claimed.no_domain_since is not None and now - claimed.no_domain_since >= patience


def _ended(claimed: Claimed, kind: Literal["delivered", "hard-bounced"], answer: Answer) -> Settlement:
    return Settlement(claimed, kind, answer, {})


def _answer(outcome: Outcome, *, code: str | None = None) -> Answer:
    return Answer(outcome.response, code or outcome.enhanced, outcome.server_ip or "", outcome.duration)
