"""What people let apps do: grants with their codes and tokens, and the caller behind an access token.

Must never give a second answer to a code or a refresh token: whoever brings one again ends its grant, and a
refusal must be committed like a success, so it is a value here and not an exception.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, last_use, oauth_secrets
from customers.audit import SERVICE, Actor, Subject
from customers.callers import OF_ROLE, Caller, Role, Scope
from customers.oauth_secrets import Secret
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import NotFound
from mailcore.keyring import Keyring
from mailcore.models import OauthApp, OauthCode, OauthGrant, OauthToken

CODE_LIFE: Final = timedelta(seconds=60)
ACCESS_LIFE: Final = timedelta(hours=1)
REFRESH_LIFE: Final = timedelta(days=30)


class Refused(StrEnum):
    """In the words of RFC 6749 section 5.2. Why a grant is invalid is told to nobody."""

    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"


@dataclass(frozen=True, slots=True)
class Consent:
    """A person of an account said yes to an app. `code_challenge` is of method S256."""

    account_id: UUID
    person_id: UUID
    scopes: Sequence[Scope]
    redirect_uri: str
    code_challenge: str


@dataclass(frozen=True, slots=True)
class Redemption:
    """A code as it came back. `challenge`: S256 of the verifier that came with it."""

    code: str
    redirect_uri: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A pair of tokens, readable this once. The access token has `scopes` and lives for ACCESS_LIFE."""

    access: str
    refresh: str
    scopes: Sequence[str]


async def allow(
    session: AsyncSession, clock: Clock, keyring: Keyring, app: OauthApp, actor: Actor, given: Consent
) -> str:
    """A new grant and its code, which lives for CODE_LIFE."""
    ends = clock.now() + CODE_LIFE
    grant = OauthGrant(
        id=clock.new_id(),
        app_id=app.id,
        account_id=given.account_id,
        person_id=given.person_id,
        scopes=sorted(given.scopes),
        expires_at=ends,
    )
    session.add(grant)
    await session.flush()
    code = oauth_secrets.generate(Secret.CODE)
    session.add(
        OauthCode(
            id=clock.new_id(),
            code_hash=oauth_secrets.hashed(keyring, code),
            grant_id=grant.id,
            redirect_uri=given.redirect_uri,
            code_challenge=given.code_challenge,
            expires_at=ends,
        )
    )
    _record(session, clock, grant, app, "grant.created", actor, scopes=list(grant.scopes))
    return code


async def redeem(
    session: AsyncSession, clock: Clock, keyring: Keyring, app: OauthApp, given: Redemption
) -> Issued | Refused:
    """Tokens for a code, once. The app has proved who it is; a code of another app is none at all.

    A code is used up by the first request of its own app, whatever else is wrong with that.
    """
    query = (
        select(OauthCode, OauthGrant)
        .join(OauthGrant, col(OauthGrant.id) == col(OauthCode.grant_id))
        .where(
            col(OauthCode.code_hash).in_(oauth_secrets.hashes(keyring, given.code)),
            col(OauthGrant.app_id) == app.id,
        )
        .with_for_update()
    )
    if (found := (await session.exec(query)).one_or_none()) is None:
        return Refused.INVALID_GRANT
    code, grant = found
    if code.used_at is not None:  # RFC 6749 section 4.1.2
        _end(session, clock, grant, app, "grant.code_replayed")
        return Refused.INVALID_GRANT
    code.used_at = clock.now()
    fits = (
        given.redirect_uri == code.redirect_uri
        and hmac.compare_digest(given.challenge, code.code_challenge)
        and clock.now() < code.expires_at
    )
    if not fits or grant.revoked_at is not None:
        return Refused.INVALID_GRANT
    return _issue(session, clock, keyring, grant, grant.scopes)


async def refresh(
    session: AsyncSession,
    clock: Clock,
    keyring: Keyring,
    app: OauthApp,
    token: str,
    wanted: Sequence[str] | None = None,
) -> Issued | Refused:
    """A new pair for a refresh token, once (RFC 9700 section 4.14.2). `wanted`: fewer scopes, for this access
    token alone (RFC 6749 section 6).

    Two at the same moment are a reuse as well: which of them is the thief cannot be told.
    """
    if (found := await _token(session, keyring, app, token)) is None or found[0].kind != "refresh":
        return Refused.INVALID_GRANT
    row, grant = found
    if row.used_at is not None:
        _end(session, clock, grant, app, "grant.refresh_reused")
        return Refused.INVALID_GRANT
    if grant.revoked_at is not None or clock.now() >= row.expires_at:
        return Refused.INVALID_GRANT
    scopes = grant.scopes if wanted is None else sorted(set(wanted))
    if not scopes or not set(scopes) <= set(grant.scopes):
        return Refused.INVALID_SCOPE
    row.used_at = clock.now()
    return _issue(session, clock, keyring, grant, scopes)


async def give_back(session: AsyncSession, clock: Clock, keyring: Keyring, app: OauthApp, token: str) -> None:
    """RFC 7009: a refresh token ends with its whole grant, an access token alone. Any other is no error."""
    if (found := await _token(session, keyring, app, token)) is None:
        return
    row, grant = found
    if row.kind == "refresh":
        _end(session, clock, grant, app, "grant.revoked", Actor("app", app.name, grant.id))
    else:
        await session.delete(row)


