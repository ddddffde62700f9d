"""The addresses that our mail leaves from, as far as settings or DNS tell.

Must never guess one: where neither says, there is none.
"""

from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.source_addresses import named


async def outgoing_addresses(settings: Settings, resolver: Resolver) -> tuple[str, ...]:
    """Those set for either lane, IPv4 before IPv6; where none is, the addresses of the name in our EHLO."""
    texts = (settings.outbound_source_address, settings.fast_outbound_source_address)
    chosen = [ip for text in texts for _, ip in sorted(named(text).items())]
    return tuple(dict.fromkeys(chosen or (await resolver.addresses(settings.hostname)).ips))
