"""Aliases as CSV: take them all out, bring many in, also from another forwarder's export.

Must never change anything for a line that could not be read.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from api.alias_bulk import ResultOut, SummaryOut, counted, note
from api.aliases import AliasNew
from api.errors import responses
from api.fields import Text
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Doer, ReadsAliases, Runtime, Session, WritesAliases
from customers import alias_csv, aliases, destinations, domains, sign_in_aliases
from customers.alias_bulk import Bulk, Change, Create, Item, Outcome, Outcomes
from customers.alias_csv import COLUMNS, BadLine, Line
from customers.aliases import AliasChange, AliasFilter, NewAlias
from customers.callers import Caller
from mailcore.envelope import normalise_local_part
from mailcore.errors import BusinessError, Invalid, NotFound

router = APIRouter(prefix="/v1/aliases", route_class=Route, tags=["Aliases"], responses=responses(403))

MEDIA_TYPE: Final = "text/csv"
_AT_ONCE: Final = 1000
_EXAMPLE: Final = (
    "address,destinations,note,enabled\r\nhello@example.org,you@example.net,Newsletters,true\r\n"
)
_CONTENT: Final = {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}}
_BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": _CONTENT}}
_IS_CSV: Final[dict[int | str, dict[str, Any]]] = {200: {"content": _CONTENT}}

Update = Annotated[
    bool, Query(description="Change aliases that exist already, instead of refusing their lines with 409")
]
Home = Annotated[
    UUID | None, Query(alias="domain_id", description="Of lines that name no domain, only a local part")
]
Inbox = Annotated[
    Text | None, Query(description="Of lines that name no destination", examples=["you@example.net"])
]


class LineOut(ResultOut):
    """What became of one line."""

    line: int = Field(description="Of the file, from 1; the one in which it begins", examples=[2])


class ImportOut(SummaryOut):
    results: list[LineOut]
    columns: dict[str, str] = Field(
        description="What was taken from which column",
        examples=[{"address": "alias", "destinations": "mailboxes"}],
    )
    ignored_columns: list[str] = Field(
        description="Columns that mean nothing here", examples=[["emails_forwarded"]]
    )


@router.get(
    "/export", summary="Take out all aliases as CSV", response_class=StreamingResponse, responses=_IS_CSV
)
async def export_aliases(who: ReadsAliases, runtime: Runtime) -> StreamingResponse:
    """What import takes. A cell that a spreadsheet would take for a formula has a `'` before it, which import
    takes off again.
    """
    headers = {"Content-Disposition": 'attachment; filename="aliases.csv"'}
    return StreamingResponse(_lines(runtime, who), media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)


@router.post("/import", summary="Bring in aliases as CSV", openapi_extra=_BODY)
async def import_aliases(
    request: Request,
    who: WritesAliases,
    doer: Doer,
    session: Session,
    runtime: Runtime,
    update: Update = False,
    dry_run: Annotated[bool, Query(description="Only tell what would happen")] = False,
    all_or_nothing: Annotated[bool, Query(description="Change nothing where one line is refused")] = False,
    home: Home = None,
    destination: Inbox = None,
) -> ImportOut:
    """Up to 5,000 lines of UTF-8, separated by commas, semicolons or tabs; the first one names the columns.

    `address` (or `local_part` and `domain`), `destinations` (several with spaces between), `note`, `enabled`;
    or as SimpleLogin, addy.io, ImprovMX and Forward Email call these. Domains are claimed before.
    """
    table = alias_csv.read(await request.body())
    reading = await _Reading.of(session, who, table.lines, update, home, destination)
    decided = [reading.item(line) for line in table.lines]
    unread = any(isinstance(each, BusinessError) for each in decided)
    bulk = Bulk(session, runtime.clock, runtime.settings, runtime.keyring, who.account_id)
    bulk.guarded = await sign_in_aliases.guarded_from(session, who)
    bulk.whole, bulk.dry_run = all_or_nothing, dry_run or (all_or_nothing and unread)
    items = [each for each in decided if not isinstance(each, BusinessError)]
    outcomes = await bulk.apply(items)
    counts = counted(items, outcomes)
    counts.refused += len(decided) - len(items)
    await note(bulk, who, doer, "alias.imported", counts, outcomes)
    return ImportOut(
        applied=outcomes.applied,
        dry_run=dry_run,
        counts=counts,
        results=_told(table.lines, decided, outcomes),
        columns=dict(table.columns),
        ignored_columns=list(table.ignored),
    )


async def _lines(runtime: ApiRuntime, who: Caller) -> AsyncIterator[str]:
    """Page by page, each read by itself: nobody who reads slowly keeps a transaction open."""
    yield alias_csv.write([COLUMNS])
    after = None
    while True:
        async with runtime.database.session(who.tenant) as session:
            found = await aliases.list_of(session, who.account_id, AliasFilter(), after=after, limit=_AT_ONCE)
            linked = await destinations.of_aliases(session, [alias.id for alias in found])
            names = await domains.names(session, who.account_id, {alias.domain_id for alias in found})
        rows = []
        for alias in found:
            to = " ".join(each.address for each in linked[alias.id])
            address = f"{alias.local_part}@{names.get(alias.domain_id, '')}"
            rows.append((address, to, alias.note, "true" if alias.enabled else "false"))
        yield alias_csv.write(rows)
        if len(found) < _AT_ONCE:
            return
        after = found[-1].id


@dataclass(frozen=True, slots=True)
class _Reading:
    """What lines mean in this account."""

    domain_ids: Mapping[str, UUID]
    known: Mapping[tuple[UUID, str], UUID]
    home: UUID | None
    destination: str | None

    @classmethod
    async def of(
        cls,
        session: AsyncSession,
        who: Caller,
        lines: Sequence[Line | BadLine],
        update: bool,
        home: UUID | None,
        destination: str | None,
    ) -> "_Reading":
        good = [line for line in lines if isinstance(line, Line)]
        names = {line.domain for line in good if _storable(line.domain)}
        found = cls(await domains.ids(session, who.account_id, names), {}, home, destination)
        if not update:
            return found
        keys = {
            (domain_id, key) for line in good if (domain_id := found.domain_of(line)) and (key := _key(line))
        }
        return cls(found.domain_ids, await aliases.ids(session, who.account_id, keys), home, destination)

    def domain_of(self, line: Line) -> UUID | None:
        return self.domain_ids.get(line.domain) if line.domain else self.home

    def item(self, line: Line | BadLine) -> Item | BusinessError:
        if isinstance(line, BadLine):
            return Invalid(line.detail, code="csv_invalid")
        if (domain_id := self.domain_of(line)) is None:
            return NotFound("This account does not have the domain: claim it first.")
        to = line.destinations or ([self.destination] if self.destination else None)
        alias_id = self.known.get((domain_id, _key(line)))
        if alias_id is None and to is None:
            return Invalid("An alias needs at least one destination.", code="destination_missing")
        try:
            new = AliasNew.model_validate(
                {"local_part": line.local_part, "destinations": to or ["unchanged"], "note": line.note or ""}
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return Invalid(f"`{first['loc'][0]}`: {first['msg']}.", code="validation_failed")
        if alias_id is None:
            enabled = line.enabled is not False
            return Create(domain_id, NewAlias(new.local_part, new.destinations, new.note, enabled))
        wanted = new.destinations if line.destinations else None
        return Change(alias_id, AliasChange(wanted, None if line.note is None else new.note, line.enabled))


def _key(line: Line) -> str:
    """Empty for what the database cannot hold."""
    return normalise_local_part(line.local_part) if _storable(line.local_part) else ""


def _storable(text: str) -> bool:
    return "\0" not in text and len(text) <= 500


def _told(
    lines: Sequence[Line | BadLine], decided: Sequence[Item | BusinessError], outcomes: Outcomes
) -> list[LineOut]:
    left = iter(outcomes.each)
    told = []
    for index, (line, each) in enumerate(zip(lines, decided, strict=True)):
        outcome: Outcome = each if isinstance(each, BusinessError) else next(left)
        result = ResultOut.of(index, each, outcome, outcomes.applied)
        told.append(LineOut(**result.model_dump(), line=line.number))
    return told
