"""Fetches a domain's MTA-STS policy over HTTPS (RFC 8461 section 3.3).

Whoever owns a domain decides where this leads, so must never connect to an address that is not public (or
ours by the settings), follow a redirect, read more than a policy may have, or believe a server that does not
prove its name.
"""

import asyncio
from typing import Final

import httpx

from mailcore.mta_sts import Policy, policy
from mailcore.outgoing_tls import verifying_context
from mailcore.public_addresses import may_be_reached
from mailcore.resolver import Resolver
from mailcore.settings import Settings

SECONDS: Final = 10.0
MOST_BYTES: Final = 65_536
_ADDRESSES: Final = 3
_BROKEN: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)


class PolicyFetcher:
    """Asks `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`, at the addresses that our resolver names."""

    def __init__(self, settings: Settings, resolver: Resolver) -> None:
        self._internal = settings.internal_networks
        self._port = settings.mta_sts_port
        self._context = verifying_context(settings.authorities)
        self._resolver = resolver

    async def fetch(self, domain: str) -> Policy | None:
        """The policy; None for whatever reason there is none. Ends within 10 seconds."""
        host = f"mta-sts.{domain}"
        try:
            async with asyncio.timeout(SECONDS):
                found = await self._resolver.addresses(host)
                ips = [ip for ip in found.ips if may_be_reached(ip, self._internal)]
                for ip in ips[:_ADDRESSES]:
                    if (body := await self._get(host, ip)) is not None:
                        return policy(body)
        except TimeoutError:
            pass
        return None

    async def _get(self, host: str, ip: str) -> str | None:
        """A client for this alone: one that is kept would reuse a connection to another name there."""
        url = f"https://{f'[{ip}]' if ':' in ip else ip}:{self._port}/.well-known/mta-sts.txt"
        headers = {"host": host, "accept": "text/plain", "accept-encoding": "identity"}
        try:
            async with (
                httpx.AsyncClient(verify=self._context, trust_env=False, timeout=SECONDS) as client,
                client.stream("GET", url, headers=headers, extensions={"sni_hostname": host}) as response,
            ):
                return await _body(response)
        except _BROKEN:
            return None


async def _body(response: httpx.Response) -> str | None:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code != httpx.codes.OK or media_type != "text/plain":
        return None
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return body.decode("utf-8")
