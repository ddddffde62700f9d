"""Which of our addresses a connection leaves from, and whether mail leaves over IPv6 at all.

Large providers refuse mail over IPv6 from an address without a reverse name that leads back to it, so unless
the operator has decided, that is looked at now and then, beside the mail. Must never keep mail waiting for
longer than the first look takes.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final

from mailcore.clock import Clock
from mailcore.resolver import Resolver
from mailcore.settings import Settings

LOOK_AGAIN: Final = 900.0
LOOK_AGAIN_UNFIT: Final = 60.0
_SOMEWHERE: Final = ("2001:500:2f::f", 53)  # any public address: nothing is sent to it


class SourceAddresses:
    """`text`: an address of each family at most, as "192.0.2.1,2001:db8::1"; empty: the system chooses.
    Where only one family is named, the other is not used.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        resolver: Resolver,
        clock: Clock,
        text: str,
        chosen_by_system: Callable[[], str] | None = None,
    ) -> None:
        self._rule = settings.outbound_ipv6
        self._resolver = resolver
        self._clock = clock
        self._named = named(text)
        self._chosen_by_system = chosen_by_system or _chosen_by_system
        self._fit: bool | None = None
        self._look_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    def towards(self, address: str) -> str:
        """What to bind to on the way there; empty: the system chooses."""
        return self._named.get(6 if ":" in address else 4, "")

    async def usable(self, ips: Sequence[str]) -> tuple[str, ...]:
        """Those of an IP version that we send over."""
        versions = set(self._named or (4, 6))
        wanted = [ip for ip in ips if ip_address(ip).version in versions]
        if any(":" in ip for ip in wanted) and not await self._may_use_ipv6():
            wanted = [ip for ip in wanted if ":" not in ip]
        return tuple(wanted)

    async def _may_use_ipv6(self) -> bool:
        if self._rule != "auto":
            return self._rule == "on"
        if self._clock.monotonic() >= self._look_at and self._looking is None:
            self._looking = asyncio.create_task(self._look())
        if self._fit is None and self._looking is not None:
            await asyncio.wait({self._looking})
        return bool(self._fit)

    async def _look(self) -> None:
        try:
            ip = self._named.get(6) or self._chosen_by_system()
            self._fit = bool(ip) and await self._resolver.leads_back(ip) is True
            self._look_at = self._clock.monotonic() + (LOOK_AGAIN if self._fit else LOOK_AGAIN_UNFIT)
        finally:
            self._looking = None

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})


def named(text: str) -> dict[int, str]:
    """The addresses in a setting, by IP version. Raises ValueError for anything but one of each at most."""
    found: dict[int, str] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        address = ip_address(part)
        if address.version in found:
            raise ValueError("name one IPv4 and one IPv6 address at most, as 192.0.2.1,2001:db8::1")
        found[address.version] = str(address)
    return found


def _chosen_by_system() -> str:
    """The IPv6 address that the kernel would send from; empty where there is none."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(_SOMEWHERE)
            return str(probe.getsockname()[0])
    except OSError:
        return ""
