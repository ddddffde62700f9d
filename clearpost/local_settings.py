"""Where the local stack listens and keeps files, what it tells its processes. Must never hold a secret."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from clearpost.standins.stripe_catalog import PRICES

PORTS = {
    "api_port": 8025,
    "inbox_port": 8026,
    "mx_port": 2525,
    "fast_mx_port": 2526,
    "inbox_smtp_port": 2600,
    "dns_port": 5335,
    "postgres_port": 54329,
    "valkey_port": 63790,
    "standard_mx_metrics_port": 8031,
    "fast_mx_metrics_port": 8032,
    "standard_worker_metrics_port": 8033,
    "fast_worker_metrics_port": 8034,
    "upkeep_metrics_port": 8035,
    "identity_port": 8036,
    "stripe_port": 8037,
}
INBOX_DOMAIN = "inbox.test"
STRIPE_KEY = "sk_test_standin"  # of the stand-in, which moves no money: no secret
# Our own identity provider: it believes everybody, so this is no secret.
IDENTITY_PROVIDER, IDENTITY_CLIENT, IDENTITY_SECRET = (
    "local",
    "clearpost-local",
    "nobody-proves-anything-here",
)


class LocalSettings(BaseSettings):
    """Read from the environment (prefix CLEARPOST_). A port of 0 means: the default, or by `port_base`."""

    model_config = SettingsConfigDict(env_prefix="CLEARPOST_", extra="ignore", frozen=True)

    var_dir: Path = Field(Path("var"), description="Folder of the local stack: database, spool, keys, logs")
    port_base: int = Field(
        0, ge=0, le=65_000, description="First of a row of ports that replaces all defaults"
    )
    database_url: str = Field("", description="A PostgreSQL of yours instead of the embedded one")
    redis_url: str = Field("", description="A Valkey or Redis of yours instead of the embedded one")
    routes: str = Field("", description="Routes to elsewhere than the demo inbox, which takes all other mail")
    providers: str = Field("", description="More identity providers beside the local one")
    provider_clients: str = Field("", description="Their client ids")
    provider_secrets: str = Field("", description="Their client secrets")
    stripe_secret_key: SecretStr = Field(
        SecretStr(""), description="A test key of Stripe's: then Stripe is asked, and not the stand-in"
    )
    api_port: int = 0
    inbox_port: int = 0
    mx_port: int = 0
    fast_mx_port: int = 0
    inbox_smtp_port: int = 0
    dns_port: int = 0
    postgres_port: int = 0
    valkey_port: int = 0
    standard_mx_metrics_port: int = 0
    fast_mx_metrics_port: int = 0
    standard_worker_metrics_port: int = 0
    fast_worker_metrics_port: int = 0
    upkeep_metrics_port: int = 0
    identity_port: int = 0
    stripe_port: int = 0

    def port(self, name: str) -> int:
        """The port of that name: its own setting, else its place in the row of `port_base`, else default."""
        chosen: int = getattr(self, name)
        if chosen:
            return chosen
        return self.port_base + list(PORTS).index(name) if self.port_base else PORTS[name]

    @property
    def var(self) -> Path:
        return self.var_dir.absolute()

    @property
    def web_url(self) -> str:
        return f"http://localhost:{self.port('api_port')}"

    @property
    def identity_url(self) -> str:
        return f"http://localhost:{self.port('identity_port')}"

    @property
    def stripe_url(self) -> str:
        """Of the stand-in; empty where Stripe itself is asked."""
        return (
            ""
            if self.stripe_secret_key.get_secret_value()
            else f"http://localhost:{self.port('stripe_port')}"
        )

    @property
    def inbox_url(self) -> str:
        return f"http://localhost:{self.port('inbox_port')}"


def setting_name(port: str) -> str:
    """The environment variable that moves this port."""
    return f"CLEARPOST_{port.upper()}"


def first_problem(error: ValidationError) -> str:
    """Which setting is wrong, and why, in one line."""
    first = error.errors()[0]
    return f"CLEARPOST_{str(first['loc'][0]).upper()}: {first['msg'].removeprefix('Value error, ')}"


def process_environment(local: LocalSettings, database_url: str, redis_url: str) -> Mapping[str, str]:
    """Everything the processes read from their environment: theirs on top of what we were given."""
    hop = f"127.0.0.1:{local.port('inbox_smtp_port')}"
    return {
        **os.environ,
        "CLEARPOST_ENVIRONMENT": "local",
        "CLEARPOST_DATABASE_URL": database_url,
        "CLEARPOST_REDIS_URL": redis_url,
        "CLEARPOST_SPOOL_DIR": str(local.var / "spool"),
        "CLEARPOST_KEY_DIR": str(local.var / "keys"),
        "CLEARPOST_ROUTES": _joined(f"{INBOX_DOMAIN}={hop},*={hop}", local.routes),
        "CLEARPOST_DNS_SERVERS": f"127.0.0.1:{local.port('dns_port')}",
        "CLEARPOST_WEB_URL": local.web_url,
        "CLEARPOST_PROVIDERS": _joined(f"{IDENTITY_PROVIDER}={local.identity_url}", local.providers),
        "CLEARPOST_PROVIDER_CLIENTS": _joined(
            f"{IDENTITY_PROVIDER}={IDENTITY_CLIENT}", local.provider_clients
        ),
        "CLEARPOST_PROVIDER_SECRETS": _joined(
            f"{IDENTITY_PROVIDER}={IDENTITY_SECRET}", local.provider_secrets
        ),
        **_stripe(local),
        "CLEARPOST_API_PORT": str(local.port("api_port")),
        "CLEARPOST_MX_PORT": str(local.port("mx_port")),
        "CLEARPOST_FAST_MX_PORT": str(local.port("fast_mx_port")),
    }


def _stripe(local: LocalSettings) -> Mapping[str, str]:
    """The stand-in's, with a new signing secret for each start; nothing where it stays away."""
    if not local.stripe_url:
        return {}
    return {
        "CLEARPOST_STRIPE_API_URL": local.stripe_url,
        "CLEARPOST_STRIPE_SECRET_KEY": STRIPE_KEY,
        "CLEARPOST_STRIPE_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(16)}",
        "CLEARPOST_STRIPE_PRICES": ",".join(f"{name}={price}" for name, price in PRICES.items()),
        "CLEARPOST_STRIPE_TAX": "false",
    }


def _joined(ours: str, theirs: str) -> str:
    """Of two entries with one name the later one counts."""
    return f"{ours},{theirs}" if theirs else ours
