"""Who has mail in the benchmark of the lanes: tenants by kind, their aliases, and the hosts behind.

Rows are written straight into an empty database, a statement for each table. Must never meet a database
that somebody uses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from bench.lanes_inboxes import Manner
from clearpost.standins.dns import Zone

_TTL = 3600
_QUICK, _SLOW = Manner(), Manner(dot=2.0)
_TARPIT, _POISON = Manner(banner=20.0, reply=5.0, dot=5.0), Manner(drops=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """Tenants alike: tenant N has the domain `<name>N.test`, aliases a0, a1, ...; `hosts` take turns."""

    name: str
    plan: str
    tenants: int
    aliases: int
    hosts: Sequence[str]


def _several(name: str, count: int) -> list[str]:
    return [f"{name}{number}" for number in range(count)]


ORDINARY = [*["bigmail"] * 14, *_several("ordinary", 20)]

# Nearly a third of the flood is for tarpits, more than there are places to wait for them; and one host
# takes everything but the dot.
KINDS = (
    Kind("quiet", "free", 100, 1, ["inbox"]),
    Kind("shared", "free", 50, 1, ["bigmail"]),
    Kind("premium", "premium", 20, 5, ["inbox"]),
    Kind("evenfast", "premium", 20, 25, ORDINARY),
    Kind("evenfree", "free", 200, 25, ORDINARY),
    Kind("flood", "free", 600, 25, [*ORDINARY * 4, "poison", *_several("tarpit", 60)]),
    Kind("burst", "free", 1, 25, ORDINARY),
    Kind("large", "free", 20, 25, ORDINARY),
    Kind("backlog", "free", 200, 25, _several("slow", 10)),
)
KIND = {kind.name: kind for kind in KINDS}

_MANNERS: Mapping[str, Manner] = {
    "inbox": _QUICK,
    "bigmail": _QUICK,
    "poison": _POISON,
    **dict.fromkeys(_several("ordinary", 20), _QUICK),
    **dict.fromkeys(_several("tarpit", 60), _TARPIT),
    **dict.fromkeys(_several("slow", 10), _SLOW),
}


@dataclass(frozen=True, slots=True)
class Host:
    """A destination's mail host: its registrable domain is `<name>.test`."""

    name: str
    address: str
    manner: Manner


HOSTS = [Host(name, f"127.0.1.{n}", manner) for n, (name, manner) in enumerate(_MANNERS.items(), 1)]
PROBED = "inbox"  # the host of premium and quiet tenants, in the prober's own process


def publish(zone: Zone) -> None:
    """MX and A of all hosts, and the sender's SPF."""
    zone.put("src.test", "TXT", '"v=spf1 ip4:127.0.0.0/8 -all"', ttl=_TTL)
    zone.put("_dmarc.src.test", "TXT", '"v=DMARC1; p=none"', ttl=_TTL)
    for host in HOSTS:
        zone.put(f"{host.name}.test", "MX", f"10 mx.{host.name}.test.", ttl=_TTL)
        zone.put(f"mx.{host.name}.test", "A", host.address, ttl=_TTL)


_TENANTS = """
insert into account (id, name, plan, verification_token)
select md5($1 || n)::uuid, $1 || n, $2, md5($1 || n) from generate_series(0, $3 - 1) n
"""
_OWNERS = """
with person as (
    insert into person (id, email)
    select gen_random_uuid(), $1 || n || '@owner.test' from generate_series(0, $2 - 1) n returning id, email
)
insert into membership (id, account_id, person_id, role)
select gen_random_uuid(), md5(split_part(email, '@', 1))::uuid, id, 'owner' from person
"""
_DOMAINS = """
insert into domain (id, account_id, name, plus_addressing, created_at, verified_at, next_check_at)
select md5('d' || $1 || n)::uuid, md5($1 || n)::uuid, $1 || n || '.test', true, now(), now(),
       now() + interval '9 days'
from generate_series(0, $2 - 1) n
"""
_ALIASES = """
with made as (
    select n, a, gen_random_uuid() as alias, gen_random_uuid() as destination,
           ($4::text[])[1 + (n * $3 + a) % cardinality($4::text[])] as host
    from generate_series(0, $2 - 1) n cross join generate_series(0, $3 - 1) a
), alias as (
    insert into alias (id, account_id, domain_id, local_part, note, enabled)
    select alias, md5($1 || n)::uuid, md5('d' || $1 || n)::uuid, 'a' || a, '', true from made
), destination as (
    insert into destination (id, account_id, address, confirmed_at, delivered_before)
    select destination, md5($1 || n)::uuid, $1 || n || 'a' || a || '@' || host || '.test', now(), true
    from made
)
insert into alias_destination (alias_id, destination_id) select alias, destination from made
"""


async def settle(url: str) -> None:
    """Writes all tenants into the empty database at `url`."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("set constraints all deferred")
            for kind in KINDS:
                await add(connection, kind)
        await connection.execute("analyze")
    finally:
        await connection.close()


async def add(connection: asyncpg.Connection, kind: Kind) -> None:
    """Writes the tenants of one kind."""
    await connection.execute(_TENANTS, kind.name, kind.plan, kind.tenants)
    await connection.execute(_OWNERS, kind.name, kind.tenants)
    await connection.execute(_DOMAINS, kind.name, kind.tenants)
    await connection.execute(_ALIASES, kind.name, kind.tenants, kind.aliases, list(kind.hosts))
