"""API keys of the account: make, name, roll, revoke.

Must never show a secret but in the one answer that made it.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel.ext.asyncio.session import AsyncSession

from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, CursorText, Limit, Moment, Page, Text, Whole, id_after, id_cursor
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import ClosesDoors, Doer, MakesSecrets, ReadsAccount, Runtime, Session, WritesAccount
from customers import accounts, api_keys, audit
from customers.api_keys import NewKey
from customers.audit import Subject
from customers.callers import Scope
from mailcore.models import ApiKey

router = APIRouter(prefix="/v1/keys", route_class=Route, tags=["API keys"], responses=responses(403))

_cursor = id_cursor("keys")
_WEEK_HOURS = 7 * 24

KeyName = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
KeyState = Literal["valid", "rolled", "expired", "revoked"]


class KeyNew(Body):
    name: KeyName = Field(description="How you recognise it", examples=["Backup script"])
    scopes: list[Scope] = Field(
        min_length=1, max_length=20, description="At most your own", examples=[["aliases:read"]]
    )
    domain_ids: list[UUID] | None = Field(
        None, min_length=1, max_length=100, description="The only domains it may touch; null for all"
    )
    expires_at: Moment | None = Field(None, description="When it ends, with time zone; null for never")


class KeyPatch(Body):
    name: KeyName = Field(examples=["Backup script"])


class KeyRoll(Body):
    overlap_hours: Whole = Field(24, ge=0, le=_WEEK_HOURS, description="How long the old secret stays valid")


class KeyOut(BaseModel):
    id: UUID
    name: str = Field(examples=["Backup script"])
    prefix: str = Field(description="How its secret begins", examples=["cp_live_abcd"])
    scopes: list[Scope]
    domain_ids: list[UUID] | None
    state: KeyState = Field(description="`rolled`: valid until `expires_at`, with a successor")
    rolled_to: UUID | None = Field(description="Its successor")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute")
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> Self:
        return cls(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            scopes=sorted(api_keys.scopes_of(key)),
            domain_ids=key.domain_ids,
            state=_state(key, now),
            rolled_to=key.rolled_to,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )


class KeyWithSecretOut(KeyOut):
    secret: str = Field(description="Shown only now", examples=["cp_live_..."])


@router.get("", summary="List the keys, ended ones too")
async def list_keys(
    who: ReadsAccount, session: Session, runtime: Runtime, limit: Limit = 50, cursor: CursorText = None
) -> Page[KeyOut]:
    rows = await api_keys.list_of(session, who.account_id, after=id_after("keys", cursor), limit=limit + 1)
    now = runtime.clock.now()
    return Page.of(rows, limit, lambda row: KeyOut.of(row, now), lambda row: _cursor(row.id))


@router.post("", status_code=201, summary="Make a key", responses=responses(403, 404))
async def create_key(
    body: KeyNew, who: MakesSecrets, doer: Doer, session: Session, runtime: Runtime
) -> KeyWithSecretOut:
    """The secret is in this answer and nowhere else. A key that ends makes none that ends later."""
    limited = None if body.domain_ids is None else frozenset(body.domain_ids)
    wanted = NewKey(body.name, frozenset(body.scopes), limited, body.expires_at)
    key, secret = await api_keys.create(
        session,
        runtime.clock,
        runtime.keyring,
        account_id=who.account_id,
        new=api_keys.within_reach(who, wanted),
        live=runtime.settings.environment == "production",
    )
    subject = Subject(key.id, key.name)
    audit.record(
        session, runtime.clock, who.account_id, doer, "key.created", subject, scopes=sorted(key.scopes)
    )
    return _with_secret(key, secret, runtime.clock.now())


@router.get("/{key_id}", summary="Show an API key, without its secret", responses=responses(403, 404))
async def get_key(key_id: UUID, who: ReadsAccount, session: Session, runtime: Runtime) -> KeyOut:
    key = await accounts.get_owned(session, ApiKey, who.account_id, key_id)
    return KeyOut.of(key, runtime.clock.now())


@router.patch("/{key_id}", summary="Change the name of a key", responses=responses(403, 404, 412))
async def update_key(
    key_id: UUID,
    body: KeyPatch,
    who: WritesAccount,
    doer: Doer,
    session: Session,
    runtime: Runtime,
    if_match: IfMatch,
) -> KeyOut:
    await if_match.holds(lambda: _locked(session, runtime, who.account_id, key_id))
    key = await api_keys.rename(session, who.account_id, key_id, body.name)
    audit.record(session, runtime.clock, who.account_id, doer, "key.renamed", Subject(key.id, key.name))
    return KeyOut.of(key, runtime.clock.now())


@router.post(
    "/{key_id}/roll", status_code=201, summary="Give a key a new secret", responses=responses(403, 404, 409)
)
async def roll_key(
    key_id: UUID, body: KeyRoll, who: MakesSecrets, doer: Doer, session: Session, runtime: Runtime
) -> KeyWithSecretOut:
    """Answers with a new key that may what the old one may; the old one ends after the overlap.

    409 `key_ended` for a key that has ended or been rolled already.
    """
    clock, overlap = runtime.clock, timedelta(hours=body.overlap_hours)
    key, secret = await api_keys.roll(session, clock, runtime.keyring, who, key_id, overlap)
    subject = Subject(key_id, key.name)
    audit.record(
        session, clock, who.account_id, doer, "key.rolled", subject, overlap_hours=body.overlap_hours
    )
    return _with_secret(key, secret, clock.now())


@router.delete("/{key_id}", status_code=204, summary="Revoke a key", responses=responses(403, 404, 412))
async def revoke_key(
    key_id: UUID, who: ClosesDoors, doer: Doer, session: Session, runtime: Runtime, if_match: IfMatch
) -> None:
    """At once, for every request that comes after."""
    await if_match.holds(lambda: _locked(session, runtime, who.account_id, key_id))
    key = await api_keys.revoke(session, runtime.clock, who.account_id, key_id)
    audit.record(session, runtime.clock, who.account_id, doer, "key.revoked", Subject(key.id, key.name))


async def _locked(session: AsyncSession, runtime: ApiRuntime, account_id: UUID, key_id: UUID) -> KeyOut:
    key = await accounts.get_owned(session, ApiKey, account_id, key_id, lock=True)
    return KeyOut.of(key, runtime.clock.now())


def _with_secret(key: ApiKey, secret: str, now: datetime) -> KeyWithSecretOut:
    return KeyWithSecretOut(**KeyOut.of(key, now).model_dump(), secret=secret)


def _state(key: ApiKey, now: datetime) -> KeyState:
    if key.revoked_at:
        return "revoked"
    if api_keys.has_ended(key, now):
        return "expired"
    return "rolled" if key.rolled_to else "valid"
