"""The settings file of a production machine: asked for, checked, written once, read back.

Must never overwrite a file, and never write one that others may read: it holds the database's password.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import typer

from mailcore.envelope import normalise_domain, parse_mailbox
from mailcore.keyring import write_once
from mailcore.settings import Settings

_PREFIX: Final = "CLEARPOST_"


class Unusable(Exception):
    """One line that says which answer is missing or wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator said; empty where nothing was."""

    env_file: Path
    hostname: str
    service_domain: str
    postmaster: str
    ips: tuple[str, ...]
    database_url: str
    redis_url: str
    spool_dir: Path
    key_dir: Path
    mx_port: int
    owner: str
    staff: str = ""


def settings_of(wish: Wish) -> tuple[bool, Settings]:
    """Those of the file where there is one; else a file is written from the answers."""
    if wish.env_file.exists():
        return False, _loaded(_read(wish.env_file))
    wish = _checked(_asked(wish))
    values = _values(wish)
    settings = _loaded(values)
    wish.env_file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_once(wish.env_file, _file(values))
    return True, settings


def _asked(wish: Wish) -> Wish:
    """A person is asked for what is missing; a program is told."""
    questions = {
        "hostname": "Name of this mail server, such as mx.example.org",
        "service_domain": "Domain of the service itself, such as example.org",
        "postmaster": "Inbox for postmaster and abuse mail, at another domain",
    }
    for name, question in questions.items():
        if not getattr(wish, name):
            if not sys.stdin.isatty():
                raise Unusable(f"--{name.replace('_', '-')} is missing: {question[0].lower()}{question[1:]}")
            wish = replace(wish, **{name: typer.prompt(question)})
    return wish


def _checked(wish: Wish) -> Wish:
    hostname, domain = normalise_domain(wish.hostname), normalise_domain(wish.service_domain)
    if hostname is None or domain is None:
        raise Unusable("write names such as mx.example.org and example.org, without https://")
    mailbox = parse_mailbox(wish.postmaster)
    if mailbox is None:
        raise Unusable("--postmaster is an address, such as you@elsewhere.example")
    if mailbox.domain == domain or mailbox.domain.endswith(f".{domain}"):
        raise Unusable("--postmaster must be at another domain: mail to this one would come back to itself")
    for text in (wish.database_url, wish.redis_url, str(wish.spool_dir), str(wish.key_dir)):
        if any(character in text for character in " \t\n\"'\\#"):
            raise Unusable("URLs and folders without spaces, quotes, backslashes and #: encode them as %20")
    return replace(wish, hostname=hostname, service_domain=domain, ips=_addresses(wish.ips))


def _addresses(ips: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_address(ip)) for ip in ips)
    except ValueError:
        raise Unusable("--ip is an address of this machine, such as 192.0.2.10") from None


def _values(wish: Wish) -> dict[str, str]:
    return {
        "ENVIRONMENT": "production",
        "SERVICE_DOMAIN": wish.service_domain,
        "HOSTNAME": wish.hostname,
        "MX_NAME": wish.hostname,
        "FAST_MX_NAME": f"fast.{wish.hostname}",
        "POSTMASTER_ADDRESS": wish.postmaster,
        "WEB_URL": f"https://{wish.service_domain}",
        "TRUSTED_PROXIES": "127.0.0.1,::1",
        "DATABASE_URL": wish.database_url,
        "REDIS_URL": wish.redis_url,
        "SPOOL_DIR": str(wish.spool_dir.absolute()),
        "KEY_DIR": str(wish.key_dir.absolute()),
        "MX_PORT": str(wish.mx_port),
    }


def _file(values: Mapping[str, str]) -> bytes:
    lines = [
        "# Written by `clearpost init`. Every other setting and its meaning: .env.example",
        "# The mx units set CLEARPOST_LISTEN_HOST; api and metrics stay on loopback.",
        *(f"{_PREFIX}{name}={shlex.quote(value)}" for name, value in values.items()),
        "# A certificate that others believe, for STARTTLS:",
        f"#{_PREFIX}TLS_CERTIFICATE=/etc/clearpost/fullchain.pem",
        f"#{_PREFIX}TLS_KEY=/etc/clearpost/privkey.pem",
    ]
    return ("\n".join(lines) + "\n").encode()


def _read(path: Path) -> dict[str, str]:
    """As systemd reads it: NAME=value, comments, blank lines."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line.startswith(_PREFIX))
    return {name.removeprefix(_PREFIX): value.strip("\"'") for name, _, value in pairs}


def _loaded(values: Mapping[str, str]) -> Settings:
    try:
        return Settings(**{name.lower(): value for name, value in values.items()})  # type: ignore[arg-type]
    except ValueError:
        raise Unusable("a setting in the file is wrong: clearpost doctor says which") from None
