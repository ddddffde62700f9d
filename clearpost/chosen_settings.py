"""Whose settings a command works with: those of the environment, or of the local stack that runs here.

Must never mix the two: as soon as the environment names a database, only the environment counts.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from clearpost import running_stack
from clearpost.local_settings import LocalSettings
from clearpost.running_stack import RunningStack
from mailcore.settings import Settings

_CHECKOUT = Path(__file__).resolve().parents[1]
_PREFIX: Final = "CLEARPOST_"
# Not settings of a service: what launchers, tests and the examples of the reference use.
_OTHERS: Final = {"READY_FD", "CRASH_AT", "FAIL_IO", "TEST_FSYNC", "API_KEY", "COOKIE", "URL"}


class SettingsError(Exception):
    """A setting is missing or wrong; the text is one line that says which, and what to do."""


def from_environment(*, with_redis: bool = True) -> Settings:
    """Raises SettingsError. `with_redis=False` is for what works on the database alone."""
    return _checked({}, with_redis)


def from_environment_or_stack(*, with_redis: bool = True) -> tuple[Settings, RunningStack | None]:
    """For a person's commands: without a database in the environment, the running local stack is meant."""
    if os.environ.get("CLEARPOST_DATABASE_URL"):
        return from_environment(with_redis=with_redis), None
    stack = running_stack.find(LocalSettings().var, _CHECKOUT / "var")
    if stack is None:
        return from_environment(with_redis=with_redis), None
    return _checked({_field(name): value for name, value in stack.environment.items()}, with_redis), stack


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like ours and that nothing reads: misspelt, or of another release."""
    fields = [*Settings.model_fields, *LocalSettings.model_fields]
    known = {_PREFIX + name for name in (*map(str.upper, fields), *_OTHERS)}
    return sorted(
        each for each in environment if each.upper().startswith(_PREFIX) and each.upper() not in known
    )


def of_any_kind() -> Settings:
    """For what needs neither database nor Redis: the environment's, or the running stack's, or the defaults.
    Raises SettingsError.
    """
    named = os.environ.get("CLEARPOST_DATABASE_URL")
    stack = None if named else running_stack.find(LocalSettings().var, _CHECKOUT / "var")
    return _read({_field(name): value for name, value in stack.environment.items()} if stack else {})


def _field(variable: str) -> str:
    return variable.removeprefix("CLEARPOST_").lower()


def _read(values: dict[str, str]) -> Settings:
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_what_is_wrong(error)) from None


def _checked(values: dict[str, str], with_redis: bool) -> Settings:
    settings = _read(values)
    needed = {"DATABASE_URL": settings.database_url}
    if with_redis:
        needed["REDIS_URL"] = settings.redis_url
    for name, value in needed.items():
        if not value.get_secret_value():
            advice = "point it at your server, or run `clearpost up` for a local stack"
            raise SettingsError(f"CLEARPOST_{name} is not set: {advice}")
    _insist_on_authorities(settings)
    return settings


def _insist_on_authorities(settings: Settings) -> None:
    """Read once for nothing here: a process that first asked it in mid-start would end without a word."""
    try:
        if settings.authorities is not None:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.authorities)
    except OSError:
        advice = "correct its path or its rights, or leave it unset"
        raise SettingsError(f"CLEARPOST_AUTHORITIES: no certificates in PEM there: {advice}") from None


def _what_is_wrong(error: ValidationError) -> str:
    """The first complaint. The value itself stays unsaid: it may be a secret."""
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return text
    return f"CLEARPOST_{str(first['loc'][0]).upper()}: {text}"
