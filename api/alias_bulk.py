"""Many aliases at once: a list of what to do, or one change for all that match.

Must never refuse the whole for one item, unless `all_or_nothing` asks for it.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.aliases import AliasNew, AliasPatch
from api.errors import responses
from api.fields import Body, Flag, Text, Whole, id_after, id_cursor
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Doer, Runtime, Session, WritesAliases
from customers import alias_bulk, aliases, audit, sign_in_aliases
from customers.alias_bulk import Before, Bulk, Change, Create, Delete, Done, Item, Outcomes
from customers.aliases import AliasChange, AliasFilter, NewAlias
from customers.audit import Actor, Subject
from customers.callers import Caller
from mailcore import changes
from mailcore.errors import BusinessError

router = APIRouter(prefix="/v1/aliases", route_class=Route, tags=["Aliases"], responses=responses(403, 404))

MOST: int = 1000
_NAMED_IN_AUDIT = 100
_cursor = id_cursor("matching aliases")
_Action = Literal["create", "change", "delete"]
_ACTIONS: dict[type[Item], tuple[_Action, int]] = {
    Create: ("create", 201),
    Change: ("change", 200),
    Delete: ("delete", 204),
}


class CreateItem(AliasNew):
    action: Literal["create"]
    domain_id: UUID

    def item(self) -> Create:
        return Create(self.domain_id, NewAlias(self.local_part, self.destinations, self.note, self.enabled))


class ChangeItem(AliasPatch):
    action: Literal["change"]
    id: UUID

    def item(self) -> Change:
        return Change(self.id, AliasChange(self.destinations, self.note, self.enabled))


class DeleteItem(Body):
    action: Literal["delete"]
    id: UUID

    def item(self) -> Delete:
        return Delete(self.id)


class _Manner(Body):
    dry_run: Flag = Field(False, description="Only tell what would happen")
    all_or_nothing: Flag = Field(False, description="Change nothing where one item is refused")


class BulkNew(_Manner):
    items: list[Annotated[CreateItem | ChangeItem | DeleteItem, Field(discriminator="action")]] = Field(
        min_length=1, max_length=MOST
    )


class AliasMatch(Body):
    """All that is given must fit; `{}` fits every alias."""

    domain_id: UUID | None = None
    q: Annotated[Text, Field(min_length=1, max_length=200)] | None = Field(
        None, description="In the address or the note"
    )
    destination_id: UUID | None = Field(None, description="Forwards there, perhaps among others")
    enabled: Flag | None = None


class MatchNew(_Manner):
    match: AliasMatch
    change: AliasPatch
    limit: Whole = Field(MOST, ge=1, le=MOST, description="Change so many, then answer")
    cursor: Annotated[Text, Field(max_length=200)] | None = Field(
        None, description="`next_cursor` of the answer before"
    )


class BeforeOut(BaseModel):
    """What the alias was: send it back as a change, or as a new alias, to undo this."""

    domain_id: UUID
    local_part: str
    destinations: list[UUID]
    note: str
    enabled: bool

    @classmethod
    def of(cls, before: Before) -> Self:
        return cls(
            domain_id=before.domain_id,
            local_part=before.local_part,
            destinations=list(before.destinations),
            note=before.note,
            enabled=before.enabled,
        )


class ResultOut(BaseModel):
    """`status` and `code` are those that the item would have got by itself."""

    index: int = Field(description="Which item, from 0")
    action: _Action
    status: int = Field(examples=[201])
    code: str | None = Field(description="Why it was refused", examples=["alias_exists"])
    detail: str | None
    id: UUID | None = Field(description="The alias; null where none was made")
    before: BeforeOut | None

    @classmethod
    def of(cls, index: int, item: Item | BusinessError, outcome: Done | BusinessError, applied: bool) -> Self:
        action, good = ("create", 201) if isinstance(item, BusinessError) else _ACTIONS[type(item)]
        named = item.alias_id if isinstance(item, Change | Delete) else None
        told: dict[str, Any] = {"index": index, "action": action, "before": None}
        if isinstance(outcome, BusinessError):
            refused = {"status": outcome.status, "code": outcome.code, "detail": outcome.detail, "id": named}
            return cls(**told | refused)
        before = BeforeOut.of(outcome.before) if outcome.before else None
        known = outcome.alias_id if applied else named
        return cls(**told | {"status": good, "code": None, "detail": None, "id": known, "before": before})


class CountsOut(BaseModel):
    created: int
    changed: int
    deleted: int
    refused: int


class SummaryOut(BaseModel):
    """`applied` false: nothing was changed, and `status` of each result is what it would have been."""

    applied: bool
    dry_run: bool
    counts: CountsOut


class BulkOut(SummaryOut):
    results: list[ResultOut]


class MatchOut(BulkOut):
    has_more: bool = Field(description="Whether more aliases match")
    left: int = Field(description="How many more match: with those done, the way that is left", examples=[0])
    next_cursor: str | None = Field(description="Give it as `cursor` to go on with them")


@router.post("/bulk", summary="Create, change and delete many aliases")
async def bulk_aliases(
    body: BulkNew, who: WritesAliases, doer: Doer, session: Session, runtime: Runtime
) -> BulkOut:
    """Up to 1,000 items, done in their order; each succeeds or fails by itself, and never by half.

    An alias may be changed or deleted by one item only.
    """
    items: Sequence[Item] = [each.item() for each in body.items]
    bulk = await _bulk(body, who, session, runtime)
    outcomes = await bulk.apply(items)
    counts = counted(items, outcomes)
    await note(bulk, who, doer, "alias.bulk_changed", counts, outcomes)
    return BulkOut(
        applied=outcomes.applied, dry_run=body.dry_run, counts=counts, results=told(items, outcomes)
    )


@router.post("/bulk-change", summary="Change all aliases that match")
async def change_matching_aliases(
    body: MatchNew, who: WritesAliases, doer: Doer, session: Session, runtime: Runtime
) -> MatchOut:
    """1,000 at a time, oldest first: while `has_more` is true, send the same with `cursor`. To undo it, send
    what each was `before` to /v1/aliases/bulk, in items that change it back.
    """
    match, after = body.match, id_after("matching aliases", body.cursor)
    wanted = AliasFilter(match.domain_id, match.q, match.destination_id, match.enabled)
    rows = await aliases.list_of(session, who.account_id, wanted, after=after, limit=body.limit + 1)
    change = AliasChange(body.change.destinations, body.change.note, body.change.enabled)
    items: Sequence[Item] = [Change(alias.id, change) for alias in rows[: body.limit]]
    bulk = await _bulk(body, who, session, runtime)
    outcomes = await bulk.apply(items)
    counts = counted(items, outcomes)
    await note(bulk, who, doer, "alias.bulk_changed", counts, outcomes)
    last = rows[body.limit - 1].id if len(rows) > body.limit else None
    return MatchOut(
        applied=outcomes.applied,
        dry_run=body.dry_run,
        counts=counts,
        results=told(items, outcomes),
        has_more=last is not None,
        left=await aliases.count(session, who.account_id, wanted, after=last) if last else 0,
        next_cursor=_cursor(last) if last else None,
    )


def told(items: Sequence[Item], outcomes: Outcomes) -> list[ResultOut]:
    pairs = zip(items, outcomes.each, strict=True)
    return [ResultOut.of(index, item, each, outcomes.applied) for index, (item, each) in enumerate(pairs)]


def counted(items: Sequence[Item], outcomes: Outcomes) -> CountsOut:
    done = [type(item) for item, each in zip(items, outcomes.each, strict=True) if isinstance(each, Done)]
    return CountsOut(
        created=done.count(Create),
        changed=done.count(Change),
        deleted=done.count(Delete),
        refused=len(items) - len(done),
    )


async def note(
    bulk: Bulk, who: Caller, doer: Actor, action: str, counts: CountsOut, outcomes: Outcomes
) -> None:
    """One line for all in the audit log, with as many ids as fit, and one change of each domain for open
    pages.
    """
    ids = [str(each.alias_id) for each in outcomes.each if isinstance(each, Done)]
    if not outcomes.applied or not ids:
        return
    named = ids[:_NAMED_IN_AUDIT]
    detail = counts.model_dump()
    audit.record(bulk.session, bulk.clock, who.account_id, doer, action, Subject(None), ids=named, **detail)
    for domain_id in {each.domain_id for each in outcomes.each if isinstance(each, Done)}:
        await changes.note(bulk.session, who.account_id, "alias", domain_id=str(domain_id))


async def _bulk(body: _Manner, who: Caller, session: AsyncSession, runtime: ApiRuntime) -> Bulk:
    return alias_bulk.Bulk(
        session,
        runtime.clock,
        runtime.settings,
        runtime.keyring,
        who.account_id,
        whole=body.all_or_nothing,
        dry_run=body.dry_run,
        guarded=await sign_in_aliases.guarded_from(session, who),
    )
