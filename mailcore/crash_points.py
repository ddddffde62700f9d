"""Named places where a test may have this process die, as if by kill -9.

`CLEARPOST_CRASH_AT=name` or `name:3` (the third time it is reached). Refused in production. Must cost
nothing when unset, and must never do anything but die.
"""

import os
import signal

_VARIABLE = "CLEARPOST_CRASH_AT"


class CrashPointsRefused(Exception):
    """Production must not run with a crash point set."""


class _Armed:
    """The one crash point this process was told, and how many passes are left."""

    def __init__(self, wanted: str) -> None:
        self.name, _, count = wanted.partition(":")
        self.left = int(count or 1)


_armed: _Armed | None = _Armed(os.environ[_VARIABLE]) if os.environ.get(_VARIABLE) else None


def check_allowed(environment: str) -> None:
    """To be called at start-up."""
    if _armed and environment == "production":
        raise CrashPointsRefused(f"{_VARIABLE} is set: unset it, production never crashes on purpose")


def reach(name: str) -> None:
    """Dies here if this is the place."""
    if _armed is None or _armed.name != name:
        return
    _armed.left -= 1
    if _armed.left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
