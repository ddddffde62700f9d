"""The MTA-STS policy in force for a domain: in memory, in the database, and fetched anew when it has changed.

Must never let a policy go before its time because DNS or the policy's host fails (RFC 8461 section 5.1), nor
keep mail waiting for either for more than a few seconds.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import asyncpg
import structlog

from mailcore import mta_sts_table
from mailcore.clock import Clock
from mailcore.database import CONNECTION_LOST, Aborted, Database
from mailcore.keyring import Keyring
from mailcore.logs import where
from mailcore.mta_sts import patterns_for, record_id
from mailcore.mta_sts_fetch import PolicyFetcher
from mailcore.mta_sts_table import Hashes, KeptPolicy, pattern_of
from mailcore.resolver import Resolver
from mailcore.settings import Settings

log = structlog.get_logger("mta_sts_policies")

KEY: Final = "mta-sts"
REFRESH_AFTER: Final = timedelta(days=1)  # long before it expires (section 10.2)
READ_AGAIN: Final = 600.0  # what another process has learnt
TRY_AGAIN: Final = 300.0  # what has failed is left alone this long (section 3.3)
PATIENCE: Final = 4.0
MOST_FETCHES: Final = 50
MOST_DOMAINS: Final = 10_000
_NO_DATABASE: Final = (*CONNECTION_LOST, Aborted, asyncpg.PostgresError)


@dataclass(frozen=True, slots=True)
class DomainPolicy:
    """The policy of one domain, enforced or in testing mode."""

    domain: str
    kept: KeptPolicy
    hashes: Hashes

    @property
    def is_testing(self) -> bool:
        return self.kept.mode == "testing"

    def names(self, host: str) -> bool:
        """Whether one of its patterns names this MX host."""
        patterns = (pattern_of(self.domain, pattern) for pattern in patterns_for(host))
        return any(not self.kept.hosts.isdisjoint(self.hashes(pattern)) for pattern in patterns)

    def allows(self, host: str) -> bool:
        """Whether mail may go there at all."""
        return self.is_testing or self.names(host)


@dataclass(slots=True)
class _Domain:
    """What this process knows. Times are monotonic seconds; until `quiet_until` nobody is asked anew."""

    policy: KeptPolicy | None = None
    read_at: float = -READ_AGAIN
    quiet_until: float = 0.0


class Policies:
    """One per process."""

    def __init__(
        self,
        *,
        settings: Settings,
        resolver: Resolver,
        clock: Clock,
        database: Database,
        keyring: Keyring,
        patience: float = PATIENCE,
    ) -> None:
        self._fetcher = PolicyFetcher(settings, resolver)
        self._resolver = resolver
        self._clock = clock
        self._database = database
        self._hashes: Hashes = partial(keyring.hashes, KEY)
        self._patience = patience
        self._domains: OrderedDict[str, _Domain] = OrderedDict()
        self._fetches: dict[str, asyncio.Task[None]] = {}

    async def of(self, domain: str) -> DomainPolicy | None:
        """In force for mail to this domain (lower case, no final dot); None where nothing is asked."""
        known = self._known(domain)
        await self._read(domain, known)
        if self._clock.monotonic() >= known.quiet_until:
            await self._look_for_news(domain, known)
        policy = self._in_force(known)
        return None if policy is None or policy.mode == "none" else DomainPolicy(domain, policy, self._hashes)

    def _known(self, domain: str) -> _Domain:
        known = self._domains.setdefault(domain, _Domain())
        self._domains.move_to_end(domain)
        if len(self._domains) > MOST_DOMAINS:
            self._domains.popitem(last=False)
        return known

    def _in_force(self, known: _Domain) -> KeptPolicy | None:
        return known.policy if known.policy and self._clock.now() < known.policy.expires_at else None

    # --- what was known before ---

    async def _read(self, domain: str, known: _Domain) -> None:
        """Without the database it is what this process knows."""
        if self._clock.monotonic() < known.read_at + READ_AGAIN:
            return
        try:
            policy = await mta_sts_table.read(self._database, domain, self._hashes)
        except _NO_DATABASE:
            return
        known.read_at = self._clock.monotonic()
        if policy and (known.policy is None or policy.fetched_at > known.policy.fetched_at):
            known.policy = policy

    # --- what is new ---

    async def _look_for_news(self, domain: str, known: _Domain) -> None:
        """The TXT record is the domain's word that there is something to fetch (section 3.1)."""
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._resolver.txt(f"_mta-sts.{domain}")
                if answer.status == "failure":
                    self._leave_alone(known)
                published = record_id(answer.strings)
                if published is not None and (task := self._fetch_if_due(domain, known, published)):
                    await asyncio.wait({task})
        except TimeoutError:
            self._leave_alone(known)

    def _fetch_if_due(self, domain: str, known: _Domain, published: str) -> "asyncio.Task[None] | None":
        """The fetch that mail has to wait for, where there is one: not one that only refreshes."""
        policy = self._in_force(known)
        is_same = policy is not None and policy.policy_id == published
        if policy is not None and is_same and self._clock.now() < policy.fetched_at + REFRESH_AFTER:
            return None
        task = self._fetches.get(domain)
        if task is None and len(self._fetches) < MOST_FETCHES:
            task = self._fetches[domain] = asyncio.create_task(self._fetch(domain, known, published))
        return None if is_same else task

    async def _fetch(self, domain: str, known: _Domain, published: str) -> None:
        try:
            policy = await self._fetcher.fetch(domain)
            if policy is None:
                self._leave_alone(known)
                return
            known.policy = mta_sts_table.kept(domain, published, policy, self._hashes, self._clock.now())
            await mta_sts_table.write(self._database, domain, known.policy, self._hashes)
        except _NO_DATABASE:
            pass  # this process knows it all the same
        except Exception as error:  # noqa: BLE001  nobody looks at this task, and each message would ask anew
            log.error("policy_fetch_broke", error=type(error).__name__, where=where(error))
            self._leave_alone(known)
        finally:
            del self._fetches[domain]

    def _leave_alone(self, known: _Domain) -> None:
        known.quiet_until = self._clock.monotonic() + TRY_AGAIN

    async def close(self) -> None:
        tasks = list(self._fetches.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
