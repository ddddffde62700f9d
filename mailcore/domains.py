"""Domains: claimed by an account, verified by its TXT token, checked again from time to time.

Must never move aliases, waiting mail or logs from one account's claim to another's, and never ask DNS
inside a transaction.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore import accounts, cancellation
from mailcore.clock import Clock
from mailcore.database import Database, Transaction
from mailcore.domain_check import (
    OWNERSHIP_LABEL,
    OWNERSHIP_PREFIX,
    Wanted,
    judge_mx,
    judge_ownership,
    judge_spf,
    tokens_in,
)
from mailcore.domain_names import claimable, is_of_the_service
from mailcore.errors import Conflict, LimitReached
from mailcore.models import Account, Domain
from mailcore.notices import DomainDispute
from mailcore.ownership import Claim, Verdict, decide
from mailcore.plans import Lane
from mailcore.resolver import MxAnswer, Resolver, TxtAnswer
from mailcore.settings import Settings

State = Literal["pending", "verified", "displaced"]


# --- what an account does with its own ---


async def create(
    session: AsyncSession, clock: Clock, settings: Settings, account_id: UUID, name: str
) -> Domain:
    """A claim, not yet verified; another account's claim to the name does not matter here.

    Raises Invalid, Conflict (claimed by this account already), LimitReached, Forbidden (see `require_told`).
    """
    name = claimable(name, settings)
    account = await accounts.get(session, account_id, lock=True)
    accounts.require_told(account)
    mine = select(Domain.id).where(col(Domain.account_id) == account_id, col(Domain.name) == name)
    if (await session.exec(mine)).first():
        raise Conflict("This account has this domain already.", code="domain_exists")
    limit = accounts.limits_of(account).domains
    if await count(session, account_id) >= limit:
        detail = f"The {account.plan} plan has room for {_counted(limit, 'domain')}."
        raise LimitReached(detail, resource="domains", limit=limit, plan=account.plan)
    domain = Domain(id=clock.new_id(), account_id=account_id, name=name)
    session.add(domain)
    await session.flush()
    return domain


async def list_of(
    session: AsyncSession, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Domain]:
    """Oldest first; `after` is the last id of the page before."""
    query = select(Domain).where(col(Domain.account_id) == account_id)
    if after:
        query = query.where(col(Domain.id) > after)
    return (await session.exec(query.order_by(col(Domain.id)).limit(limit))).all()


async def count(session: AsyncSession, account_id: UUID) -> int:
    mine = select(func.count()).select_from(Domain).where(col(Domain.account_id) == account_id)
    return (await session.exec(mine)).one()


async def names(session: AsyncSession, account_id: UUID, domain_ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of these domains of the account, by id."""
    query = select(Domain.id, Domain.name).where(
        col(Domain.account_id) == account_id, col(Domain.id).in_(domain_ids)
    )
    return dict((await session.exec(query)).all())


async def set_plus_addressing(
    session: AsyncSession, account_id: UUID, domain_id: UUID, enabled: bool
) -> Domain:
    domain = await accounts.get_owned(session, Domain, account_id, domain_id, lock=True)
    domain.plus_addressing = enabled
    session.add(domain)
    await session.flush()
    return domain


async def delete(session: AsyncSession, account_id: UUID, domain_id: UUID) -> None:
    """With its aliases; mail that waits for them ends as cancelled."""
    domain = await accounts.get_owned(session, Domain, account_id, domain_id, lock=True)
    await session.delete(domain)
    await session.flush()
    await cancellation.of_domain(session, account_id, domain_id)


def state_of(domain: Domain) -> State:
    if domain.verified_at:
        return "verified"
    return "displaced" if domain.displaced_at else "pending"


def txt_name(domain: Domain) -> str:
    return f"{OWNERSHIP_LABEL}.{domain.name}"


def txt_value(account: Account) -> str:
    return f"{OWNERSHIP_PREFIX}{account.verification_token}"


def mx_names(account: Account, settings: Settings) -> tuple[str, ...]:
    """What to publish, preferred first: the fast lane has a name of its own."""
    fast = accounts.limits_of(account).lane is Lane.FAST
    return (settings.fast_mx_name, settings.mx_name) if fast else (settings.mx_name,)


async def is_ours(session: AsyncSession, settings: Settings, account_id: UUID, name: str) -> bool:
    """Whether mail to it would come back to us: the service's own, a served one, a claim of this account."""
    if is_of_the_service(name, settings):
        return True
    mine = select(Domain.id).where(col(Domain.account_id) == account_id, col(Domain.name) == name)
    if (await session.exec(mine)).first():
        return True
    served = select(func.domain_is_served(name))  # by whom is not for this account to know
    return bool((await session.exec(served)).one())


# --- the check ---


@dataclass(frozen=True, slots=True)
class _Answers:
    """What DNS said about a name, asked once for all who claim it."""

    labelled: TxtAnswer
    apex: TxtAnswer
    mx: MxAnswer

    @property
    def complete(self) -> bool:
        return "failure" not in (self.labelled.status, self.apex.status)


async def check(
    database: Database,
    resolver: Resolver,
    clock: Clock,
    settings: Settings,
    *,
    account_id: UUID,
    domain_id: UUID,
) -> None:
    """Look at the DNS of an account's domain now and apply what it says. Raises NotFound."""
    async with database.session() as session:
        name = (await accounts.get_owned(session, Domain, account_id, domain_id)).name
    await _check_name(database, resolver, clock, settings, name)


