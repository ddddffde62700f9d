"""Everything an account holds, as a zip of JSON lines, page by page: for whoever moves or closes it.

Must never hold content of mail, a secret or a hash of one, nor a log row past its days; nor hold more than a
page in memory.
"""

import json
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from customers import audit
from mailcore.database import Database, Tenant
from mailcore.event_log import Event, LoggedMessage
from mailcore.log_reader import LogFilter, LogReader

_REQUESTS_KEPT: Final = timedelta(days=7)
_PAGE: Final = 500
LOG: Final = "log"
_NIL: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the zip. The query gets the account ($1) and the last `id` of the page before ($2), and says
    how pages are ordered. Of what is kept for some days only, $3 is their beginning.
    """

    name: str
    query: str
    kept: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """How many are in the zip, and how many there were when it was begun: what comes meanwhile counts too."""

    done: int
    of: int

    def more(self, count: int) -> "Rows":
        done = self.done + count
        return Rows(done, max(done, self.of))


PARTS: Final = (
    Part(
        "account",
        "select a.id, a.name, a.plan, a.created_at, a.policy_told_at, array(select json_build_object("
        "'day', u.day, 'forwarded', u.forwarded, 'refused', u.refused, "
        "'refused_by_plan', u.refused_by_plan, 'bytes', u.bytes) "
        "from usage_day u where u.account_id = a.id order by u.day) as usage "
        "from account a where a.id = $1 and a.id > $2",
    ),
    Part(
        "members",
        "select m.id, p.email, p.name, m.role, m.created_at from membership m "
        "join person p on p.id = m.person_id where m.account_id = $1 and m.id > $2 order by m.id",
    ),
    Part(
        "invitations",
        "select i.id, i.email, i.role, i.invited_by, i.created_at, i.expires_at from invitation i "
        "where i.account_id = $1 and i.id > $2 order by i.id",
    ),
    Part(
        "domains",
        "select d.id, d.name, d.plus_addressing, d.strict_dmarc, d.require_tls, d.spam_threshold, "
        "d.log_level, d.created_at, d.verified_at, d.checked_at, d.off_at "
        "from domain d where d.account_id = $1 and d.id > $2 order by d.id",
    ),
    Part(
        "aliases",
        "select a.id, a.local_part, d.name as domain, a.note, a.enabled, a.created_at, "
        "array(select t.address from alias_destination l join destination t on t.id = l.destination_id "
        "where l.alias_id = a.id order by t.id) as destinations "
        "from alias a join domain d on d.id = a.domain_id "
        "where a.account_id = $1 and a.id > $2 order by a.id",
    ),
    Part(
        "destinations",
        "select t.id, t.address, t.created_at, t.confirmed_at, t.stopped_at, t.failing_since "
        "from destination t where t.account_id = $1 and t.id > $2 order by t.id",
    ),
    Part(
        "keys",
        "select k.id, k.name, k.prefix, k.scopes, k.domain_ids, k.created_at, k.last_used_at, k.expires_at, "
        "k.revoked_at from api_key k where k.account_id = $1 and k.id > $2 order by k.id",
    ),
    Part(
        "apps",
        "select o.id, o.client_id, o.name, o.homepage, o.redirect_uris, o.scopes, o.created_at "
        "from oauth_app o where o.account_id = $1 and o.id > $2 order by o.id",
    ),
    Part(
        "authorizations",
        "select g.id, o.name as app, p.email as person, g.scopes, g.created_at, g.last_used_at, g.revoked_at "
        "from oauth_grant g join oauth_app o on o.id = g.app_id join person p on p.id = g.person_id "
        "where g.account_id = $1 and g.id > $2 order by g.id",
    ),
    Part(
        "audit",
        "select e.id, e.at, e.actor_kind, e.actor, e.action, e.subject_id, e.subject, e.detail "
        "from audit_event e where e.account_id = $1 and e.id > $2 and e.at > $3 order by e.id",
        kept=audit.KEPT,
    ),
    Part(
        "requests",
        "select r.id, r.at, r.actor_kind, r.actor_id, r.method, r.path, r.status, r.duration_ms "
        "from request_log r where r.account_id = $1 and r.id > $2 and r.at > $3 order by r.id",
        kept=_REQUESTS_KEPT,
    ),
)


class _Sink:
    """What the zip has written and nobody has fetched yet. It cannot seek, so sizes follow their data."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def fetch(self) -> bytes:
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)


async def count(database: Database, reader: LogReader, tenant: Tenant, now: datetime) -> Rows:
    """How many rows there are to take out."""
    total = await reader.count(tenant)
    for part in PARTS:
        query = f"select count(*) from ({part.query}) x"
        async with database.transaction(tenant=tenant) as tx:
            total += await tx.value(query, tenant.account_id, _NIL, *_beginning(part, now))
    return Rows(0, total)


async def export(
    database: Database, reader: LogReader, tenant: Tenant, now: datetime, rows: Rows
) -> AsyncIterator[tuple[bytes, Rows]]:
    """The zip in pieces, each with the rows so far; a file `{part}.jsonl` for each part, and `log.jsonl`.

    Every page is a transaction of its own, that sees the tenant's rows only.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, pages in _files(database, reader, tenant, now):
            with archive.open(f"{name}.jsonl", "w", force_zip64=True) as file:
                async for lines in pages:
                    file.write("".join(f"{line}\n" for line in lines).encode())
                    rows = rows.more(len(lines))
                    yield sink.fetch(), rows
    yield sink.fetch(), rows


def _files(
    database: Database, reader: LogReader, tenant: Tenant, now: datetime
) -> Iterator[tuple[str, AsyncIterator[Sequence[str]]]]:
    for part in PARTS:
        yield part.name, _pages(database, tenant, part, _beginning(part, now))
    yield LOG, _log(reader, tenant)


def _beginning(part: Part, now: datetime) -> Sequence[datetime]:
    return () if part.kept is None else (now - part.kept,)


async def _pages(
    database: Database, tenant: Tenant, part: Part, beginning: Sequence[datetime]
) -> AsyncIterator[Sequence[str]]:
    last = _NIL
    query = f"select x.id, to_jsonb(x)::text as line from ({part.query} limit {_PAGE}) x"
    while True:
        async with database.transaction(tenant=tenant) as tx:
            rows = await tx.fetch(query, tenant.account_id, last, *beginning)
        yield [row["line"] for row in rows]
        if len(rows) < _PAGE:
            return
        last = rows[-1]["id"]


# --- the log, newest first ---


async def _log(reader: LogReader, tenant: Tenant) -> AsyncIterator[Sequence[str]]:
    after = None
    while True:
        found = await reader.messages(tenant, LogFilter(silent=True), after, _PAGE)
        messages = [each.message for each in found.rows]
        events = await reader.events(tenant, messages)
        yield [_line(message, events[message.id]) for message in messages]
        if found.next is None:
            return
        after = found.next


def _line(message: LoggedMessage, events: Sequence[Event]) -> str:
    told = {name: value for name, value in asdict(message).items() if name != "account_id"}
    return json.dumps(told | {"events": [_event(event) for event in events]}, default=_text)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _event(event: Event) -> dict[str, object]:
    return {
        "at": event.at,
        "type": event.type,
        "code": event.code,
        "response": event.response,
        "server_ip": event.server_ip,
        "duration_ms": event.duration // timedelta(milliseconds=1),
        "attempt": event.attempt,
        "delivery_id": event.delivery_id,
    }
