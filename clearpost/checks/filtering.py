"""Whom we ask about mail that arrives: rspamd, and whether each blocklist gives answers that count.

Must never show rspamd a message, nor a list a client.
"""

import asyncio
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import httpx

from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore import blocklists
from mailcore.clock import Clock
from mailcore.resolver import Resolver
from mailcore.settings import Settings

_AREA: Final = "filtering"
_SECONDS: Final = 5.0
# Every list has the second and not the first (RFC 5782 section 5).
_NOBODY, _TEST_POINT = "127.0.0.1", "127.0.0.2"


async def check(settings: Settings, clock: Clock) -> list[Finding]:
    """Nothing to find where neither is set."""
    resolver = Resolver(settings=settings, clock=clock)
    try:
        zones = dict.fromkeys([*settings.blocklists, *settings.watched_blocklists])
        lists = await asyncio.gather(*(_list(zone, resolver) for zone in zones))
    finally:
        await resolver.close()
    return [*await _rspamd(settings), *lists]


async def _rspamd(settings: Settings) -> list[Finding]:
    url = settings.rspamd_url.rstrip("/")
    if not url:
        return []
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.get(f"{url}/ping")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        mend = "start rspamd, or correct CLEARPOST_RSPAMD_URL; until then mail is taken unfiltered"
        return [fail(_AREA, f"rspamd does not answer ({type(error).__name__})", mend)]
    if answer.status_code != 200 or answer.text.strip() != "pong":
        mend = "let CLEARPOST_RSPAMD_URL lead to its normal worker, as http://127.0.0.1:11333"
        return [fail(_AREA, "what answers at CLEARPOST_RSPAMD_URL is no rspamd", mend)]
    if not _is_this_machine(url):
        mend = "run it on this machine: mail is shown to it in plain text"
        return [warn(_AREA, "rspamd is on another machine", mend)]
    return [ok(_AREA, "rspamd answers")]


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _list(zone: str, resolver: Resolver) -> Finding:
    (nobody,) = await blocklists.look_up(resolver, _NOBODY, [zone], _SECONDS)
    (test,) = await blocklists.look_up(resolver, _TEST_POINT, [zone], _SECONDS)
    if nobody.state == "listed":
        return fail(
            _AREA, f"the blocklist {zone} lists everybody", "remove it from the settings: it has ended"
        )
    if test.state != "listed":
        mend = "ask through a resolver of your own: most lists do not answer public ones; or remove it"
        return warn(_AREA, f"the blocklist {zone} gives no answer that counts", mend)
    return ok(_AREA, f"the blocklist {zone} answers")
