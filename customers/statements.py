"""Statements: what we attest to every hour, signed, each with the hash of the one before.

One an hour, whoever of us runs. Must never be changed, nor issued for an hour that is over, nor hold anything
of an account.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from customers import canaries
from mailcore import holdings, ledger, service_counts
from mailcore.attestation import Signed, Signer, id_of
from mailcore.clock import Clock
from mailcore.database import Database, Transaction
from mailcore.holdings import Holdings
from mailcore.ledger import Balance
from mailcore.service_counts import Counted
from mailcore.service_status import VERSION

# Of the first statement, which has none before it.
NOTHING_BEFORE: Final = "0" * 64
EVERY: Final = timedelta(hours=1)
_COLUMNS: Final = "number, at, signed, key, signature"


@dataclass(frozen=True, slots=True)
class Statement:
    number: int
    at: datetime
    signed: Signed

    @property
    def hash(self) -> str:
        """What the next one names: SHA-256 of the text, in hex."""
        return hashlib.sha256(self.signed.text.encode()).hexdigest()

    @property
    def keys(self) -> Sequence[str]:
        """The public keys that may sign the next one: it is believed under these alone."""
        return [str(key) for key in json.loads(self.signed.text)["keys"]]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What was found for one statement."""

    held: Holdings
    lines: Sequence[Balance]
    counts: Mapping[Counted, int]


async def issue(database: Database, signer: Signer, clock: Clock, service: str) -> bool:
    """The statement of this hour, if there is none yet; whether one was made. `service`: our public URL."""
    if not _is_due(await newest(database), clock.now()):
        return False
    facts = await _look(database)
    async with database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(hashtext('statements'))")
        before, now = await _newest(tx), clock.now().replace(microsecond=0)
        if not _is_due(before, now):
            return False
        number = before.number + 1 if before else 1
        told = {
            "number": number,
            "at": _moment(now),
            "previous": before.hash if before else NOTHING_BEFORE,
            "service": service,
            **_in_words(facts, now),
            "canary": await canaries.witnessed(tx),
            "keys": list(signer.public_keys.values()),
        }
        signed = signer.sign("statement", json.dumps(told), believed=before.keys if before else ())
        await tx.execute(
            f"insert into statement ({_COLUMNS}) values ($1, $2, $3, $4, $5)",
            *(number, now, signed.text, signed.key, signed.signature),
        )
    return True


def _is_due(before: Statement | None, now: datetime) -> bool:
    """A clock that was set back makes none."""
    return before is None or _hour(now) > _hour(before.at)


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


async def _look(database: Database) -> _Facts:
    held = await holdings.look(database)
    lines = await ledger.balance(database)
    async with database.transaction() as tx:
        return _Facts(held, lines, await service_counts.read(tx))


def _in_words(facts: _Facts, now: datetime) -> dict[str, Any]:
    held, counts = facts.held, facts.counts
    return {
        "version": VERSION,
        "log": {
            "messages": held.logged_messages,
            "events": held.logged_events,
            "oldest_seconds": _age(held.logged_since, now),
        },
        "waiting": {"messages": held.waiting_messages, "oldest_seconds": _age(held.waiting_since, now)},
        "ledger": [asdict(line) | {"difference": line.difference} for line in facts.lines],
        "destroyed": {
            name.removesuffix(" destroyed"): count
            for name, count in counts.items()
            if name.endswith(" destroyed")
        },
        "staff_views": counts["staff views"],
    }


def _age(since: datetime | None, now: datetime) -> int | None:
    return None if since is None else max(0, int((now - since).total_seconds()))


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- for whoever asks ---


async def newest(database: Database) -> Statement | None:
    async with database.transaction() as tx:
        return await _newest(tx)


async def _newest(tx: Transaction) -> Statement | None:
    row = await tx.row(f"select {_COLUMNS} from statement order by number desc limit 1")
    return _shown(row) if row else None


async def find(database: Database, number: int) -> Statement | None:
    row = await database.row(f"select {_COLUMNS} from statement where number = $1", number)
    return _shown(row) if row else None


async def after(database: Database, number: int, limit: int) -> Sequence[Statement]:
    """Those that follow, the oldest first."""
    query = f"select {_COLUMNS} from statement where number > $1 order by number limit $2"
    return [_shown(row) for row in await database.fetch(query, number, limit)]


async def latest(database: Database, limit: int) -> Sequence[Statement]:
    """The newest first."""
    rows = await database.fetch(f"select {_COLUMNS} from statement order by number desc limit $1", limit)
    return [_shown(row) for row in rows]


async def announced(database: Database) -> Mapping[str, str]:
    """Every public key that ever signed or was named beside one that did: id -> 64 hex digits."""
    rows = await database.fetch("select distinct on (key) signed from statement order by key, number desc")
    keys = [key for row in rows for key in json.loads(row["signed"])["keys"]]
    return {id_of(key): key for key in keys}


def _shown(row: Any) -> Statement:
    return Statement(row["number"], row["at"], Signed(row["signed"], row["key"], row["signature"]))
