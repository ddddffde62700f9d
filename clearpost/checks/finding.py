"""What a check says: ok, warn or fail, what was seen, and how to mend it. Must never hold a secret."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `mend` is empty only where all is well."""

    area: str
    state: State
    what: str
    mend: str = ""


def ok(area: str, what: str) -> Finding:
    return Finding(area, "ok", what)


def warn(area: str, what: str, mend: str) -> Finding:
    """Works, but an operator should know."""
    return Finding(area, "warn", what, mend)


def fail(area: str, what: str, mend: str) -> Finding:
    """Mail is refused, delayed or in danger because of this."""
    return Finding(area, "fail", what, mend)
