"""Mail on its way out: the spool, attempts, next hops and their TLS.

Only fields; how they are read is told in the package. Must never decide anything.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from mailcore.settings.kinds import CommaList, DurationList, NetworkList, Port


def _minutes(*values: float) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=value) for value in values)


# Waits between attempts, so that they fall at about 0, 1, 5, 15, 30 min, 1, 2, 4, 8 h, then every 8 h.
STANDARD_LADDER = _minutes(1, 4, 10, 15, 30, 60, 120, 240, 480)
# The fast lane tries every 30 s for the first five minutes, then joins the standard ladder at 15 min.
FAST_LADDER = _minutes(*(0.5,) * 10, 10, 15, 30, 60, 120, 240, 480)


class Outgoing(BaseSettings):
    """Mail on its way out: the spool, attempts, next hops and their TLS."""

    # Spool
    segment_bytes: int = Field(32 * 1024 * 1024, description="A segment is sealed at this size")
    segment_age: timedelta = Field(timedelta(seconds=10), description="A segment is sealed at this age")
    survivor_age: timedelta = Field(
        timedelta(seconds=30), description="What waits this long after sealing moves to a long-wait segment"
    )
    memory_message: int = Field(256 * 1024, description="Larger messages stream into a segment of their own")
    spool_reserve: int = Field(
        256 * 1024 * 1024, description="Free bytes below which the mx answers 452 4.3.1"
    )

    # Delivery
    standard_ladder: DurationList = Field(
        STANDARD_LADDER, description="Waits after each failed attempt, standard lane; the last repeats"
    )
    fast_ladder: DurationList = Field(FAST_LADDER, description="The same for the fast lane")
    retry_jitter: float = Field(0.15, ge=0, le=0.5, description="Share of a wait that is random")
    give_up_after: timedelta = Field(timedelta(days=4), description="RFC 5321 section 4.5.4.1")
    no_domain_confirm: timedelta = Field(
        timedelta(minutes=30), description="NXDOMAIN is believed when seen again after this long"
    )
    first_attempts: int = Field(
        600, description="First attempts in flight in one mx process; beyond, mail goes to the queue"
    )
    first_attempt_bytes: int = Field(64 * 1024 * 1024, description="The same in bytes")
    first_attempt_lag: timedelta = Field(
        timedelta(milliseconds=200), description="An event loop this late leaves standard mail to the queue"
    )
    worker_deliveries: int = Field(400, description="Deliveries in flight in one worker process")
    worker_delivery_bytes: int = Field(
        256 * 1024 * 1024,
        description="Content in flight in one worker process; messages up to memory_message are not counted",
    )
    claim_batch: int = Field(100, description="Deliveries claimed at once")
    sweep_interval: timedelta = Field(
        timedelta(seconds=10), description="Poll of the queue when no wake-up comes, standard lane"
    )
    fast_sweep_interval: timedelta = Field(timedelta(seconds=2), description="The same for the fast lane")
    heartbeat_interval: timedelta = Field(
        timedelta(seconds=5), description="How often a process says that it lives"
    )
    death_after: timedelta = Field(
        timedelta(seconds=30), description="Same heartbeat seen this long: the process is dead"
    )
    heartbeat_stale: timedelta = Field(
        timedelta(seconds=20), description="A sender with an older own heartbeat sends no final dot"
    )
    outbound_source_address: str = Field(
        "",
        description="Source address of outgoing connections, or one for each IP version, as "
        "192.0.2.1,2001:db8::1; empty: the system chooses",
    )
    fast_outbound_source_address: str = Field("", description="The same for the fast lane")

    # Destination providers
    provider_start: int = Field(20, ge=1, description="Attempts at once to a provider at first, per process")
    provider_limit: int = Field(250, ge=1, description="The most they grow to, as long as it takes them")
    provider_wait: timedelta = Field(timedelta(seconds=5), description="Wait for a place, then put off")
    provider_troubles: int = Field(5, ge=1, description="Failed connections in a row before a pause")
    provider_first_pause: timedelta = Field(
        timedelta(seconds=30), description="First pause, doubled up to 10 min"
    )

    # Next hops
    connections_per_next_hop: int = Field(250, description="Connections to one host at once, per process")
    messages_per_connection: int = Field(100, description="Messages before a kept connection is closed")
    connection_idle: timedelta = Field(
        timedelta(seconds=10), description="How long an idle connection is kept"
    )
    connect_timeout: timedelta = Field(timedelta(seconds=30), description="TCP connect and greeting")
    command_timeout: timedelta = Field(
        timedelta(minutes=5), description="EHLO, MAIL, RCPT (RFC 5321 section 4.5.3.2)"
    )
    after_dot_timeout: timedelta = Field(timedelta(minutes=10), description="Reply to the final dot")
    data_start_timeout: timedelta = Field(timedelta(minutes=2), description="Reply to DATA")
    data_block_timeout: timedelta = Field(timedelta(minutes=3), description="Progress while content is sent")
    next_hop_wait: timedelta = Field(
        timedelta(minutes=5), description="Longest wait for a free connection to one host"
    )
    connects_per_attempt: int = Field(5, ge=1, description="Hosts and addresses tried within one attempt")
    idle_connections: int = Field(300, description="Idle connections kept in all, per process")
    dns_timeout: timedelta = Field(timedelta(seconds=10), description="One DNS question")
    dns_cache_entries: int = Field(10_000, ge=1, description="DNS answers kept in memory")
    smtp_port: Port = Field(25, description="Port of the hosts that MX records name")
    internal_networks: NetworkList = Field(
        (), description="Networks that MX records may lead to though they are not public, as 10.0.0.0/8,..."
    )
    outbound_ipv6: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether mail leaves over IPv6; auto: where our source address has a reverse name that "
        "leads back to it, without which large providers refuse",
    )

    # TLS to next hops; opportunistic without more (RFC 7435)
    dane: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether TLSA records are believed (RFC 7672); auto: where all DNS servers are on this "
        "machine, as only then nobody can forge that they have validated an answer",
    )
    authorities: Path | None = Field(
        None, description="PEM file of certificate authorities believed besides the system's"
    )
    mta_sts_port: Port = Field(
        443, description="Port of the servers that publish MTA-STS policies (RFC 8461)"
    )

    # What we sign
    arc_seal: bool = Field(
        True,
        description="Whether forwarded mail gets an ARC set (RFC 8617): what we found out about its sender",
    )
    watched_blocklists: CommaList = Field(
        (), description="DNSBL zones asked every hour about our own outgoing addresses; a listing is an alert"
    )
