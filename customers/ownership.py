"""Whose a domain is: pure rules over the claims of one name and the tokens its DNS shows.

Only an account's own TXT token verifies; while the incumbent's token is there it stays. Must never take
silence of the DNS for a token that is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """One account's claim to the name."""

    domain_id: UUID
    token: str
    claimed_at: datetime
    verified: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """`verified` gains the name, `displaced` loses it, `contested` keeps it against another's token."""

    verified: UUID | None = None
    displaced: UUID | None = None
    contested: UUID | None = None


def decide(claims: Sequence[Claim], tokens: frozenset[str], *, complete: bool) -> Verdict:
    """`tokens` are those found in DNS; `complete` says that every question had its answer.

    Without an incumbent the oldest claim whose token is there wins, so that the answer does not depend on
    who asked. A missing token alone takes nothing from the incumbent: somebody else must prove control.
    """
    incumbent = next((claim for claim in claims if claim.verified), None)
    proved = [claim for claim in claims if claim.token in tokens and not claim.verified]
    if not proved:
        return Verdict()
    oldest = min(proved, key=lambda claim: (claim.claimed_at, claim.domain_id))
    if incumbent is None:
        return Verdict(verified=oldest.domain_id)
    if incumbent.token in tokens or not complete:
        return Verdict(contested=incumbent.domain_id)
    return Verdict(verified=oldest.domain_id, displaced=incumbent.domain_id)
