"""Whether callers who stay connected may still ask: keys, apps' grants and browsers, all in one question.

Must never keep somebody connected because the question could not be put: that is for whoever asks to decide.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from customers import oauth_grants
from customers.callers import Caller, Role, Scope
from mailcore.database import Database

# An app's access token is not known here: its grant stands while a token that allows the same is valid.
_STANDING: Final = """
select k.id, k.account_id, null as role, null::text[] as of_token, null::text[] as of_app from api_key k
where k.id = any($1::uuid[]) and k.revoked_at is null and (k.expires_at is null or k.expires_at > $4)
union all
select g.id, g.account_id, m.role, t.scopes, a.scopes from oauth_grant g
join oauth_app a on a.id = g.app_id join oauth_token t on t.grant_id = g.id
join membership m on m.account_id = g.account_id and m.person_id = g.person_id
where g.id = any($2::uuid[]) and g.revoked_at is null and t.kind = 'access' and t.expires_at > $4
union all
select s.id, m.account_id, m.role, null, null from browser_session s
join membership m on m.person_id = s.person_id
where s.id = any($3::uuid[]) and s.expires_at > $4
"""


async def of_these(database: Database, now: datetime, callers: Collection[Caller]) -> frozenset[Caller]:
    """Those who may still ask as they did. Whose role or scopes changed may not: they are to ask anew."""
    keys = [who.actor_id for who in callers if who.kind == "key"]
    grants = [who.actor_id for who in callers if who.kind == "app"]
    browsers = [who.session_id for who in callers if who.session_id]
    rows = await database.fetch(_STANDING, keys, grants, browsers, now)
    found = {_of_row(row) for row in rows}
    return frozenset(who for who in callers if _named(who) in found)


_Standing = tuple[UUID, UUID, str | None, frozenset[Scope] | None]


def _of_row(row: Any) -> _Standing:
    """A person by their role, an app by what it may do, a key by itself: its scopes never change."""
    if row["of_token"] is None:
        return row["id"], row["account_id"], row["role"], None
    scopes = oauth_grants.allowed(row["of_token"], row["of_app"], Role(row["role"]))
    return row["id"], row["account_id"], None, scopes


def _named(who: Caller) -> _Standing:
    scopes = who.scopes if who.kind == "app" else None
    return who.session_id or who.actor_id, who.account_id, who.role, scopes
