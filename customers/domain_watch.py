"""Looking at the DNS of domains, when asked and by itself, and applying what it says.

Must never move aliases, waiting mail or logs, nor switch a domain off that its owner was not told of; never
ask DNS inside a transaction, nor take silence of the DNS for records that are gone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, domain_answers, domain_states, team
from customers.audit import SERVICE, Subject
from customers.domain_answers import Answers
from customers.domain_check import (
    RecordCheck,
    Wanted,
    judge_dmarc,
    judge_mx,
    judge_ownership,
    leads_here,
    tokens_in,
)
from customers.domain_states import WARNING, Health
from customers.domains import mx_names, spf_include
from customers.notices import DomainDispute
from customers.ownership import Claim, Verdict, decide
from customers.spf_record import judge_spf
from mailcore import changes
from mailcore.clock import Clock
from mailcore.database import Database, Tenant
from mailcore.models import Account, Domain
from mailcore.resolver import Resolver
from mailcore.settings import Settings

log = structlog.get_logger("domains")

# Whoever takes a name has a minute to look; if that process dies, another looks then.
_TAKE = """
update domain set next_check_at = now() + interval '1 minute' where id in (
    select id from domain where next_check_at <= now() order by next_check_at limit $1
    for no key update skip locked)
returning name
"""
_NAMED = 20
_NO_SUCH_DOMAIN = "This domain does not exist in the DNS: it is not registered, has expired, or is misspelt."
_SEE_REGISTRAR = "Look at your registrar whether it is registered and has its name servers set."


@dataclass(frozen=True, slots=True)
class Watch:
    """What looking takes."""

    database: Database
    resolver: Resolver
    clock: Clock
    settings: Settings

    async def check(self, tenant: Tenant, domain_id: UUID) -> None:
        """Look at a domain of this tenant now, and often for a while: somebody waits. Raises NotFound."""
        async with self.database.session(tenant) as session:
            domain = await accounts.get_owned(session, Domain, tenant.account_id, domain_id, lock=True)
            name = domain.name
            domain.check_asked_at = (await session.exec(select(func.now()))).one()
            session.add(domain)
        await self._check_name(name)

    async def check_due(self, *, limit: int = 20) -> int:
        """Looks at what is due, of all accounts. Returns how many names."""
        async with self.database.transaction() as tx:
            names = {row["name"] for row in await tx.fetch(_TAKE, limit)}
        await asyncio.gather(*(self._check_quietly(name) for name in sorted(names)))
        return len(names)

    async def _check_quietly(self, name: str) -> None:
        """One name that cannot be looked at must not stop the others."""
        try:
            await self._check_name(name)
        except Exception as error:  # noqa: BLE001
            log.error("domain_check_failed", error=type(error).__name__)

    async def _check_name(self, name: str) -> None:
        answers = await domain_answers.ask(self.resolver, name)
        async with self.database.session() as session:
            await _apply(session, self.clock, self.settings, name, answers)


def judge(domain: str, wanted: Wanted, answers: Answers) -> dict[str, RecordCheck]:
    """All rows, by name. A domain that does not exist has that one cause."""
    rows = {
        "ownership": judge_ownership(domain, wanted.token, answers),
        "mx": judge_mx(domain, wanted, answers.mx),
        "spf": judge_spf(domain, wanted.spf_include, answers.apex),
        "dmarc": judge_dmarc(domain, answers.dmarc),
    }
    if not answers.apex.exists:
        rows = {kind: _without_domain(row) for kind, row in rows.items()}
    return {kind: replace(row, where=answers.servers) for kind, row in rows.items()}


def _without_domain(row: RecordCheck) -> RecordCheck:
    if row.state != "missing":
        return row
    return replace(row, cause=_NO_SUCH_DOMAIN, next_step=_SEE_REGISTRAR)


def wanted_of(settings: Settings, token: str | None, names: Sequence[str]) -> Wanted:
    ours = (settings.mx_name, settings.fast_mx_name)
    return Wanted(token, tuple(names), spf_include(settings), ours)


async def _apply(
    session: AsyncSession, clock: Clock, settings: Settings, name: str, answers: Answers
) -> None:
    """All claims of the name are locked, so that two checks at once cannot both find an incumbent."""
    now: datetime = (await session.exec(select(func.clock_timestamp()))).one()
    query = select(Domain).where(col(Domain.name) == name).order_by(col(Domain.id))
    rows = (await session.exec(query.with_for_update(key_share=True))).all()
    owners = await accounts.by_ids(session, [domain.account_id for domain in rows])
    claims = [(domain, owners[domain.account_id]) for domain in rows]
    known = [Claim(d.id, a.verification_token, d.created_at, d.verified_at is not None) for d, a in claims]
    verdict = decide(known, tokens_in(answers.labelled, answers.apex), complete=answers.complete)
    before = {domain.id: _visible(domain, now, settings) for domain in rows}
    for domain, account in claims:
        _look(domain, account, settings, answers, now)
        outcome = _lose(domain, verdict, now)
        if answers.complete:
            outcome = _note_contest(domain, verdict, now) or outcome
        await _tell(session, clock, domain, outcome)
        session.add(domain)
    await session.flush()  # the loser lets go of the name before the winner may take it
    for domain, account in claims:
        await _tell(session, clock, domain, _win(domain, verdict, now))
        if domain.id == verdict.verified:
            await _tell_of_sign_ins(session, clock, domain)
        await _follow(session, clock, settings, domain, account, answers, now)
        domain.next_check_at = now + domain_states.wait(domain, now, settings)
        session.add(domain)
        await _tell_pages(session, clock, domain, before[domain.id], _visible(domain, now, settings))
    await session.flush()


def _look(domain: Domain, account: Account, settings: Settings, answers: Answers, now: datetime) -> None:
    wanted = wanted_of(settings, account.verification_token, mx_names(account, settings))
    domain.checked_at = now
    domain.found = {kind: _plain(row) for kind, row in judge(domain.name, wanted, answers).items()}
    if leads_here(wanted, answers.mx):
        domain.mx_at = now


def _plain(row: RecordCheck) -> dict[str, Any]:
    """As it comes back from the database, so that two checks can be compared."""
    return {**asdict(row), "found": list(row.found), "where": list(row.where)}


def _lose(domain: Domain, verdict: Verdict, now: datetime) -> DomainDispute | None:
    if domain.id != verdict.displaced:
        return None
    domain.verified_at, domain.displaced_at = None, now
    return "lost"


def _win(domain: Domain, verdict: Verdict, now: datetime) -> DomainDispute | None:
    if domain.id != verdict.verified:
        return None
    domain.verified_at, domain.displaced_at = now, None
    return "won" if verdict.displaced else None


def _note_contest(domain: Domain, verdict: Verdict, now: datetime) -> DomainDispute | None:
    """The incumbent hears once of each contest, not at each check."""
    if domain.id != verdict.contested:
        domain.contested_at = None
    elif domain.contested_at is None:
        domain.contested_at = now
        return "kept"
    return None


async def _tell(session: AsyncSession, clock: Clock, domain: Domain, outcome: DomainDispute | None) -> None:
    """All owners of this side: whoever can change its DNS may be none of them."""
    if outcome:
        about = {"id": str(domain.id), "name": domain.name, "outcome": outcome}
        await team.write_to_owners(session, clock, "domain-dispute", domain.account_id, **about)


async def _tell_of_sign_ins(session: AsyncSession, clock: Clock, domain: Domain) -> None:
    """People of the account who sign in at the domain that it has just proved: whoever sets aliases could be
    them.
    """
    addresses = await team.addresses_at(session, domain.account_id, domain.name)
    if addresses:
        about = {"name": domain.name, "people": "\n".join(addresses[:_NAMED])}
        await team.write_to_owners(session, clock, "address-hosted", domain.account_id, **about)


# --- a verified domain whose records are gone ---


async def _follow(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    domain: Domain,
    account: Account,
    answers: Answers,
    now: datetime,
) -> None:
    """Whether it fails since, what its owner hears, and when it is switched off."""
    if domain.verified_at is None:
        _recover(domain)
        return
    healthy = _health(domain, account, settings, answers).of(domain)
    if healthy:
        _recover(domain)
    elif healthy is False:
        domain.failing_since = domain.failing_since or now
    step = domain_states.next_step(domain, now, settings.domain_off_after) if healthy is False else None
    if step == "switch-off":
        domain.off_at = now
    elif step:
        domain.told_failing_at = now
        await _write(session, clock, settings, domain, last=step == "warn", now=now)


def _health(domain: Domain, account: Account, settings: Settings, answers: Answers) -> Health:
    proved = account.verification_token in tokens_in(answers.labelled, answers.apex)
    wanted = wanted_of(settings, None, mx_names(account, settings))
    silent = answers.mx.status == "failure"
    return Health(
        proved or (False if answers.complete else None),
        None if silent else leads_here(wanted, answers.mx),
    )


def _recover(domain: Domain) -> None:
    domain.failing_since = domain.told_failing_at = domain.mail_seen_at = domain.off_at = None


async def _write(
    session: AsyncSession, clock: Clock, settings: Settings, domain: Domain, *, last: bool, now: datetime
) -> None:
    """To the owners; an account without one has nobody to tell."""
    if not domain.found:
        return
    rows = (domain.found["ownership"], domain.found["mx"])
    await team.write_to_owners(
        session,
        clock,
        "domain-failing",
        domain.account_id,
        id=str(domain.id),
        name=domain.name,
        causes="\n".join(row["cause"] for row in rows if row["state"] != "ok" and row["cause"]),
        off_on=(now + WARNING).date().isoformat() if last else "",
        days=settings.domain_off_after.days,
    )


# --- what open pages and the audit log hear ---

_ACTIONS = {
    "verified": "domain.verified",
    "failed": "domain.switched-off",
    "displaced": "domain.displaced",
    "temporarily_failing": "domain.failing",
}


def _visible(domain: Domain, now: datetime, settings: Settings) -> tuple[str, object]:
    """The state, and what the rows say."""
    return domain_states.state_of(domain, now, settings.domain_claim_window), domain.found


async def _tell_pages(
    session: AsyncSession,
    clock: Clock,
    domain: Domain,
    before: tuple[str, object],
    after: tuple[str, object],
) -> None:
    if before == after:
        return
    state = after[0]
    await changes.note(session, domain.account_id, "domain", domain.id, state=state)
    if before[0] != state and state in _ACTIONS:
        about = Subject(domain.id, domain.name)
        audit.record(session, clock, domain.account_id, SERVICE, _ACTIONS[state], about)
