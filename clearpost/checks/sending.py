"""The addresses that mail leaves from: a reverse name that leads back, the name in our EHLO, blocklists.

Must never ask about anybody's addresses but our own.
"""

import asyncio
from typing import Final

from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore import blocklists
from mailcore.outgoing_addresses import outgoing_addresses
from mailcore.resolver import Resolver
from mailcore.settings import Settings

_AREA: Final = "sending"
_SECONDS: Final = 10.0


async def check(settings: Settings, resolver: Resolver) -> list[Finding]:
    """Of each address of either lane, IPv4 and IPv6."""
    ips = await outgoing_addresses(settings, resolver)
    if not ips:
        mend = f"set CLEARPOST_OUTBOUND_SOURCE_ADDRESS, or publish an address for {settings.hostname}"
        return [warn(_AREA, "nobody can tell from which address mail leaves", mend)]
    found = await asyncio.gather(*(_of(ip, settings, resolver) for ip in ips))
    return [finding for group in found for finding in group]


async def _of(ip: str, settings: Settings, resolver: Resolver) -> list[Finding]:
    return [await _names(ip, settings, resolver), *await _lists(ip, settings, resolver)]


async def _names(ip: str, settings: Settings, resolver: Resolver) -> Finding:
    """Large receivers refuse mail from an address whose reverse name is missing or leads elsewhere, and
    distrust an EHLO that does not lead to it.
    """
    hostname, name = settings.hostname.lower(), await resolver.ptr(ip)
    kind = "AAAA" if ":" in ip else "A"
    if name is None:
        mend = f"ask your provider to set the PTR of {ip} to {hostname}"
        return _broken(ip, f"{ip} has no reverse name", mend, settings)
    if ip not in (await resolver.addresses(name)).ips:
        what = f"{ip} is called {name}, which does not lead back to it"
        return _broken(ip, what, f"publish {kind} {ip} for {name}", settings)
    if name == hostname:
        return ok(_AREA, f"{ip} is called {name}, as we say in EHLO")
    if ip not in (await resolver.addresses(hostname)).ips:
        mend = f"publish {kind} {ip} for {hostname}, and set the PTR of {ip} to it"
        return warn(_AREA, f"we say EHLO {hostname} from {ip}, and it does not lead there", mend)
    mend = f"set the PTR of {ip} to {hostname}, or CLEARPOST_HOSTNAME to {name}"
    return warn(_AREA, f"{ip} is called {name}, but we say EHLO {hostname}", mend)


def _broken(ip: str, what: str, mend: str, settings: Settings) -> Finding:
    """Over IPv6 nothing leaves then, unless the operator insists."""
    if ":" in ip and settings.outbound_ipv6 != "on":
        return warn(_AREA, f"{what}, so no mail leaves over IPv6", mend)
    return fail(_AREA, what, mend)


async def _lists(ip: str, settings: Settings, resolver: Resolver) -> list[Finding]:
    said = await blocklists.look_up(resolver, ip, settings.watched_blocklists, _SECONDS)
    mend = "find out what brought it there (the list's page says), then ask to be removed"
    listed = [each.zone for each in said if each.state == "listed"]
    if not listed:
        return [ok(_AREA, f"{ip} is on none of {len(said)} blocklists")] if said else []
    return [fail(_AREA, f"{ip} is on the blocklist {zone}", mend) for zone in listed]
