"""Where we listen: each port is free, or answers as one of ours. Must never send mail."""

import asyncio
import errno
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from clearpost.checks.finding import Finding, fail, ok, warn
from clearpost.ports import holder
from mailcore.settings import Settings

_SECONDS: Final = 3.0
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class _Door:
    """A port of the settings, and how to find out whether one of ours stands behind it."""

    name: str
    setting: str
    port: int
    is_ours: Callable[[str, int], Awaitable[bool]]


async def check(settings: Settings) -> list[Finding]:
    """All ports, and whether the world can reach them."""
    doors = [
        _Door("mx", "CLEARPOST_MX_PORT", settings.mx_port, _greets),
        _Door("fast mx", "CLEARPOST_FAST_MX_PORT", settings.fast_mx_port, _greets),
        _Door("api", "CLEARPOST_API_PORT", settings.api_port, _is_up),
    ]
    findings = [await _door(settings.listen_host, door) for door in doors]
    return [*findings, *_reachable(settings)]


def reachable_from_here(host: str) -> str:
    """Where to connect to what listens there."""
    return _ANYWHERE.get(host, host)


async def _door(host: str, door: _Door) -> Finding:
    number = _try_to_listen(host, door.port)
    where = f"{door.name}: port {door.port} on {host}"
    if number == 0:
        return ok("ports", f"{where} is free: no such process runs here now")
    if number == errno.EACCES:
        mend = f"grant CAP_NET_BIND_SERVICE, or set {door.setting} above 1023"
        return fail("ports", f"{where} is not ours to take", mend)
    if number == errno.EADDRNOTAVAIL:
        return fail("ports", f"{where}: this machine has no such address", "correct CLEARPOST_LISTEN_HOST")
    if await door.is_ours(reachable_from_here(host), door.port):
        return ok("ports", f"{where} is held by our own process, which answers")
    who = holder(door.port) or "another program"
    return fail("ports", f"{where} is held by {who}", f"stop it, or set {door.setting}")


def _try_to_listen(host: str, port: int) -> int:
    """0, or the errno of the refusal."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return 0


async def _greets(host: str, port: int) -> bool:
    """Our greeting names us. A busy mx of ours says 421 instead; a stranger says neither."""
    greeting = await _exchange(host, port, b"", b"QUIT\r\n")
    return greeting.startswith(b"220 ") and b"ESMTP Clearpost" in greeting


async def _is_up(host: str, port: int) -> bool:
    request = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = await _exchange(host, port, request, b"")
    try:
        return bool(json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == "up")
    except (ValueError, KeyError, TypeError):
        return False


async def _exchange(host: str, port: int, first: bytes, last: bytes) -> bytes:
    """What the other side says: a line where we only listen, all of it where we asked. Empty when silent."""
    writer = None
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(first)
            answer = await (reader.read(4096) if not first else reader.read())
            writer.write(last)
            await writer.drain()
            return answer
    except (OSError, ValueError):
        return b""
    finally:
        if writer:
            writer.close()


def _reachable(settings: Settings) -> list[Finding]:
    if settings.environment == "local":
        return []
    findings = []
    if _is_loopback(settings.listen_host):
        mend = "set CLEARPOST_LISTEN_HOST to the address of your MX, unless a proxy on this machine forwards"
        findings.append(warn("ports", "we listen on loopback only", mend))
    if settings.mx_port != 25:
        mend = "senders use port 25: set CLEARPOST_MX_PORT=25, or forward port 25 to it"
        findings.append(warn("ports", f"the mx listens on port {settings.mx_port}", mend))
    return findings


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
