"""Everything an account holds, as a zip of JSON lines, page by page: for whoever moves or closes it.

Must never hold content of mail, a secret or a hash of one, nor a log row past its days; nor hold more than a
page in memory.
"""

import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from customers import audit
from mailcore.database import Database, Tenant

_REQUESTS_KEPT: Final = timedelta(days=7)
_PAGE: Final = 500
_NIL: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the zip. The query gets the account ($1) and the last `id` of the page before ($2), and says
    how pages are ordered. Of what is kept for some days only, $3 is their beginning; in the log, whose days
    are a setting, $3 goes on with the rows.
    """

    name: str
    query: str
    kept: timedelta | None = None
    in_log: bool = False


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
        "d.created_at, d.verified_at, d.checked_at, d.off_at "
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
    Part(
        "log",
        "select l.id, l.received_at, l.domain_id, l.client_ip, l.client_name, l.subject, l.sender, l.alias, "
        "array(select json_build_object('at', e.at, 'type', e.type, 'code', e.code, 'response', e.response, "
        "'server_ip', e.server_ip, 'duration_ms', e.duration_ms, 'attempt', e.attempt, "
        "'delivery_id', e.delivery_id) from log_event e "
        "where e.message_id = l.id and e.received_at = l.received_at order by e.id) as events "
        "from log_message l where l.account_id = $1 and (l.received_at, l.id) > ($3::timestamptz, $2) "
        "order by l.received_at, l.id",
        in_log=True,
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


async def export(
    database: Database, tenant: Tenant, now: datetime, retention: timedelta
) -> AsyncIterator[bytes]:
    """The zip in pieces; a file `{part}.jsonl` for each part. `retention`: the log's days.

    Every page is a transaction of its own, that sees the tenant's rows only.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for part in PARTS:
            with archive.open(f"{part.name}.jsonl", "w", force_zip64=True) as file:
                async for page in _pages(database, tenant, part, _beginning(part, now, retention)):
                    file.write(page)
                    yield sink.fetch()
    yield sink.fetch()


def _beginning(part: Part, now: datetime, retention: timedelta) -> datetime | None:
    kept = retention if part.in_log else part.kept
    return None if kept is None else now - kept


async def _pages(
    database: Database, tenant: Tenant, part: Part, moment: datetime | None
) -> AsyncIterator[bytes]:
    last = _NIL
    query = f"select x.*, to_jsonb(x)::text as line from ({part.query} limit {_PAGE}) x"
    while True:
        rows = await _read(database, tenant, query, [last] if moment is None else [last, moment])
        if rows:
            yield "".join(row["line"] + "\n" for row in rows).encode()
        if len(rows) < _PAGE:
            return
        last = rows[-1]["id"]
        if part.in_log:
            moment = rows[-1]["received_at"]


async def _read(database: Database, tenant: Tenant, query: str, after: list[object]) -> list[Any]:
    async with database.transaction(tenant=tenant) as tx:
        return await tx.fetch(query, tenant.account_id, *after)
