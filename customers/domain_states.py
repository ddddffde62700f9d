"""In which state a domain is, when to look at it again, and what its failing asks for: pure rules.

Must never ask the clock, DNS or the database; and never end a domain that authenticated mail still comes for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from mailcore.models import Domain
from mailcore.settings import Settings

State = Literal["not_started", "pending", "verified", "temporarily_failing", "failed", "displaced"]
Step = Literal["tell", "warn", "switch-off"]

# Somebody who asked for a check waits before the page for so long.
WATCHED: Final = timedelta(minutes=10)
# Before a domain is switched off its owner has this long after the last word.
WARNING: Final = timedelta(days=1)
# Mail that came this recently shows that the domain is in use, whatever its records say.
IN_USE: Final = timedelta(days=3)
_FIRST: Final = timedelta(seconds=30)


def state_of(domain: Domain, now: datetime, claim_window: timedelta) -> State:
    """`failed`: switched off; or claimed longer ago than `claim_window` and still not proved."""
    if domain.verified_at:
        if domain.off_at:
            return "failed"
        return "temporarily_failing" if domain.failing_since else "verified"
    if domain.displaced_at:
        return "displaced"
    if now - domain.created_at >= claim_window:
        return "failed"
    return "pending" if _is_started(domain) else "not_started"


def _is_started(domain: Domain) -> bool:
    """Something of ours is in its DNS, or nobody can say."""
    found = domain.found or {}
    return bool(found) and (found["ownership"]["state"] != "missing" or found["mx"]["state"] == "ok")


def is_fine(domain: Domain) -> bool:
    """Verified, and mail comes to us alone: nobody need look again soon."""
    return bool(
        domain.verified_at
        and not domain.failing_since
        and domain.found
        and domain.found["mx"]["state"] == "ok"
    )


def wait(domain: Domain, now: datetime, settings: Settings) -> timedelta:
    """Until the next check: short while somebody waits for it, ever longer while nothing changes."""
    if is_fine(domain):
        return settings.domain_recheck
    asked = max(domain.created_at, domain.check_asked_at or domain.created_at)
    if now - asked < WATCHED:
        return settings.domain_recheck_watched
    if domain.verified_at and domain.failing_since:
        return settings.domain_recheck_failing
    return min(max((now - asked) / 10, _FIRST), settings.domain_recheck)


@dataclass(frozen=True, slots=True)
class Health:
    """What a check says of a verified domain. Both None where name servers are silent: no verdict."""

    proved: bool | None
    leads_here: bool | None

    def of(self, domain: Domain) -> bool | None:
        """An MX that never led here is not gone: its owner is still setting up."""
        wanted = [self.proved] if domain.mx_at is None else [self.proved, self.leads_here]
        if False in wanted:
            return False
        return None if None in wanted else True


def next_step(domain: Domain, now: datetime, off_after: timedelta) -> Step | None:
    """What is due for a failing domain. The owner hears at once, and again a day before the end."""
    if domain.failing_since is None or domain.off_at:
        return None
    told, seen = domain.told_failing_at, domain.mail_seen_at
    if told is None:
        return "tell"
    last_word = domain.failing_since + off_after - WARNING
    if now < last_word or (seen and now - seen < IN_USE):
        return None
    if told < last_word or (seen and told < seen):
        return "warn"
    return "switch-off" if now - told >= WARNING else None
