"""Which warrant canary may be published, and what one that was published is worth now. Pure.

Must never judge a canary by another clock than the one it is given, nor let one pass that says less than five
statements without saying so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from customers import canary_document as documents
from customers import canary_signers
from customers.canary_document import CLAIMS, Claim, Document
from customers.canary_signers import QUORUM, Signers

SHORTEST: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=45)
# How old the public fact may be when the canary is issued: it proves that nothing was signed long before.
FACT_AGE: Final = timedelta(days=7)
# What a canary is worth. "incomplete": not all five statements were affirmed; "unverified": it is not, or no
# longer, signed as it must be; "none": there is none.
State = Literal["current", "incomplete", "expired", "unverified", "none"]


@dataclass(frozen=True, slots=True)
class Signed:
    """A document, its exact text, and good signatures of it by their signer's name."""

    document: Document
    text: str
    signatures: Mapping[str, str]

    @property
    def digest(self) -> str:
        return documents.digest(self.text)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a new canary is judged by: whose it must be, the one before with its number, and the time."""

    service: str
    now: datetime
    before: str | None = None
    number: int = 0


def judge(text: str, signatures: Sequence[str], signers: Signers, ground: Ground) -> Signed | list[str]:
    """What may be published; else everything that stands against it."""
    document = documents.read(text)
    if isinstance(document, str):
        return [f"the document: {document}"]
    good, unsigned = canary_signers.sort_out(signers, text, signatures)
    return [*faults(document, ground), *unsigned] or Signed(document, text, good)


def faults(document: Document, ground: Ground) -> list[str]:
    """What stands against it, whoever signs it."""
    return [*_of_claims(document.claims), *_of_time(document, ground.now), *_of_order(document, ground)]


def is_signed(text: str, signatures: Mapping[str, str], signers: Signers, service: str) -> bool:
    """Whether what was published holds against the signers of today. Fewer signatures than were published may
    be good: a key was replaced since.
    """
    document = documents.read(text)
    if isinstance(document, str) or document.service != service:
        return False
    good, _ = canary_signers.sort_out(signers, text, list(signatures.values()))
    return len(good) >= QUORUM


def state_of(document: Document, now: datetime) -> State:
    """Of one that is signed. It expires the very second that it names."""
    if now >= document.expires:
        return "expired"
    affirmed = all(claim.state == "affirmed" for claim in document.claims)
    return "current" if affirmed and not _of_claims(document.claims) else "incomplete"


def _of_claims(claims: Sequence[Claim]) -> list[str]:
    """All five, each once, in our words and our order; affirmed or not."""
    named = [claim.id for claim in claims]
    found = [f"the statement {each!r} is missing" for each in CLAIMS if each not in named]
    found += [f"the statement {each!r} is not one of the five" for each in named if each not in CLAIMS]
    found += [
        f"the statement {claim.id!r} is not in our words"
        for claim in claims
        if claim.text != CLAIMS.get(claim.id, claim.text)
    ]
    if not found and named != list(CLAIMS):
        found.append("the five statements do not stand once each, in their order")
    return found


def _of_time(document: Document, now: datetime) -> list[str]:
    found: list[str] = []
    lasts, age = document.expires - document.issued, document.issued.date() - document.fact.day
    if document.issued > now:
        found.append("it is issued in the future")
    if document.expires <= now:
        found.append("it has expired already")
    if not SHORTEST <= lasts <= LONGEST:
        found.append(f"it lasts {_days(lasts)}: {SHORTEST.days} to {LONGEST.days} days are allowed")
    if not timedelta(0) <= age <= FACT_AGE:
        found.append(
            f"its public fact is of {document.fact.day}: at most {FACT_AGE.days} days before it was issued"
        )
    return found


def _of_order(document: Document, ground: Ground) -> list[str]:
    """Number and time go on from the one before, whose hash it names."""
    found: list[str] = []
    if document.service != ground.service:
        found.append(f"it is the canary of {document.service!r}, not of {ground.service!r}")
    if document.number != ground.number + 1:
        found.append(f"it has the number {document.number}: the next is {ground.number + 1}")
    if document.previous != (None if ground.before is None else documents.digest(ground.before)):
        found.append("the hash of the one before is another")
    before = None if ground.before is None else documents.read(ground.before)
    if isinstance(before, Document) and document.issued <= before.issued:
        found.append("it was issued before the one that is published, or with it")
    return found


def _days(lasts: timedelta) -> str:
    return f"{lasts / timedelta(days=1):.4g} days"
