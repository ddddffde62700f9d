"""MTA-STS policies in the database, so that no restart forgets what a domain has asked for.

Whoever blocks DNS or HTTPS must not get mail sent in the clear (RFC 8461 section 10.2). Must never hold the
name of a domain or of a mail host: only hashes under a key that is not in the database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailcore.database import Database
from mailcore.mta_sts import Mode, Policy

Hashes = Callable[[str], Sequence[str]]

_READ = """
select policy_id, mode, mx, fetched_at, expires_at from mta_sts_policy
where name_hash = any($1::text[]) order by fetched_at desc limit 1
"""
_WRITE = """
insert into mta_sts_policy (name_hash, policy_id, mode, mx, fetched_at, expires_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (name_hash) do update set policy_id = excluded.policy_id, mode = excluded.mode, mx = excluded.mx,
    fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
where excluded.fetched_at > mta_sts_policy.fetched_at
"""


@dataclass(frozen=True, slots=True)
class KeptPolicy:
    """A policy as it is kept. `hosts`: the hashes of its patterns, each together with the domain's name."""

    policy_id: str
    mode: Mode
    hosts: frozenset[str]
    fetched_at: datetime
    expires_at: datetime


def kept(domain: str, policy_id: str, policy: Policy, hashes: Hashes, now: datetime) -> KeptPolicy:
    """What was fetched just now, under the signing key."""
    hosts = frozenset(hashes(pattern_of(domain, pattern))[0] for pattern in policy.hosts)
    return KeptPolicy(policy_id, policy.mode, hosts, now, now + policy.max_age)


def pattern_of(domain: str, pattern: str) -> str:
    """With the domain's name, so that not even two domains with the same provider look alike."""
    return f"{domain} {pattern}"


async def read(database: Database, domain: str, hashes: Hashes) -> KeptPolicy | None:
    async with database.transaction() as tx:
        row = await tx.row(_READ, list(hashes(domain)))
    if row is None:
        return None
    return KeptPolicy(
        row["policy_id"], row["mode"], frozenset(row["mx"]), row["fetched_at"], row["expires_at"]
    )


async def write(database: Database, domain: str, policy: KeptPolicy, hashes: Hashes) -> None:
    """The newest of several processes stays. What has expired goes on the way."""
    async with database.transaction() as tx:
        await tx.execute(
            _WRITE, hashes(domain)[0], policy.policy_id, policy.mode, sorted(policy.hosts),
            policy.fetched_at, policy.expires_at,
        )  # fmt: skip
        await tx.execute("delete from mta_sts_policy where expires_at < $1", policy.fetched_at)