async def authenticate(database: Database, keyring: Keyring, now: datetime, secret: str) -> Caller | None:
    """The app behind an access token, with what its token, the app and the person's role allow right now."""
    if not oauth_secrets.is_a(Secret.ACCESS, secret):
        return None
    row = await database.row(
        "select t.scopes, a.scopes as of_app, a.name, g.id, g.account_id, g.last_used_at, m.role, "
        "c.suspended_at is not null as is_suspended "
        "from oauth_token t join oauth_grant g on g.id = t.grant_id join oauth_app a on a.id = g.app_id "
        "join account c on c.id = g.account_id "
        "join membership m on m.account_id = g.account_id and m.person_id = g.person_id "
        "where t.token_hash = any($1::text[]) and t.kind = 'access' and t.expires_at > $2 "
        "and g.revoked_at is null",
        oauth_secrets.hashes(keyring, secret),
        now,
    )
    if row is None:
        return None
    await last_use.note(database, "oauth_grant", row["id"], row["last_used_at"], now)
    scopes = allowed(row["scopes"], row["of_app"], Role(row["role"]))
    return Caller(row["account_id"], "app", row["id"], row["name"], scopes, is_suspended=row["is_suspended"])


def allowed(of_token: Sequence[str], of_app: Sequence[str], role: Role) -> frozenset[Scope]:
    """What an app may do: no more than its token says, than it may ask for at all, than the person may."""
    return frozenset(Scope(scope) for scope in set(of_token) & set(of_app)) & OF_ROLE[role]


async def list_of(
    session: AsyncSession, account_id: UUID, now: datetime, *, after: UUID | None, limit: int
) -> Sequence[tuple[OauthGrant, OauthApp]]:
    """Grants that still let an app act for the account, the oldest first."""
    query = (
        select(OauthGrant, OauthApp)
        .join(OauthApp, col(OauthApp.id) == col(OauthGrant.app_id))
        .where(
            col(OauthGrant.account_id) == account_id,
            col(OauthGrant.revoked_at).is_(None),
            col(OauthGrant.expires_at) > now,
        )
    )
    return (await session.exec(accounts.page_of(query, OauthGrant.id, after=after, limit=limit))).all()


async def get(session: AsyncSession, account_id: UUID, grant_id: UUID) -> tuple[OauthGrant, OauthApp]:
    """A grant of this account that is not revoked, locked. Raises NotFound."""
    query = (
        select(OauthGrant, OauthApp)
        .join(OauthApp, col(OauthApp.id) == col(OauthGrant.app_id))
        .where(
            col(OauthGrant.id) == grant_id,
            col(OauthGrant.account_id) == account_id,
            col(OauthGrant.revoked_at).is_(None),
        )
        .with_for_update(of=OauthGrant)
    )
    if (found := (await session.exec(query)).one_or_none()) is None:
        raise NotFound("There is no such thing in this account.")
    return found


def revoke(session: AsyncSession, clock: Clock, grant: OauthGrant, app: OauthApp, actor: Actor) -> None:
    _end(session, clock, grant, app, "grant.revoked", actor)


async def end_all_of(session: AsyncSession, clock: Clock, app: OauthApp) -> None:
    """Before an app is deleted: every account that let it act reads so in its audit log."""
    query = select(OauthGrant).where(col(OauthGrant.app_id) == app.id, col(OauthGrant.revoked_at).is_(None))
    for grant in (await session.exec(query.with_for_update())).all():
        _end(session, clock, grant, app, "grant.revoked", SERVICE, reason="the app was deleted")


async def expire(database: Database, now: datetime) -> None:
    """What is over. A refresh token that was used stays until its end: it must be known if it comes again."""
    for table in ("oauth_token", "oauth_grant"):
        await database.delete_in_batches(table, "expires_at < $1", now)


async def _token(
    session: AsyncSession, keyring: Keyring, app: OauthApp, token: str
) -> tuple[OauthToken, OauthGrant] | None:
    """A token of this app, locked with its grant."""
    query = (
        select(OauthToken, OauthGrant)
        .join(OauthGrant, col(OauthGrant.id) == col(OauthToken.grant_id))
        .where(
            col(OauthToken.token_hash).in_(oauth_secrets.hashes(keyring, token)),
            col(OauthGrant.app_id) == app.id,
        )
        .with_for_update()
    )
    return (await session.exec(query)).one_or_none()


def _issue(
    session: AsyncSession, clock: Clock, keyring: Keyring, grant: OauthGrant, scopes: Sequence[str]
) -> Issued:
    """A pair. The refresh token keeps all scopes of the grant, whatever this access token has."""
    access, again = oauth_secrets.generate(Secret.ACCESS), oauth_secrets.generate(Secret.REFRESH)
    now = clock.now()
    grant.expires_at = now + REFRESH_LIFE
    for kind, secret, allowed, life in (
        ("access", access, scopes, ACCESS_LIFE),
        ("refresh", again, grant.scopes, REFRESH_LIFE),
    ):
        session.add(
            OauthToken(
                id=clock.new_id(),
                grant_id=grant.id,
                kind=kind,
                token_hash=oauth_secrets.hashed(keyring, secret),
                scopes=list(allowed),
                expires_at=now + life,
            )
        )
    return Issued(access, again, scopes)


def _end(
    session: AsyncSession,
    clock: Clock,
    grant: OauthGrant,
    app: OauthApp,
    action: str,
    actor: Actor = SERVICE,
    **detail: str,
) -> None:
    """All tokens of a grant, at once; a grant that has ended already is only written down."""
    grant.revoked_at = grant.revoked_at or clock.now()
    _record(session, clock, grant, app, action, actor, **detail)


def _record(
    session: AsyncSession,
    clock: Clock,
    grant: OauthGrant,
    app: OauthApp,
    action: str,
    actor: Actor,
    **detail: str | list[str],
) -> None:
    audit.record(session, clock, grant.account_id, actor, action, Subject(grant.id, app.name), **detail)
