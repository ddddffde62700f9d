"""The network policy of the tests: nothing outside loopback. Must never let a refusal go unnoticed."""

import ipaddress
import socket
import sys
from typing import Any

refused: list[str] = []
_installed = False


def forbid_outside() -> None:
    """From now on, connecting or sending to anything but loopback, or asking libc for a name, is refused."""
    global _installed
    if not _installed:
        sys.addaudithook(_audit)
        _installed = True


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        family, address = args[0].family, args[1]
        if family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(str(address[0])):
            _refuse(f"{event} to {address[0]}")
    elif event == "socket.getaddrinfo" and args[0] is not None and not is_loopback(_text(args[0])):
        _refuse(f"{event} of {_text(args[0])}")


def _text(host: str | bytes) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host


def is_loopback(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified  # the latter only ever listens


def _refuse(what: str) -> None:
    refused.append(what)
    raise PermissionError(f"the network is off in tests: {what}")
