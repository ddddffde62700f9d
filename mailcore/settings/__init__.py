"""Every setting of every process: read once from the environment (prefix CLEARPOST_), then only handed on.

Must never be read from inside a decision: a function takes the value it needs. `.env.example` is
generated from the descriptions here (`python -m mailcore.settings`).
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from mailcore.plans import Lane
from mailcore.settings.incoming import Incoming
from mailcore.settings.kinds import is_name_server
from mailcore.settings.offering import Offering
from mailcore.settings.outgoing import Outgoing
from mailcore.settings.places import Places

SignUp = Literal["open", "invitation", "closed"]

_NAME: Final = re.compile(r"(?:[\w-]{1,63}\.)+[\w-]{2,63}\.?")
_WEB: Final = re.compile(r"https?://(?:[\w.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?(?:/[^\s?#]*)?", re.IGNORECASE)


class Settings(Offering, Outgoing, Incoming, Places):
    """All of them. Durations are given in seconds (30), or as ISO 8601 (PT30S)."""

    model_config = SettingsConfigDict(env_prefix="CLEARPOST_", extra="ignore", frozen=True)

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

    @field_validator(
        "dns_servers",
        "metrics_allowed",
        "trusted_proxies",
        "proxy_protocol",
        "rates_exempt",
        "trusted_sealers",
        "blocklists",
        "watched_blocklists",
        "internal_networks",
        mode="before",
    )
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

    # What would only show later, as mail that is not filtered or not asked about
    @field_validator("trusted_sealers", "blocklists", "watched_blocklists")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_NAME.fullmatch, names)):
            raise ValueError("write domain names, with commas between them")
        return names

    @field_validator("dns_servers")
    @classmethod
    def _check_dns_servers(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(is_name_server, servers)):
            raise ValueError("write IP addresses, as 192.0.2.53 or 192.0.2.53:53, with commas between them")
        return servers

    @field_validator("rspamd_url")
    @classmethod
    def _check_rspamd_url(cls, url: str) -> str:
        if url and not _WEB.fullmatch(url):
            raise ValueError(
                "write it as http://127.0.0.1:11333; a password goes into CLEARPOST_RSPAMD_PASSWORD"
            )
        return url

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
        return self.portal_dir or Path(__file__).resolve().parents[2] / "frontend" / "dist"

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
