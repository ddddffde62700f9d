"""The warrant canaries that were published: the gate to their table, which only grows.

People sign them off this server, which has public keys only. Must never make, renew or change one, nor call
one current that is not signed by two of the three, or has expired.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import audit, canary_rules, canary_signers
from customers import canary_document as documents
from customers.audit import Actor, Subject
from customers.canary_document import Document
from customers.canary_rules import Ground, Signed, State
from customers.canary_signers import Signers
from mailcore.clock import Clock
from mailcore.database import Database, Transaction
from mailcore.errors import Conflict, Invalid
from mailcore.models import Canary
from mailcore.settings import Settings

_COLUMNS: Final = "select number, document, signatures, published_at from canary"


@dataclass(frozen=True, slots=True)
class Published:
    """`document` is None where the row holds none any more: somebody changed it in the database."""

    number: int
    text: str
    signatures: Mapping[str, str]
    published_at: datetime
    document: Document | None

    @property
    def digest(self) -> str:
        return documents.digest(self.text)


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest canary, and whether it is signed; what it is worth depends on the second."""

    newest: Published | None
    signers: Signers | None
    is_signed: bool

    def state(self, now: datetime) -> State:
        if self.newest is None:
            return "none"
        if self.newest.document is None or not self.is_signed:
            return "unverified"
        return canary_rules.state_of(self.newest.document, now)


# --- what everybody may read ---


async def standing(database: Database, settings: Settings) -> Standing:
    """Verified anew each time: neither a row nor a file of keys is believed for what it was."""
    row = await database.row(f"{_COLUMNS} order by number desc limit 1")
    newest, signers = row and _published(row), canary_signers.of(settings.canary_signers)
    if not isinstance(signers, Signers):
        return Standing(newest, None, False)
    return Standing(newest, signers, newest is not None and _is_signed(newest, signers, settings))


def _is_signed(one: Published, signers: Signers, settings: Settings) -> bool:
    held = canary_rules.is_signed(one.text, one.signatures, signers, settings.service_domain)
    return held and one.document is not None and one.document.number == one.number


async def every(database: Database, limit: int | None = None) -> Sequence[Published]:
    """The newest first. There are a dozen a year."""
    return [
        _published(row) for row in await database.fetch(f"{_COLUMNS} order by number desc limit $1", limit)
    ]


def verified(found: Sequence[Published], settings: Settings) -> Sequence[bool]:
    """Of the newest and those before it: whether each is signed by those who sign today; or, as keys are
    replaced, well signed by others and named by the hash in the next one, which holds.
    """
    signers = canary_signers.of(settings.canary_signers)
    held: list[bool] = []
    for place, each in enumerate(found):
        by_ours = isinstance(signers, Signers) and _is_signed(each, signers, settings)
        held.append(by_ours or (place > 0 and held[-1] and _is_named(each, found[place - 1])))
    return held


def _is_named(one: Published, by: Published) -> bool:
    named = by.document is not None and (by.number, by.document.previous) == (one.number + 1, one.digest)
    return named and canary_signers.by_whomever(one.text, list(one.signatures.values()))


async def one(database: Database, number: int) -> Published | None:
    row = await database.row(f"{_COLUMNS} where number = $1", number)
    return _published(row) if row else None


async def witnessed(tx: Transaction) -> dict[str, Any] | None:
    """What a statement names of the newest: its number, and the SHA-256 of its document."""
    row = await tx.row("select number, document from canary order by number desc limit 1")
    return {"number": row["number"], "sha256": documents.digest(row["document"])} if row else None


def _published(row: Any) -> Published:
    document = documents.read(row["document"])
    return Published(
        number=row["number"],
        text=row["document"],
        signatures=json.loads(row["signatures"]),
        published_at=row["published_at"],
        document=None if isinstance(document, str) else document,
    )


# --- publishing: by our staff, or on the server's command line ---


async def ground(session: AsyncSession, clock: Clock, settings: Settings) -> Ground:
    """What the next canary is judged by."""
    query = select(Canary).order_by(col(Canary.number).desc()).limit(1)
    before = (await session.exec(query)).one_or_none()
    now, service = clock.now(), settings.service_domain
    return Ground(service, now, before.document, before.number) if before else Ground(service, now)


async def check(
    session: AsyncSession, clock: Clock, settings: Settings, text: str, signatures: Sequence[str]
) -> Signed:
    """As `publish` would judge it, and nothing else. Raises Invalid with all that is wrong."""
    signers = canary_signers.of(settings.canary_signers)
    if not isinstance(signers, Signers):
        raise Invalid(f"No canary can be published: {signers or 'CLEARPOST_CANARY_SIGNERS is not set'}.")
    judged = canary_rules.judge(text, signatures, signers, await ground(session, clock, settings))
    if not isinstance(judged, Signed):
        raise Invalid(f"This canary is refused: {'; '.join(judged)}.")
    return judged


async def publish(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    actor: Actor,
    text: str,
    signatures: Sequence[str],
) -> Signed:
    """For good, with a line in the service's audit log. Raises Invalid, Conflict."""
    signed = await check(session, clock, settings, text, signatures)
    number = signed.document.number
    row = {
        "number": number,
        "document": text,
        "signatures": dict(signed.signatures),
        "published_at": clock.now(),
    }
    made = await session.exec(insert(Canary).values(**row).on_conflict_do_nothing())
    if made.rowcount != 1:
        raise Conflict(f"A canary with the number {number} was published a moment ago.")
    about = Subject(None, f"canary {number}")
    audit.record(session, clock, None, actor, "canary.published", about, signers=sorted(signed.signatures))
    return signed
