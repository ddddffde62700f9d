"""Named places where a test may have this process die, as if by kill -9, or its disk fail.

`CLEARPOST_CRASH_AT=name` or `name:3` (the third time it is reached). `CLEARPOST_FAIL_IO=sync:EIO`,
`write:ENOSPC:3` (the third write of the spool, once) or `key:EROFS` (new keys). Refused in production. Must
cost nothing when unset, and must never do anything but die or raise OSError.
"""

import errno
import os
import signal
from typing import Literal

_CRASH, _FAULT = "CLEARPOST_CRASH_AT", "CLEARPOST_FAIL_IO"


class CrashPointsRefused(Exception):
    """Production must not run with a crash point set."""


class _Armed:
    """The one place this process was told, and how many passes are left."""

    def __init__(self, name: str, count: str) -> None:
        self.name = name
        self.left = int(count or 1)

    def is_reached(self, name: str) -> bool:
        """True exactly once: at the last of the counted passes."""
        if self.name != name:
            return False
        self.left -= 1
        return self.left == 0


def _armed_crash(text: str) -> _Armed | None:
    name, _, count = text.partition(":")
    return _Armed(name, count) if name else None


def _armed_fault(text: str) -> tuple[_Armed, int] | None:
    if not text:
        return None
    place, kind, count = (*text.split(":"), "")[:3]
    return _Armed(place, count), int(getattr(errno, kind))


_crash = _armed_crash(os.environ.get(_CRASH, ""))
_fault = _armed_fault(os.environ.get(_FAULT, ""))


def check_allowed(environment: str) -> None:
    """To be called at start-up."""
    armed = [name for name, value in ((_CRASH, _crash), (_FAULT, _fault)) if value]
    if armed and environment == "production":
        raise CrashPointsRefused(f"{armed[0]} is set: unset it, production never breaks on purpose")


def reach(name: str) -> None:
    """Dies here if this is the place."""
    if _crash is not None and _crash.is_reached(name):
        os.kill(os.getpid(), signal.SIGKILL)


def fail_io(place: Literal["write", "sync", "key"]) -> None:
    """Raises the OSError that was ordered for this place, once."""
    if _fault is not None and _fault[0].is_reached(place):
        raise OSError(_fault[1], os.strerror(_fault[1]))
