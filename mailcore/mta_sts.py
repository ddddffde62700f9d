"""MTA-STS (RFC 8461) as text: the TXT record, the policy, and which mail hosts it names. Pure.

Must never raise for what a domain publishes: what is not a policy is None.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, cast

Mode = Literal["enforce", "testing", "none"]

# The longest is the RFC's (section 3.2). Where a domain asks for less than the shortest, that is how long we
# keep it all the same: a policy must outlive the moment between two questions.
LONGEST_AGE: Final = timedelta(seconds=31_557_600)
SHORTEST_AGE: Final = timedelta(minutes=5)
MOST_HOSTS: Final = 100
LONGEST_HOST: Final = 255
_MODES: Final = ("enforce", "testing", "none")
_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Policy:
    """`hosts`: patterns of MX hosts in lower case, some as "*.example.org"."""

    mode: Mode
    hosts: tuple[str, ...]
    max_age: timedelta


def record_id(strings: Iterable[str]) -> str | None:
    """The id in the TXT record of `_mta-sts.DOMAIN`; None unless there is just one (section 3.1)."""
    records = [text for text in strings if re.match(r"v=STSv1[ \t]*;", text)]
    if len(records) != 1:
        return None
    fields = [part.strip(" \t").partition("=") for part in records[0].split(";")]
    ids = [value for name, _, value in fields if name == "id"]
    return ids[0] if ids and _ID.fullmatch(ids[0]) else None


def policy(text: str) -> Policy | None:
    """The policy in the body that was fetched (section 3.2); of a field given twice the first one counts."""
    fields = list(_fields(text))
    first = dict(reversed(fields))
    mode, age = first.get("mode"), first.get("max_age", "")
    hosts = tuple(dict.fromkeys(value.lower().rstrip(".") for name, value in fields if name == "mx"))
    if first.get("version") != "STSv1" or mode not in _MODES or not re.fullmatch(r"[0-9]{1,10}", age):
        return None
    if (not hosts and mode != "none") or len(hosts) > MOST_HOSTS or not all(map(_is_host, hosts)):
        return None
    wanted = timedelta(seconds=int(age))
    return Policy(cast(Mode, mode), hosts, max(SHORTEST_AGE, min(wanted, LONGEST_AGE)))


def _is_host(pattern: str) -> bool:
    return len(pattern) <= LONGEST_HOST and _HOST.fullmatch(pattern) is not None


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Lines "name: value", ended by LF or CRLF; what is none is left out, as unknown names are."""
    for line in re.split(r"\r?\n", text):
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(" \t"), value.strip(" \t")


def patterns_for(host: str) -> tuple[str, ...]:
    """Each pattern that would name this host: itself, and a wildcard for its first label (section 4.1)."""
    host = host.lower().rstrip(".")
    _, dot, parent = host.partition(".")
    return (host, f"*.{parent}") if dot else (host,)
