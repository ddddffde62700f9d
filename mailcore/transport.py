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
from mailcore.mta_sts_policies import Policies
from mailcore.next_hops import NextHop, NextHops
from mailcore.outcome import Outcome, ended_in, ours
from mailcore.outgoing_tls import OutgoingTls
from mailcore.providers import OURS, Providers, provider_of
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.source_addresses import SourceAddresses
from mailcore.transaction import Parcel, transact

__all__ = ["ConnectionStats", "Outcome", "Parcel", "Transport"]


_PUT_OFF = ours("transient", 451, "4.3.2", "Put off", "put-off")
_NEXT_HOST = frozenset({"connect", "tls"})


class Transport:
    """Sends parcels. One per process; `source_address` replaces that of the settings (the fast lane's).
    Without `policies` no MTA-STS policy is looked for.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        resolver: Resolver,
        clock: Clock,
        source_address: str | None = None,
        next_hops: NextHops | None = None,
        providers: Providers | None = None,
        policies: Policies | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        source = settings.outbound_source_address if source_address is None else source_address
        self._sources = SourceAddresses(settings=settings, resolver=resolver, clock=clock, text=source)
        self._next_hops = next_hops or NextHops(
            settings=settings, resolver=resolver, sources=self._sources, clock=clock, policies=policies
        )
        self._tls = OutgoingTls(settings.authorities)
        self._pool = ConnectionPool(settings)
        self._providers = providers or Providers(settings, clock)

    @property
    def stats(self) -> ConnectionStats:
        return self._pool.stats

    async def send(self, parcel: Parcel, *, may_commit: Callable[[], bool]) -> Outcome:
        """One attempt. `may_commit` is asked right before the final dot; False means it is never sent."""
        started = self._clock.monotonic()
        outcome, provider = await self._attempt(parcel, may_commit)
        return replace(
            outcome, provider=provider, duration=timedelta(seconds=self._clock.monotonic() - started)
        )

    async def _attempt(self, parcel: Parcel, may_commit: Callable[[], bool]) -> tuple[Outcome, str]:
        """And whose host it was; empty where it did not come so far."""
        domain = parcel.forward_path.rpartition("@")[2]
        hops = await self._next_hops.find(domain, require_tls=parcel.require_tls)
        if isinstance(hops, Outcome):
            return hops, ""
        provider = provider_of(hops[0])
        outcome: Outcome | None = None
        begun = self._providers.slow.begin(provider)
        if begun is None:
            return _PUT_OFF, provider
        try:
            outcome = await self._paced(provider, hops, parcel, may_commit)
        finally:
            tells = outcome is not None and outcome.reason not in OURS
            self._providers.slow.end(provider, begun, tells=tells)
        return outcome, provider

    async def _paced(
        self, provider: str, hops: tuple[NextHop, ...], parcel: Parcel, may_commit: Callable[[], bool]
    ) -> Outcome:
        """As soon as the provider takes one more at once."""
        if not await self._providers.enter(provider):
            return _PUT_OFF
        outcome: Outcome | None = None
        try:
            outcome = await self._try(hops, parcel, may_commit)
        finally:
            self._providers.leave(provider, outcome)
        return outcome

    async def _try(
        self, hops: tuple[NextHop, ...], parcel: Parcel, may_commit: Callable[[], bool]
    ) -> Outcome:
        """Host after host, until one of them talks, with the TLS that is needed."""
        outcome = ours("transient", 451, "4.4.1", "No host to connect to", "connect")
        for hop in hops:
            outcome = await self._send_to(hop, parcel, may_commit)
            if outcome.reason not in _NEXT_HOST:
                break
        return outcome

    async def _send_to(self, hop: NextHop, parcel: Parcel, may_commit: Callable[[], bool]) -> Outcome:
        """On a kept connection; if that has died meanwhile, silently on a new one."""
        if not await self._pool.enter(hop):
            busy = ours("transient", 451, "4.4.5", "Too many messages wait for this host", "put-off")
            return _named(busy, hop)
        try:
            kept = self._pool.take(hop)
            outcome = await self._send_on(kept, hop, parcel, may_commit) if kept else None
            return outcome or await self._send_afresh(hop, parcel, may_commit)
        finally:
            self._pool.leave(hop)

    async def _send_afresh(self, hop: NextHop, parcel: Parcel, may_commit: Callable[[], bool]) -> Outcome:
        made = await connect(hop, self._settings, self._sources.towards(hop.address), self._tls)
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
        known = replace(
            result.outcome, server_name=hop.host, server_ip=connection.ip or hop.address, tls=connection.tls
        )
        return ended_in(known, f" [{connection.tls_words}]")

    async def close(self) -> None:
        """Close idle connections politely. Attempts in flight are to be ended before, by who started them."""
        await self._sources.close()
        await self._pool.close()


def _named(outcome: Outcome, hop: NextHop) -> Outcome:
    return replace(outcome, server_name=hop.host, server_ip=outcome.server_ip or hop.address)
