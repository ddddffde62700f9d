"""A flood under forged names: each victim is named once, and SPF passes for none of them.

Must never name a domain whose SPF lets 127.0.0.1 pass.
"""

import asyncio
from collections.abc import Sequence

from clearpost.standins.dns import Zone
from tests.support.sender import letter, sender_at

_AT_ONCE = 8

# What SPF says of 127.0.0.1 at each domain of the forged names.
RECORDS = {
    "fail.test": "v=spf1 -all",
    "softfail.test": "v=spf1 ~all",
    "neutral.test": "v=spf1 ?all",
    "nothing.test": "",
    "broken.test": "v=spf1 include:",
    "twice.test": "v=spf1 redirect=twice.test",
    "other.test": "v=spf1 ip4:192.0.2.1 -all",
}


def publish(zone: Zone) -> None:
    for domain, record in RECORDS.items():
        if record:
            zone.put_txt(domain, record)


def names(count: int) -> list[str]:
    """Victims, each named once."""
    domains = list(RECORDS)
    return [f"victim{number}@{domains[number % len(domains)]}" for number in range(count)]


async def flood(port: int, recipient: str, senders: Sequence[str]) -> list[str]:
    """One letter of each, on a few connections; the replies."""

    async def some(part: Sequence[str]) -> list[str]:
        async with sender_at(port) as connection:
            return [await connection.mail(name, [recipient], letter(sender=name)) for name in part]

    parts = await asyncio.gather(*(some(senders[start::_AT_ONCE]) for start in range(_AT_ONCE)))
    return [reply for part in parts for reply in part]
