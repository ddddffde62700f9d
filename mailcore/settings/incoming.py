"""Mail on its way in: limits at the door, what is asked about a sender.

Only fields; how they are read is told in the package. Must never decide anything.
"""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from mailcore.settings.kinds import CommaList, NetworkList, Wait


class Incoming(BaseSettings):
    """Mail on its way in: limits at the door, what is asked about a sender."""

    # Limits at the door (RFC 5321 section 4.5.3)
    max_recipients: int = Field(100, description="Recipients of one transaction, then 452 4.5.3")
    max_connections: int = Field(1000, description="Connections of one mx process, then 421 4.7.0")
    max_connections_per_ip: int = Field(
        50, description="Connections per IPv4 address or IPv6 /64, then 421 4.7.0"
    )
    max_errors: int = Field(10, description="Protocol errors of one connection, then 421 4.7.0")
    max_idle_commands: int = Field(
        100,
        description="NOOP, RSET, VRFY, HELP, HELO and EHLO of one connection without an accepted message, "
        "then 421 4.7.0",
    )
    max_unknown_recipients: int = Field(
        100, description="Unknown recipients of one connection without an accepted message, then 421 4.7.0"
    )
    unknown_recipient_pause: timedelta = Field(
        timedelta(seconds=1), description="Wait before each reply to them, from the one after max_errors on"
    )
    max_command_line: int = Field(2048, description="Octets of a command line")
    idle_timeout: timedelta = Field(timedelta(minutes=5), description="Silence before 421 4.4.2")
    data_timeout: timedelta = Field(timedelta(minutes=15), description="Longest DATA")
    data_minimum_rate: int = Field(1000, description="Bytes per second over 30 s below which DATA is cut")
    data_memory: int = Field(
        64 * 1024 * 1024, description="Bytes of DATA in memory per process, then 452 4.3.1"
    )
    fast_mx_standard_cap: int = Field(50, description="Standard transactions the fast mx takes at once")
    shutdown_grace: timedelta = Field(
        timedelta(seconds=30), description="How long DATA in flight may finish at SIGTERM"
    )

    # Who sends (RFC 7208, 6376, 8617, 9989)
    verdicts: bool = Field(
        True,
        description="Find out who sent a message; off where a filter in front does: then no policy about "
        "senders holds, nothing is sealed, and what is forwarded gets a DKIM-Signature of ours instead",
    )
    verdict_timeout: Wait = Field(
        timedelta(seconds=2),
        description="All verdicts on one message (SPF, DKIM, DMARC, ARC), then temperror",
    )
    trusted_sealers: CommaList = Field(
        ("google.com", "microsoft.com"),
        description="Domains whose ARC seals are believed: mail they passed on is not refused for its DMARC",
    )

    # How much one client may send, counted in Redis; without Redis nothing is counted
    client_rate: int = Field(
        600,
        ge=0,
        description="Messages a minute of one IPv4 address or IPv6 /64, then 451 4.7.1; 0: any number",
    )
    sender_rate: int = Field(
        300, ge=0, description="The same with one reverse-path, wherever it comes from; 0: any number"
    )
    rates_exempt: NetworkList = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Clients that are not counted and not looked for in blocklists, as 10.0.0.0/8,...",
    )

    # What others say of a client or its mail
    blocklists: CommaList = Field(
        (),
        description="DNSBL zones asked about clients, as list.example.org,...: at first 451 4.7.1",
    )
    blocklist_patience: timedelta = Field(
        timedelta(hours=4),
        ge=timedelta(0),
        description="A client listed for so long since we first saw it hears 554 5.7.1",
    )
    rspamd_url: str = Field(
        "", description="rspamd's worker as http://127.0.0.1:11333; empty: no spam filter is asked"
    )
    rspamd_password: SecretStr = Field(SecretStr(""), description="Its password, where it wants one")
    rspamd_timeout: Wait = Field(
        timedelta(seconds=5), description="Its answer; without one the message is taken as it is"
    )
    rspamd_most_bytes: int = Field(
        2 * 1024 * 1024, ge=0, description="Larger messages are not shown to it, as spam seldom is large"
    )
