"""SMTP client role: where to, on which connection, one mail transaction -> `Outcome`.

The door of everything outbound; `next_hops`, `connection_pool`, `connection` and `transaction` are its rooms.
Must never raise for what DNS or a server does, nor put an address into a log line or an exception.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from mailcore.clock import Clock
from mailcore.connection import Connection, connect
from mailcore.connection_pool import ConnectionPool, ConnectionStats
from mailcore.next_hops import NextHop, NextHops
from mailcore.outcome import Outcome, ours
from mailcore.providers import Providers, provider_of
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.transaction import Parcel, transact

__all__ = ["ConnectionStats", "Outcome", "Parcel", "Transport"]


class Transport:
    """Sends parcels. One per process; `source_address` replaces that of the settings (the fast lane's)."""

    def __init__(
        self,
        *,
        settings: Settings,
        resolver: Resolver,
        clock: Clock,
        source_address: str | None = None,
        next_hops: NextHops | None = None,
        providers: Providers | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._source = settings.outbound_source_address if source_address is None else source_address
        self._next_hops = next_hops or NextHops(
            routes=settings.routes,
            resolver=resolver,
            limit=settings.connects_per_attempt,
            source_address=self._source,
        )
        self._pool = ConnectionPool(settings)
        self._providers = providers or Providers(settings, clock)

    @property
    def stats(self) -> ConnectionStats:
        return self._pool.stats

    async def send(self, parcel: Parcel, *, may_commit: Callable[[], bool]) -> Outcome:
        """One attempt. `may_commit` is asked right before the final dot; False means it is never sent."""
        started = self._clock.monotonic()
        outcome = await self._attempt(parcel, may_commit)
        return replace(outcome, duration=timedelta(seconds=self._clock.monotonic() - started))

    async def _attempt(self, parcel: Parcel, may_commit: Callable[[], bool]) -> Outcome:
        hops = await self._next_hops.find(parcel.forward_path.rpartition("@")[2])
        if isinstance(hops, Outcome):
            return hops
        provider = provider_of(hops[0])
        if not await self._providers.enter(provider):
            return replace(ours("transient", 451, "4.3.2", "Put off", "put-off"), provider=provider)
        outcome: Outcome | None = None
        try:
            outcome = await self._try(hops, parcel, may_commit)
        finally:
            self._providers.leave(provider, outcome)
        return replace(outcome, provider=provider)

    async def _try(
        self, hops: tuple[NextHop, ...], parcel: Parcel, may_commit: Callable[[], bool]
    ) -> Outcome:
        """Host after host, until one of them talks."""
        outcome = ours("transient", 451, "4.4.1", "No host to connect to", "connect")
        for hop in hops:
            outcome = await self._send_to(hop, parcel, may_commit)
            if outcome.reason != "connect":
                break
        return outcome

    async def _send_to(self, hop: NextHop, parcel: Parcel, may_commit: Callable[[], bool]) -> Outcome:
        """On a kept connection; if that has died meanwhile, silently on a new one."""
        async with self._pool.slot(hop) as free:
            if not free:
                busy = ours("transient", 451, "4.4.5", "Too many messages wait for this host", "put-off")
                return _named(busy, hop)
            kept = self._pool.take(hop)
            outcome = await self._send_on(kept, hop, parcel, may_commit) if kept else None
            return outcome or await self._send_afresh(hop, parcel, may_commit)

    async def _send_afresh(self, hop: NextHop, parcel: Parcel, may_commit: Callable[[], bool]) -> Outcome:
        made = await connect(hop, self._settings, self._source)
        if isinstance(made, Outcome):
            return _named(made, hop)
        outcome = await self._send_on(made, hop, parcel, may_commit)
        assert outcome is not None, "only a kept connection can be found dead"
        return outcome

    async def _send_on(
        self, connection: Connection, hop: NextHop, parcel: Parcel, may_commit: Callable[[], bool]
    ) -> Outcome | None:
        try:
            result = await transact(connection, parcel, may_commit, self._settings)
        except BaseException:  # we are told to stop, or something of ours broke
            self._pool.break_off(connection)
            raise
        if result is not None and result.reusable:
            self._pool.keep(hop, connection)
        else:
            connection.abort()
        if result is None:
            return None
        return replace(_named(result.outcome, hop), server_ip=connection.ip, tls=connection.tls)

    async def close(self) -> None:
        """Close idle connections politely. Attempts in flight are to be ended before, by who started them."""
        await self._pool.close()


def _named(outcome: Outcome, hop: NextHop) -> Outcome:
    return replace(outcome, server_name=hop.host, server_ip=outcome.server_ip or hop.ip)