async def check_wanted(
    database: Database, resolver: Resolver, clock: Clock, settings: Settings, *, limit: int = 20
) -> int:
    """Looks at claims that mail arrived for before they were verified. Returns how many."""
    query = select(Domain.name).where(col(Domain.check_wanted)).limit(limit)
    async with database.session() as session:
        names = set((await session.exec(query)).all())
    for name in sorted(names):
        await _check_name(database, resolver, clock, settings, name)
    return len(names)


async def recheck_due(
    database: Database, resolver: Resolver, clock: Clock, settings: Settings, *, limit: int = 100
) -> int:
    """Looks at verified domains again after `settings.domain_recheck`. Returns how many, at most `limit`."""
    before = clock.now() - settings.domain_recheck
    due = or_(col(Domain.checked_at).is_(None), col(Domain.checked_at) <= before)
    query = (
        select(Domain.name)
        .where(col(Domain.verified_at).is_not(None), due)
        .order_by(col(Domain.checked_at))
        .limit(limit)
    )
    async with database.session() as session:
        names = (await session.exec(query)).all()
    for name in names:
        await _check_name(database, resolver, clock, settings, name)
    return len(names)


async def _check_name(
    database: Database, resolver: Resolver, clock: Clock, settings: Settings, name: str
) -> None:
    resolver.forget(f"{OWNERSHIP_LABEL}.{name}", name)
    answers = _Answers(
        *await asyncio.gather(
            resolver.txt(f"{OWNERSHIP_LABEL}.{name}"), resolver.txt(name), resolver.mx(name)
        )
    )
    async with database.session() as session:
        await _apply(session, clock.now(), settings, name, answers)


async def _apply(
    session: AsyncSession, now: datetime, settings: Settings, name: str, answers: _Answers
) -> None:
    """All claims of the name are locked, so that two checks at once cannot both find an incumbent."""
    query = select(Domain).where(col(Domain.name) == name).order_by(col(Domain.id))
    rows = (await session.exec(query.with_for_update(key_share=True))).all()
    owners = await accounts.by_ids(session, [domain.account_id for domain in rows])
    claims = [(domain, owners[domain.account_id]) for domain in rows]
    tokens = tokens_in(answers.labelled, answers.apex)
    known = [Claim(d.id, a.verification_token, d.created_at, d.verified_at is not None) for d, a in claims]
    verdict = decide(known, tokens, complete=answers.complete)
    for domain, account in claims:
        domain.checked_at, domain.check_wanted = now, False
        domain.found = _found(domain, account, settings, answers)
        if domain.id == verdict.displaced:
            domain.verified_at, domain.displaced_at, domain.notice = None, now, "lost"
        if answers.complete:
            _note_contest(domain, verdict, now)
        session.add(domain)
    await session.flush()  # the loser lets go of the name before the winner may take it
    for domain, _ in claims:
        if domain.id == verdict.verified:
            domain.verified_at, domain.displaced_at = now, None
            domain.notice = "won" if verdict.displaced else None
            session.add(domain)
    await session.flush()


def _note_contest(domain: Domain, verdict: Verdict, now: datetime) -> None:
    """The incumbent hears once of each contest, not at each check."""
    if domain.id != verdict.contested:
        domain.contested_at = None
    elif domain.contested_at is None:
        domain.contested_at, domain.notice = now, "kept"


def _found(domain: Domain, account: Account, settings: Settings, answers: _Answers) -> dict[str, Any]:
    names = mx_names(account, settings)
    ours = (settings.mx_name, settings.fast_mx_name)
    wanted = Wanted(account.verification_token, names, spf_include(settings), ours)
    return {
        "ownership": asdict(judge_ownership(domain.name, wanted.token, answers.labelled, answers.apex)),
        "mx": asdict(judge_mx(domain.name, wanted, answers.mx)),
        "spf": asdict(judge_spf(wanted.spf_include, answers.apex)),
    }


def spf_include(settings: Settings) -> str:
    return f"spf.{settings.service_domain}"


# --- telling both sides of a dispute ---


@dataclass(frozen=True, slots=True)
class DisputeNotice:
    """One side of a dispute that its owner has not been told of yet."""

    domain_id: UUID
    account_id: UUID
    name: str
    outcome: DomainDispute
    to: str


async def displacement_notices(session: AsyncSession, *, limit: int = 100) -> list[DisputeNotice]:
    """What to send; `mark_told` belongs into the transaction that accepts the mail."""
    query = select(Domain).where(col(Domain.notice).is_not(None)).order_by(col(Domain.id)).limit(limit)
    notices = []
    for domain in (await session.exec(query)).all():
        to = await accounts.owner_email(session, domain.account_id) or ""
        outcome = _OUTCOMES[domain.notice or ""]
        notices.append(DisputeNotice(domain.id, domain.account_id, domain.name, outcome, to))
    return notices


async def mark_told(tx: Transaction, notice: DisputeNotice) -> bool:
    """Also for those without an owner to tell (`to` is empty). False where somebody else told them."""
    told = await tx.execute(
        "update domain set notice = null where id = $1 and notice = $2", notice.domain_id, notice.outcome
    )
    return not told.endswith(" 0")


_OUTCOMES: Final[dict[str, DomainDispute]] = {"lost": "lost", "won": "won", "kept": "kept"}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
