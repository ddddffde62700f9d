"""An mx process: the SMTP server of one lane, with first attempts in the same process.

Wires the receiver to a socket. Must never decide about mail, and must answer what it has begun before
it ends.
"""

import asyncio
import socket

from clearpost.doorway import Doorway, most_connections
from clearpost.listening import listening_socket
from mailcore.certificates import Certificate
from mailcore.connection_limits import Connections, ip_of
from mailcore.end_of_data import EndOfData
from mailcore.plans import LARGEST_MESSAGE, Lane
from mailcore.rates import Rates
from mailcore.receiver import MailReceiver
from mailcore.refusals import RefusalLog
from mailcore.reputation import Reputation
from mailcore.returns import Returns
from mailcore.reverse_names import ReverseNames
from mailcore.runtime import Ready, Runtime, open_runtime, until
from mailcore.settings import Settings
from mailcore.smtp_session import SmtpSession


async def serve(settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Ready) -> bool:
    """Until `stop`. False when this process was declared dead and must be started anew."""
    async with open_runtime(settings, role="mx", lane=lane, first_attempts=True) as runtime:
        refusals = RefusalLog(
            runtime.database, runtime.clock, runtime.log_keys, per_hour=settings.refused_per_hour
        )
        reputation = _reputation(runtime)
        receiver = _receiver(runtime, refusals, reputation)
        connections = Connections(settings, most=most_connections(settings.max_connections))
        names = ReverseNames(runtime.resolver, runtime.clock)
        certificate = Certificate(settings, runtime.clock)

        def session() -> SmtpSession:
            return SmtpSession(
                receiver=receiver,
                connections=connections,
                settings=settings,
                clock=runtime.clock,
                greet=names.ask,
                largest_message=LARGEST_MESSAGE,
                certificate=certificate,
            )

        doorway = Doorway(
            _socket(settings, lane), refuse=lambda peer: connections.refusal(ip_of(peer)), session=session
        )
        doorway.open(backlog=1000)
        try:
            on_ready()
            return await until(stop, runtime.lost)
        finally:
            doorway.close()
            await _finish(connections, runtime, refusals, settings)
            await reputation.close()


def _reputation(runtime: Runtime) -> Reputation:
    rates = Rates.open(runtime.settings.redis_url.get_secret_value(), runtime.keyring)
    return Reputation(settings=runtime.settings, clock=runtime.clock, resolver=runtime.resolver, rates=rates)


def _receiver(runtime: Runtime, refusals: RefusalLog, reputation: Reputation) -> MailReceiver:
    returns = Returns(
        srs=runtime.srs,
        database=runtime.database,
        acceptance=runtime.acceptance,
        settings=runtime.settings,
        log_keys=runtime.log_keys,
    )
    end_of_data = EndOfData(
        settings=runtime.settings,
        clock=runtime.clock,
        database=runtime.database,
        keyring=runtime.keyring,
        resolver=runtime.resolver,
        acceptance=runtime.acceptance,
        refusals=refusals,
        returns=returns,
        reputation=reputation,
    )
    return MailReceiver(
        settings=runtime.settings,
        clock=runtime.clock,
        database=runtime.database,
        spool=runtime.spool,
        keyring=runtime.keyring,
        refusals=refusals,
        returns=returns,
        reputation=reputation,
        end_of_data=end_of_data,
        lane=runtime.lane,
    )


def _socket(settings: Settings, lane: Lane) -> socket.socket:
    port = settings.fast_mx_port if lane is Lane.FAST else settings.mx_port
    return listening_socket(settings.listen_host, port)


async def _finish(
    connections: Connections, runtime: Runtime, refusals: RefusalLog, settings: Settings
) -> None:
    """Idle clients hear 421, DATA in flight may end, deliveries before the dot go back to the queue."""
    connections.closing = True
    for session in list(connections.sessions):
        session.shut_down()
    try:
        async with asyncio.timeout(settings.shutdown_grace.total_seconds()):
            await connections.empty()
    except TimeoutError:
        for session in list(connections.sessions):
            session.cut()
    try:
        await runtime.acceptance.drain()
        await refusals.drain()
    finally:  # what has passed the dot must be written down
        await runtime.courier.stop()
