"""Domains of the account: claim, see what to publish, have it checked, delete."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel.ext.asyncio.session import AsyncSession

from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, CursorText, Flag, Limit, Page, Text, id_after, id_cursor
from api.mail_rules import MailRulesChange, MailRulesOut
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import ClaimsDomains, Doer, ReadsDomains, Runtime, Session, WritesDomains
from customers import accounts, aliases, audit, domains
from customers.audit import Subject
from customers.domain_check import State as RecordState
from customers.domain_states import State, state_of
from customers.domain_watch import Watch
from customers.domains import Choice, Chosen
from mailcore import changes
from mailcore.mail_rules import LogLevel
from mailcore.models import Account, Domain
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/domains", route_class=Route, tags=["Domains"], responses=responses(404))

_cursor = id_cursor("domains")
_LOG_LEVEL: Final = (
    "How much the log keeps of its mail. `full`: all fields of the policy; `no-subject`: all but the "
    "subject; `no-sender`: all but From and mailboxes in responses; `failures`: of mail that is delivered at "
    "once only ids, times and types of its events, in no list and read by the message's id; of what is "
    "refused or bounces all fields. What is forbidden is also cut from the responses of servers that repeat "
    "it"
)
_CHECKS: Final = Rate(20, timedelta(minutes=1))


class DomainNew(Body):
    name: Annotated[Text, StringConstraints(min_length=1)] = Field(examples=["example.org"])
    log_level: LogLevel = Field(LogLevel.FULL, description=_LOG_LEVEL)


class DomainChange(Body):
    plus_addressing: Flag | None = Field(
        None, description="Whether alias+tag@ reaches alias@; null leaves it as it is", examples=[True]
    )
    mail: MailRulesChange | None = None
    log_level: LogLevel | None = Field(
        None,
        description=f"{_LOG_LEVEL}. Counts for mail that comes, and attempts that begin, from now on. "
        "null leaves it as it is",
    )

    def chosen(self) -> dict[Choice, Chosen]:
        chosen = {} if self.mail is None else self.mail.chosen()
        if self.plus_addressing is not None:
            chosen["plus_addressing"] = self.plus_addressing
        if self.log_level is not None:
            chosen["log_level"] = self.log_level
        return chosen


class RecordOut(BaseModel):
    """A DNS record to publish."""

    type: Literal["TXT", "MX"]
    name: str = Field(examples=["_clearpost.example.org"])
    value: str = Field(examples=["clearpost-verification=5f0c6f3f8f1f4c5e9d6b7a8c9d0e1f2a"])
    priority: int | None = Field(None, examples=[10])


class RecordFound(BaseModel):
    """What was in the DNS when it was checked last, and what to do about it, if anything."""

    name: str = Field(
        "", description="Where the record stands, or should", examples=["_clearpost.example.org"]
    )
    wanted: str
    found: list[str]
    state: RecordState = Field(description="`failure`: the name servers did not say")
    cause: str = Field(description="What is wrong; empty where nothing is")
    next_step: str = Field("", description="What to do about it")
    required: bool = Field(True, description="Mail needs it; else it is advice")
    where: list[str] = Field([], description="The name servers of the domain, where they say")


class FoundOut(BaseModel):
    ownership: RecordFound
    mx: RecordFound
    spf: RecordFound
    dmarc: RecordFound | None = None


class DomainOut(BaseModel):
    id: UUID
    name: str = Field(description="As A-labels, lower case", examples=["example.org"])
    state: State = Field(
        description="`not_started`: nothing of ours is in its DNS; `temporarily_failing`: its records are "
        "gone since `failing_since`, mail is still taken; `failed`: switched off at `off_at`, or not proved "
        "in 72 h; `displaced`: another account has proved control since"
    )
    plus_addressing: bool
    mail: MailRulesOut
    log_level: LogLevel = Field(description=_LOG_LEVEL, examples=["full"])
    spam_filter: bool = Field(description="Whether this server asks a spam filter at all", examples=[True])
    created_at: datetime
    verified_at: datetime | None
    checked_at: datetime | None
    displaced_at: datetime | None
    failing_since: datetime | None
    off_at: datetime | None
    paused_at: datetime | None = Field(
        description="All its mail is refused with 550 5.2.1: the plan has no room for it since a downgrade; "
        "an upgrade wakes it"
    )
    contested: bool = Field(description="Another account's record stands in the DNS beside yours")
    alias_count: int = Field(description="How many aliases it has", examples=[3])
    records: list[RecordOut] = Field(description="What to publish")
    found: FoundOut | None = Field(description="What the last check found; null before the first")


@router.get("", summary="List the domains")
async def list_domains(
    who: ReadsDomains, session: Session, runtime: Runtime, limit: Limit = 50, cursor: CursorText = None
) -> Page[DomainOut]:
    account = await accounts.get(session, who.account_id)
    after = id_after("domains", cursor)
    rows = await domains.list_of(session, account.id, after=after, limit=limit + 1)
    counts = await aliases.count_by_domain(session, account.id, [row.id for row in rows])

    def show(row: Domain) -> DomainOut:
        return _shown(row, account, counts.get(row.id, 0), runtime)

    return Page.of(rows, limit, show, lambda row: _cursor(row.id))


@router.post("", status_code=201, summary="Claim a domain", responses=responses(403, 404, 409))
async def create_domain(
    body: DomainNew, who: ClaimsDomains, session: Session, runtime: Runtime, doer: Doer
) -> DomainOut:
    """The answer says which TXT record proves that it is yours. Nothing is forwarded before that."""
    domain = await domains.create(
        session, runtime.clock, runtime.settings, who.account_id, body.name, body.log_level
    )
    about = Subject(domain.id, domain.name)
    audit.record(session, runtime.clock, who.account_id, doer, "domain.created", about)
    await changes.note(session, who.account_id, "domain", domain.id)
    return await _out(session, runtime, domain)


@router.get("/{domain_id}", summary="Show a domain")
async def get_domain(domain_id: UUID, who: ReadsDomains, session: Session, runtime: Runtime) -> DomainOut:
    return await _out(session, runtime, await accounts.get_owned(session, Domain, who.account_id, domain_id))


@router.patch("/{domain_id}", summary="Change a domain", responses=responses(404, 412))
async def update_domain(
    domain_id: UUID,
    body: DomainChange,
    who: WritesDomains,
    session: Session,
    runtime: Runtime,
    if_match: IfMatch,
    doer: Doer,
) -> DomainOut:
    await if_match.holds(lambda: _locked(session, runtime, who.account_id, domain_id))
    domain = await accounts.get_owned(session, Domain, who.account_id, domain_id)
    if chosen := body.chosen():
        domain = await domains.change(session, who.account_id, domain_id, chosen)
        about = Subject(domain.id, domain.name)
        told = {name: "never" if value is None else value for name, value in chosen.items()}
        audit.record(session, runtime.clock, who.account_id, doer, "domain.changed", about, **told)
        await changes.note(session, who.account_id, "domain", domain_id)
    return await _out(session, runtime, domain)


@router.delete(
    "/{domain_id}", status_code=204, summary="Delete a domain with its aliases", responses=responses(404, 412)
)
async def delete_domain(
    domain_id: UUID, who: WritesDomains, session: Session, runtime: Runtime, if_match: IfMatch, doer: Doer
) -> None:
    """Mail that still waits for its aliases ends as hard-bounced: cancelled."""
    await if_match.holds(lambda: _locked(session, runtime, who.account_id, domain_id))
    name = (await accounts.get_owned(session, Domain, who.account_id, domain_id)).name
    await domains.delete(session, who.account_id, domain_id)
    audit.record(session, runtime.clock, who.account_id, doer, "domain.deleted", Subject(domain_id, name))
    await changes.note(session, who.account_id, "domain", domain_id, state="deleted")


@router.post("/{domain_id}/check", summary="Look at the DNS of a domain now")
async def check_domain(domain_id: UUID, who: WritesDomains, runtime: Runtime) -> DomainOut:
    """Verifies the domain once its TXT record is there; 20 a minute for each account. No transaction is open
    while DNS is asked.
    """
    await runtime.rates.need("domain checks", str(who.account_id), _CHECKS, "DNS does not change that often.")
    watch = Watch(runtime.database, runtime.resolver, runtime.clock, runtime.settings)
    await watch.check(who.tenant, domain_id)
    async with runtime.database.session(who.tenant) as session:
        return await _out(
            session, runtime, await accounts.get_owned(session, Domain, who.account_id, domain_id)
        )


async def _out(session: AsyncSession, runtime: ApiRuntime, domain: Domain) -> DomainOut:
    account = await accounts.get(session, domain.account_id)
    counts = await aliases.count_by_domain(session, account.id, [domain.id])
    return _shown(domain, account, counts.get(domain.id, 0), runtime)


async def _locked(session: AsyncSession, runtime: ApiRuntime, account_id: UUID, domain_id: UUID) -> DomainOut:
    return await _out(
        session, runtime, await accounts.get_owned(session, Domain, account_id, domain_id, lock=True)
    )


def _shown(domain: Domain, account: Account, alias_count: int, runtime: ApiRuntime) -> DomainOut:
    settings = runtime.settings
    proof = RecordOut(type="TXT", name=domains.txt_name(domain), value=domains.txt_value(account))
    mx = [
        RecordOut(type="MX", name=domain.name, value=name, priority=10 * rank)
        for rank, name in enumerate(domains.mx_names(account, settings), 1)
    ]
    found: dict[str, Any] | None = domain.found
    return DomainOut(
        id=domain.id,
        name=domain.name,
        state=state_of(domain, runtime.clock.now(), settings.domain_claim_window),
        plus_addressing=domain.plus_addressing,
        log_level=LogLevel(domain.log_level),
        mail=MailRulesOut.model_validate(domain, from_attributes=True),
        spam_filter=bool(settings.rspamd_url),
        created_at=domain.created_at,
        verified_at=domain.verified_at,
        checked_at=domain.checked_at,
        displaced_at=domain.displaced_at,
        failing_since=domain.failing_since,
        off_at=domain.off_at,
        paused_at=domain.paused_at,
        contested=domain.contested_at is not None,
        alias_count=alias_count,
        records=[proof, *mx],
        found=FoundOut.model_validate(found) if found else None,
    )
