"""Every setting of every process: read once from the environment (prefix CLEARPOST_), then only handed on.

Must never be read from inside a decision: a function takes the value it needs. `.env.example` is
generated from the descriptions here (`python -m mailcore.settings`).
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mailcore.plans import Lane


def _minutes(*values: float) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=value) for value in values)


# Waits between attempts, so that they fall at about 0, 1, 5, 15, 30 min, 1, 2, 4, 8 h, then every 8 h.
STANDARD_LADDER = _minutes(1, 4, 10, 15, 30, 60, 120, 240, 480)
# The fast lane tries every 30 s for the first five minutes, then joins the standard ladder at 15 min.
FAST_LADDER = _minutes(*(0.5,) * 10, 10, 15, 30, 60, 120, 240, 480)

SignUp = Literal["open", "invitation", "closed"]
CommaList = Annotated[tuple[str, ...], NoDecode]
NetworkList = Annotated[tuple[IPvAnyNetwork, ...], NoDecode]
DurationList = Annotated[tuple[timedelta, ...], NoDecode]


class Settings(BaseSettings):
    """Durations are given in seconds (30), or as ISO 8601 (PT30S)."""

    model_config = SettingsConfigDict(env_prefix="CLEARPOST_", extra="ignore", frozen=True)

    # Who we are
    environment: Literal["local", "production"] = Field("local", description="local or production")
    service_domain: str = Field(
        "clearpost.test", description="Domain of the service itself; SRS addresses and DSNs carry it"
    )
    hostname: str = Field(
        "mx.clearpost.test", description="Name in our greeting and EHLO; must have a PTR record in production"
    )
    mx_name: str = Field("mx.clearpost.test", description="MX name customers publish")
    fast_mx_name: str = Field("fast.mx.clearpost.test", description="MX name premium customers publish first")
    postmaster_address: str = Field(
        "", description="Inbox for postmaster@ and abuse@ of the service domain (RFC 5321 section 4.5.1)"
    )
    web_url: str = Field(
        "http://localhost:8025", description="Where customers reach the web pages and the API"
    )

    # Where things are
    database_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL 15 or later: postgresql://user:password@host:port/name"
    )
    redis_url: SecretStr = Field(SecretStr(""), description="Valkey or Redis: redis://host:port/0")
    spool_dir: Path = Field(
        Path("var/spool"),
        description="Folder for accepted mail that waits; local disk, never shared between machines",
    )
    key_dir: Path = Field(
        Path("var/keys"), description="Folder for keys (mode 0700); keep it out of backups of the database"
    )
    portal_dir: Path | None = Field(
        None, description="Folder of the built portal; none: frontend/dist beside the code"
    )
    routes: Annotated[dict[str, str], NoDecode] = Field(
        {}, description="Next hops that replace MX lookup: domain=host:port,... with * for all domains"
    )
    dns_servers: CommaList = Field((), description="DNS servers as host:port,...; empty means the system's")

    # Listening
    listen_host: str = Field("127.0.0.1", description="Address that mx, api and metrics listen on")
    mx_port: int = Field(2525, description="Port of the standard mx (25 in production)")
    fast_mx_port: int = Field(2526, description="Port of the fast mx (25 on its own address in production)")
    mx_processes: int = Field(
        1, ge=1, le=64, description="Processes of one mx, sharing the port by SO_REUSEPORT"
    )
    api_port: int = Field(8025, description="Port of the API")
    trusted_proxies: NetworkList = Field(
        (), description="Proxies before the API, as 127.0.0.1,::1,...: their X-Forwarded-For says who asks"
    )
    metrics_port: int = Field(0, description="Port of /metrics of this process, 0: none; the API has its own")
    metrics_allowed: CommaList = Field(
        (), description="Networks besides loopback that may read /metrics of the API, as 10.0.0.0/8,..."
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file for STARTTLS; none: a self-signed one in the key folder"
    )
    tls_key: Path | None = Field(None, description="PEM private key of that certificate")

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
        200, description="First attempts in flight in one mx process; beyond, mail goes to the queue"
    )
    first_attempt_bytes: int = Field(64 * 1024 * 1024, description="The same in bytes")
    first_attempt_lag: timedelta = Field(
        timedelta(milliseconds=200), description="An event loop this late leaves standard mail to the queue"
    )
    worker_deliveries: int = Field(200, description="Deliveries in flight in one worker process")
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
        "", description="Source address of outgoing connections; empty: the system chooses"
    )
    fast_outbound_source_address: str = Field("", description="The same for the fast lane")

    # Destination providers
    provider_start: int = Field(10, ge=1, description="Attempts at once to a provider at first, per process")
    provider_limit: int = Field(150, ge=1, description="The most they grow to, one more with each delivery")
    provider_wait: timedelta = Field(timedelta(seconds=5), description="Wait for a place, then put off")
    provider_troubles: int = Field(5, ge=1, description="Failed connections in a row before a pause")
    provider_first_pause: timedelta = Field(
        timedelta(seconds=30), description="First pause, doubled up to 10 min"
    )

    # Next hops
    connections_per_next_hop: int = Field(20, description="Connections to one host at once, per process")
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
    idle_connections: int = Field(200, description="Idle connections kept in all, per process")
    dns_timeout: timedelta = Field(timedelta(seconds=10), description="One DNS question")
    dns_cache_entries: int = Field(10_000, ge=1, description="DNS answers kept in memory")
    verdict_timeout: timedelta = Field(timedelta(seconds=2), description="One verdict (SPF), then temperror")

    # The log
    log_retention: timedelta = Field(
        timedelta(days=7), description="The policy: reads stop here exactly, counted from receipt"
    )
    refused_per_hour: int = Field(
        100, description="Refusals logged per domain and hour, then one row that counts"
    )

    # Domains
    domain_claim_window: timedelta = Field(
        timedelta(hours=72), description="A newer, unverified domain gets 451, an older one 550"
    )
    domain_recheck: timedelta = Field(
        timedelta(hours=6), description="How often verified domains are looked at again"
    )
    domain_recheck_failing: timedelta = Field(
        timedelta(minutes=10), description="The same for those whose records are wrong since"
    )
    domain_recheck_watched: timedelta = Field(
        timedelta(seconds=4), description="The same for those that somebody has asked about within 10 minutes"
    )
    domain_off_after: timedelta = Field(
        timedelta(days=7),
        description="Records wrong this long, owner told twice and no authenticated mail: switched off",
    )

    # How often the API may be asked, counted in Redis; without Redis nothing is counted
    api_rate_key: int = Field(600, ge=1, description="Requests a minute of one key, app or person, then 429")
    api_rate_account: int = Field(1200, ge=1, description="The same of all of one account together")
    api_rate_failures: int = Field(
        30,
        ge=1,
        description="Requests a minute without a valid key from one IPv4 address or IPv6 /64, then 429",
    )

    # Signing in
    sign_up: Literal["", "open", "invitation", "closed"] = Field(
        "",
        description="Who gets an account by signing in: open (everybody), invitation, closed (those made by "
        "`clearpost account create`); empty: open in the local stack, closed in production",
    )
    providers: Annotated[dict[str, str], NoDecode] = Field(
        {},
        description="OpenID Connect issuers to sign in with: google=https://accounts.google.com,... "
        "(github=https://github.com means GitHub)",
    )
    provider_clients: Annotated[dict[str, str], NoDecode] = Field(
        {}, description="Our client id at each of them: name=client id,..."
    )
    provider_secrets: SecretStr = Field(
        SecretStr(""), description="And our client secret: name=secret,... (none may hold a comma)"
    )
    session_lasts: timedelta = Field(
        timedelta(days=30), description="A browser signs in again after this long at the latest"
    )
    session_idle: timedelta = Field(timedelta(days=14), description="The same where it was not used")

    # Plans for money. Without a key nothing is sold here: `clearpost account plan` sets plans
    stripe_secret_key: SecretStr = Field(
        SecretStr(""), description="Stripe's secret or restricted key (sk_..., rk_...); empty: billing is off"
    )
    stripe_webhook_secrets: SecretStr = Field(
        SecretStr(""),
        description="Signing secrets of our webhook endpoint: whsec_...,... (two while one is rotated)",
    )
    stripe_prices: Annotated[dict[str, str], NoDecode] = Field(
        {},
        description="What is sold at which price: premium/month=price_...,premium/year=price_...,...; "
        "behind the price that sells, old ones that some still pay: premium/month=price_new|price_old",
    )
    stripe_tax: bool = Field(False, description="Whether Stripe Tax computes and adds taxes")
    stripe_api_url: str = Field(
        "", description="Stripe's API at another address: a stand-in's, for tests; empty is Stripe"
    )

    # Live events and test messages
    event_streams: int = Field(500, ge=1, description="Open streams of GET /v1/events in one API process")
    event_streams_per_account: int = Field(20, ge=1, description="Of those, the same account's")
    test_message_mx: str = Field(
        "", description="host:port of an mx that takes test messages from the API; empty: this machine's"
    )

    # Parsing of the plain text forms
    @field_validator("*", mode="before")
    @classmethod
    def _parse_seconds(cls, value: object, info: ValidationInfo) -> object:
        """Pydantic takes numbers as seconds, text only as ISO 8601; the environment is all text."""
        if cls.model_fields[str(info.field_name)].annotation is not timedelta or not isinstance(value, str):
            return value
        try:
            return timedelta(seconds=float(value))
        except ValueError:
            return value

    @field_validator("routes", mode="before")
    @classmethod
    def _parse_routes(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.strip() for part in value.split(",") if part.strip()]
        if bad := [part for part in pairs if "=" not in part or ":" not in part]:
            raise ValueError(f"write each route as domain=host:port, not {bad[0]!r}")
        return {name.strip().lower(): hop.strip() for name, _, hop in (part.partition("=") for part in pairs)}

    @field_validator("providers", "provider_clients", "stripe_prices", mode="before")
    @classmethod
    def _parse_names(cls, value: object) -> object:
        return _named(value) if isinstance(value, str) else value

    @field_validator("dns_servers", "metrics_allowed", "trusted_proxies", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("standard_ladder", "fast_ladder", mode="before")
    @classmethod
    def _parse_ladder(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(timedelta(seconds=float(part)) for part in value.split(",") if part.strip())

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.standard_ladder or not self.fast_ladder:
            raise ValueError("a retry ladder needs at least one step")
        if self.environment == "production" and not self.postmaster_address:
            raise ValueError(
                "set CLEARPOST_POSTMASTER_ADDRESS: a mail service must be reachable at postmaster@"
            )
        self._check_providers()
        return self

    def _check_providers(self) -> None:
        for name, issuer in self.providers.items():
            if not name.isalnum() or not self.provider_clients.get(name) or not self.provider_secret(name):
                raise ValueError(f"the provider {name!r} needs a plain name, a client id and a client secret")
            if not issuer.startswith("https://") and self.environment == "production":
                raise ValueError(f"the issuer of the provider {name!r} must begin with https://")

    @property
    def sign_up_rule(self) -> SignUp:
        """A production server is closed until its operator opens it: nobody moves in unseen."""
        return self.sign_up or ("open" if self.environment == "local" else "closed")

    @property
    def portal_folder(self) -> Path:
        return self.portal_dir or Path(__file__).resolve().parents[1] / "frontend" / "dist"

    def provider_secret(self, name: str) -> str:
        return _named(self.provider_secrets.get_secret_value()).get(name, "")

    @property
    def srs_domain(self) -> str:
        """SRS addresses live under the service's own domain."""
        return self.service_domain

    @property
    def postmaster(self) -> str:
        """In the local stack the demo inbox takes it; in production start-up insists on the setting."""
        return self.postmaster_address or "postmaster@inbox.test"

    def ladder(self, lane: Lane) -> tuple[timedelta, ...]:
        return self.fast_ladder if lane is Lane.FAST else self.standard_ladder

    def sweep(self, lane: Lane) -> timedelta:
        return self.fast_sweep_interval if lane is Lane.FAST else self.sweep_interval


def _named(text: str) -> dict[str, str]:
    """name=value,... with the names in lower case; a value may hold any sign but a comma."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def example_env() -> str:
    """The text of `.env.example`: every setting, its meaning and its default, commented out."""
    lines = ["# Clearpost settings. Every line shows the default; uncomment to change.", ""]
    for name, field in Settings.model_fields.items():
        lines += [f"# {field.description}", f"#CLEARPOST_{name.upper()}={_as_env(field.default)}", ""]
    return "\n".join(lines)


def _as_env(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case timedelta():
            return f"{value.total_seconds():g}"
        case tuple():
            return ",".join(_as_env(item) for item in value)
        case dict():
            return ",".join(f"{key}={item}" for key, item in value.items())
        case _:
            return str(value)


if __name__ == "__main__":
    print(example_env())
