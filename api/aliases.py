"""Aliases: what stands before the @, and where its mail goes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.destinations import DestinationOut
from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, CursorText, Flag, Limit, Page, SearchText, Text, id_after, id_cursor
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Doer, ReadsAliases, Runtime, Session, WritesAliases
from customers import accounts, aliases, audit, destinations, domains, sign_in_aliases
from customers.aliases import AliasChange, AliasFilter, NewAlias
from customers.audit import Actor, Subject
from customers.callers import Caller
from mailcore import changes
from mailcore.models import Alias, Destination, Domain

router = APIRouter(prefix="/v1", route_class=Route, tags=["Aliases"], responses=responses(404))

_cursor = id_cursor("aliases")

Wanted = Annotated[
    list[Text],
    Field(
        min_length=1,
        max_length=100,
        description="Addresses, or ids of destinations",
        examples=[["you@example.net"]],
    ),
]
Order = Annotated[Literal["oldest", "newest"], Query(description="Which come first; the same on all pages")]
Note = Annotated[Text, Field(description="For yourself", examples=["Newsletters"])]


class AliasNew(Body):
    local_part: Text = Field(description="What stands before the @; `*` is the catch-all", examples=["hello"])
    destinations: Wanted
    note: Note = ""
    enabled: Flag = Field(True, description="Off: mail is refused with 550 5.2.1")


class AliasPatch(Body):
    """null or absent leaves a thing as it is."""

    destinations: Wanted | None = None
    note: Note | None = None
    enabled: Flag | None = None


class AliasOut(BaseModel):
    id: UUID
    domain_id: UUID
    local_part: str = Field(examples=["hello"])
    address: str = Field(examples=["hello@example.org"])
    destinations: list[DestinationOut]
    note: str
    enabled: bool
    paused_at: datetime | None = Field(
        description="Mail is refused with 550 5.2.1: the plan has no room for it since a downgrade; an "
        "upgrade wakes it"
    )
    created_at: datetime


@router.get("/aliases", summary="List the aliases of all domains, or of one")
async def list_aliases(
    who: ReadsAliases,
    session: Session,
    domain_id: UUID | None = None,
    destination_id: UUID | None = None,
    enabled: bool | None = None,
    q: SearchText = None,
    order: Order = "oldest",
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[AliasOut]:
    """`q` is looked for in the address and the note."""
    wanted = AliasFilter(domain_id, q, destination_id, enabled)
    return await _page(session, who.account_id, wanted, order, cursor, limit)


@router.get("/domains/{domain_id}/aliases", summary="List the aliases of a domain")
async def list_domain_aliases(
    domain_id: UUID,
    who: ReadsAliases,
    session: Session,
    q: SearchText = None,
    order: Order = "oldest",
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[AliasOut]:
    await accounts.get_owned(session, Domain, who.account_id, domain_id)
    return await _page(session, who.account_id, AliasFilter(domain_id, q), order, cursor, limit)


@router.post(
    "/domains/{domain_id}/aliases",
    status_code=201,
    summary="Create an alias",
    responses=responses(403, 404, 409),
)
async def create_alias(
    domain_id: UUID, body: AliasNew, who: WritesAliases, session: Session, runtime: Runtime, doer: Doer
) -> AliasOut:
    """Addresses that are no destinations yet become ones."""
    await _check_guard(session, who, domain_id, aliases.checked_local_part(body.local_part))
    new = NewAlias(body.local_part, body.destinations, body.note, body.enabled)
    clock, settings, keyring = runtime.clock, runtime.settings, runtime.keyring
    alias = await aliases.create(session, clock, settings, keyring, who.account_id, domain_id, new)
    made = await _one(session, who.account_id, alias)
    names = [each.address for each in made.destinations]
    account = who.account_id
    await _tell(session, runtime, doer, account, "created", made, destinations=names, enabled=made.enabled)
    return made


@router.get("/aliases/{alias_id}", summary="Show an alias")
async def get_alias(alias_id: UUID, who: ReadsAliases, session: Session) -> AliasOut:
    return await _one(
        session, who.account_id, await accounts.get_owned(session, Alias, who.account_id, alias_id)
    )


@router.patch("/aliases/{alias_id}", summary="Change an alias", responses=responses(403, 404, 412))
async def update_alias(
    alias_id: UUID,
    body: AliasPatch,
    who: WritesAliases,
    session: Session,
    runtime: Runtime,
    if_match: IfMatch,
    doer: Doer,
) -> AliasOut:
    await if_match.holds(lambda: _locked(session, who.account_id, alias_id))
    was = await accounts.get_owned(session, Alias, who.account_id, alias_id)
    await _check_guard(session, who, was.domain_id, was.local_part)
    wanted = AliasChange(body.destinations, body.note, body.enabled)
    clock, settings, keyring = runtime.clock, runtime.settings, runtime.keyring
    alias = await aliases.change(session, clock, settings, keyring, who.account_id, alias_id, wanted)
    now = await _one(session, who.account_id, alias)
    told: dict[str, Any] = body.model_dump(exclude_none=True)
    if body.destinations is not None:
        told["destinations"] = [each.address for each in now.destinations]
    await _tell(session, runtime, doer, who.account_id, "changed", now, **told)
    return now


@router.delete(
    "/aliases/{alias_id}", status_code=204, summary="Delete an alias", responses=responses(404, 412)
)
async def delete_alias(
    alias_id: UUID, who: WritesAliases, session: Session, runtime: Runtime, if_match: IfMatch, doer: Doer
) -> None:
    """Mail that still waits for it ends as hard-bounced: cancelled."""
    await if_match.holds(lambda: _locked(session, who.account_id, alias_id))
    alias = await accounts.get_owned(session, Alias, who.account_id, alias_id)
    await _check_guard(session, who, alias.domain_id, alias.local_part)
    was = await _one(session, who.account_id, alias)
    await aliases.remove(session, who.account_id, alias_id)
    await _tell(session, runtime, doer, who.account_id, "deleted", was)


async def _check_guard(session: AsyncSession, who: Caller, domain_id: UUID, local_part: str) -> None:
    """Raises Forbidden where this alias could sign somebody in as another."""
    (await sign_in_aliases.guarded_from(session, who)).check(domain_id, local_part)


async def _tell(
    session: AsyncSession,
    runtime: ApiRuntime,
    doer: Actor,
    account_id: UUID,
    what: Literal["created", "changed", "deleted"],
    alias: AliasOut,
    **detail: str | bool | list[str],
) -> None:
    """The audit log, and open pages."""
    about = Subject(alias.id, alias.address)
    audit.record(session, runtime.clock, account_id, doer, f"alias.{what}", about, **detail)
    await changes.note(session, account_id, "alias", alias.id, what=what, domain_id=str(alias.domain_id))


async def _page(
    session: AsyncSession,
    account_id: UUID,
    wanted: AliasFilter,
    order: Order,
    cursor: str | None,
    limit: int,
) -> Page[AliasOut]:
    after, newest = id_after("aliases", cursor), order == "newest"
    rows = await aliases.list_of(
        session, account_id, wanted, after=after, limit=limit + 1, newest_first=newest
    )
    linked = await destinations.of_aliases(session, [alias.id for alias in rows])
    names = await domains.names(session, account_id, {alias.domain_id for alias in rows})

    def show(alias: Alias) -> AliasOut:
        # A domain deleted between these questions has taken the alias along: no name, and soon no row.
        return _shown(alias, names.get(alias.domain_id, ""), linked[alias.id])

    return Page.of(rows, limit, show, lambda alias: _cursor(alias.id))


async def _one(session: AsyncSession, account_id: UUID, alias: Alias) -> AliasOut:
    domain = await accounts.get_owned(session, Domain, account_id, alias.domain_id)
    linked = await destinations.of_aliases(session, [alias.id])
    return _shown(alias, domain.name, linked[alias.id])


async def _locked(session: AsyncSession, account_id: UUID, alias_id: UUID) -> AliasOut:
    return await _one(
        session, account_id, await accounts.get_owned(session, Alias, account_id, alias_id, lock=True)
    )


def _shown(alias: Alias, domain: str, linked: Sequence[Destination]) -> AliasOut:
    return AliasOut(
        id=alias.id,
        domain_id=alias.domain_id,
        local_part=alias.local_part,
        address=f"{alias.local_part}@{domain}",
        destinations=[DestinationOut.of(destination) for destination in linked],
        note=alias.note,
        enabled=alias.enabled,
        paused_at=alias.paused_at,
        created_at=alias.created_at,
    )
