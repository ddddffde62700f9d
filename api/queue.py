"""The queue of the account: what waits, why and until when; try now, or cancel."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.errors import responses
from api.fields import Body, CursorText, Flag, Limit, Page, id_after, id_cursor
from api.logs import DeliveryState as State
from api.logs import EventOut, explanation, shown_event
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Doer, ReadsLogs, Runtime, Session, WritesAliases
from customers import audit, queue_owner
from customers.audit import Actor, Subject
from customers.callers import Caller
from customers.queue_owner import AtProvider, Changed, Depth, Entry, Filter
from mailcore.errors import Invalid
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/queue", route_class=Route, tags=["Queue"], responses=responses(404))

_cursor = id_cursor("queue")
# Whoever tries again and again makes a destination angry at all of us.
_RETRIES: Final = Rate(60, timedelta(hours=1))
_MOST_PROVIDERS: Final = 20


class QueuedOut(BaseModel):
    """One delivery: a message on its way to one destination. `reason` says in plain words why it waits."""

    id: UUID
    message_id: UUID = Field(description="As in the log")
    domain_id: UUID | None
    alias_id: UUID | None
    alias: str = Field(description="As it was written to", examples=["hello+shop@example.org"])
    destination_id: UUID | None
    destination: str = Field(examples=["you@example.net"])
    since: datetime
    attempt: int = Field(description="Attempts so far, one under way included", examples=[2])
    next_attempt_at: datetime | None = Field(description="null: under way, or held")
    lane: str = Field(examples=["standard"])
    state: State
    reason: str = Field(examples=["The mailbox behind this address is full. We try again."])
    last_attempt: EventOut | None


class DepthOut(BaseModel):
    lane: str = Field(examples=["standard"])
    state: State
    count: int = Field(examples=[3])
    oldest: datetime
    next_attempt_at: datetime | None


class AtProviderOut(BaseModel):
    provider: str = Field(description="Empty before the first attempt", examples=["google.com"])
    count: int = Field(examples=[3])
    oldest: datetime
    next_attempt_at: datetime | None


class QueueSummaryOut(BaseModel):
    """Counts of what has not ended."""

    total: int = Field(examples=[3])
    waiting: int = Field(examples=[2])
    in_progress: int = Field(examples=[1])
    held: int = Field(examples=[0])
    oldest: datetime | None
    next_attempt_at: datetime | None
    lanes: list[DepthOut]
    providers: list[AtProviderOut] = Field(description="The twenty with the most")


class QueueChoice(Body):
    """Which deliveries: all that meet every condition given. At least one, or `all`."""

    delivery_ids: list[UUID] | None = Field(None, min_length=1, max_length=1000)
    domain_id: UUID | None = None
    alias_id: UUID | None = None
    destination_id: UUID | None = None
    all: Flag = Field(False, description="Everything that waits")


class QueueChangedOut(BaseModel):
    changed: int = Field(examples=[12])
    left: int = Field(description="In flight, held, or beyond 5,000 in one request", examples=[0])


@router.get("", summary="List what waits, the oldest first")
async def list_queue(
    who: ReadsLogs,
    session: Session,
    runtime: Runtime,
    domain_id: UUID | None = None,
    alias_id: UUID | None = None,
    destination_id: UUID | None = None,
    message_id: UUID | None = None,
    state: Annotated[State | None, Query()] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[QueuedOut]:
    wanted = Filter(domain_id, alias_id, destination_id, message_id, None, state)
    living = await queue_owner.living_nodes(runtime.database)
    after = id_after("queue", cursor)
    rows = await queue_owner.list_of(
        session, runtime.log_keys, who.account_id, wanted, living, after=after, limit=limit + 1
    )
    return Page.of(rows, limit, shown, lambda entry: _cursor(entry.id))


@router.get("/summary", summary="Count what waits")
async def summarize_queue(
    who: ReadsLogs,
    session: Session,
    runtime: Runtime,
    domain_id: UUID | None = None,
    alias_id: UUID | None = None,
    destination_id: UUID | None = None,
) -> QueueSummaryOut:
    wanted = Filter(domain_id, alias_id, destination_id)
    living = await queue_owner.living_nodes(runtime.database)
    found = await queue_owner.depths(session, who.account_id, wanted, living)
    at = await queue_owner.providers(session, who.account_id, wanted, living, _MOST_PROVIDERS)
    return _summary(found, at)


@router.post("/retry", summary="Try all of these now")
async def retry_queue(
    body: QueueChoice, who: WritesAliases, session: Session, runtime: Runtime, doer: Doer
) -> QueueChangedOut:
    await _not_too_often(runtime, who)
    changed = await queue_owner.retry(session, who.account_id, _chosen(body))
    _record(session, runtime, who, doer, "queue.retried", body, changed)
    return QueueChangedOut(changed=changed.count, left=changed.left)


@router.post("/cancel", summary="Cancel all of these")
async def cancel_queue(
    body: QueueChoice, who: WritesAliases, session: Session, runtime: Runtime, doer: Doer
) -> QueueChangedOut:
    """Each ends as hard-bounced within moments; its sender is told where that is allowed."""
    changed = await queue_owner.cancel(session, who.account_id, _chosen(body))
    _record(session, runtime, who, doer, "queue.cancelled", body, changed)
    return QueueChangedOut(changed=changed.count, left=changed.left)


@router.post("/{delivery_id}/retry", status_code=202, summary="Try one now", responses=responses(404, 409))
async def retry_delivery(
    delivery_id: UUID, who: WritesAliases, session: Session, runtime: Runtime, doer: Doer
) -> QueuedOut:
    await _not_too_often(runtime, who)
    one = Filter(delivery_ids=[delivery_id])
    changed = await queue_owner.retry(session, who.account_id, one)
    entry = await _entry(session, runtime, who, one)
    if entry is None or not changed.count:
        raise queue_owner.refusal(entry)
    _record_one(session, runtime, who, doer, "delivery.retried", delivery_id)
    return shown(entry)


@router.post("/{delivery_id}/cancel", status_code=202, summary="Cancel one", responses=responses(404, 409))
async def cancel_delivery(
    delivery_id: UUID, who: WritesAliases, session: Session, runtime: Runtime, doer: Doer
) -> QueuedOut:
    """It ends as hard-bounced within moments; its sender is told where that is allowed. 409 while an attempt
    is under way: that may deliver it.
    """
    one = Filter(delivery_ids=[delivery_id])
    changed = await queue_owner.cancel(session, who.account_id, one)
    entry = await _entry(session, runtime, who, one)
    if entry is None or not changed.count:
        raise queue_owner.refusal(entry)
    _record_one(session, runtime, who, doer, "delivery.cancelled", delivery_id)
    return shown(entry)


async def _entry(session: AsyncSession, runtime: ApiRuntime, who: Caller, one: Filter) -> Entry | None:
    living = await queue_owner.living_nodes(runtime.database)
    found = await queue_owner.list_of(session, runtime.log_keys, who.account_id, one, living, limit=1)
    return found[0] if found else None


async def _not_too_often(runtime: ApiRuntime, who: Caller) -> None:
    await runtime.rates.need(
        "queue retry", str(who.account_id), _RETRIES, "Tried too often: what waits is tried again by itself."
    )


def _chosen(body: QueueChoice) -> Filter:
    wanted = Filter(body.domain_id, body.alias_id, body.destination_id, delivery_ids=body.delivery_ids)
    if wanted == Filter() and not body.all:
        raise Invalid("Say which deliveries, or `all`.", code="choice_missing")
    return wanted


def _record_one(
    session: AsyncSession, runtime: ApiRuntime, who: Caller, doer: Actor, action: str, delivery_id: UUID
) -> None:
    """By its id alone: the address that a message was written to lives as long as the log, and not longer."""
    audit.record(session, runtime.clock, who.account_id, doer, action, Subject(delivery_id))


def _record(
    session: AsyncSession,
    runtime: ApiRuntime,
    who: Caller,
    doer: Actor,
    action: str,
    body: QueueChoice,
    changed: Changed,
) -> None:
    if not changed.count:
        return
    named = {
        name: str(value)
        for name in ("domain_id", "alias_id", "destination_id")
        if (value := getattr(body, name)) is not None
    }
    audit.record(
        session, runtime.clock, who.account_id, doer, action, Subject(None), count=changed.count, **named
    )


def _summary(found: Sequence[Depth], at: Sequence[AtProvider]) -> QueueSummaryOut:
    def total(state: str | None = None) -> int:
        return sum(depth.count for depth in found if state in (None, depth.state))

    waiting = [depth.next_attempt_at for depth in found if depth.state == "waiting"]
    return QueueSummaryOut(
        total=total(),
        waiting=total("waiting"),
        in_progress=total("in-progress"),
        held=total("held"),
        oldest=min((depth.oldest for depth in found), default=None),
        next_attempt_at=min(waiting, default=None),
        lanes=[_depth(depth) for depth in found],
        providers=[AtProviderOut.model_validate(each, from_attributes=True) for each in at],
    )


def _depth(depth: Depth) -> DepthOut:
    return DepthOut.model_validate(
        {
            "lane": depth.lane,
            "state": depth.state,
            "count": depth.count,
            "oldest": depth.oldest,
            "next_attempt_at": depth.next_attempt_at if depth.state == "waiting" else None,
        }
    )


def shown(entry: Entry) -> QueuedOut:
    return QueuedOut.model_validate(
        {
            **{name: getattr(entry, name) for name in _PLAIN},
            "next_attempt_at": entry.next_attempt_at if entry.state == "waiting" else None,
            "reason": reason(entry),
            "last_attempt": entry.last and shown_event(entry.last),
        }
    )


_PLAIN: Final = (
    "id", "message_id", "domain_id", "alias_id", "alias", "destination_id", "destination", "since", "attempt",
    "lane", "state",
)  # fmt: skip


def reason(entry: Entry) -> str:
    """Why it has not ended, for its owner."""
    if entry.state == "in-progress":
        return "An attempt is under way."
    if entry.is_cancelled:
        return "It is cancelled, and ends in a moment."
    if entry.state == "held":
        return (
            "The machine that has it is away." if entry.is_away else "The operator of this service holds it."
        )
    return explanation(entry.last) if entry.last else "Its first attempt is due."
