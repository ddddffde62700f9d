"""The kinds of values that settings have in the environment, where everything is text.

Must never hold a setting.
"""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, IPvAnyNetwork
from pydantic_settings import NoDecode

CommaList = Annotated[tuple[str, ...], NoDecode]
NetworkList = Annotated[tuple[IPvAnyNetwork, ...], NoDecode]
DurationList = Annotated[tuple[timedelta, ...], NoDecode]
Port = Annotated[int, Field(ge=1, le=65535)]
Wait = Annotated[timedelta, Field(gt=timedelta(0))]
Names = Annotated[dict[str, str], NoDecode]


def host_and_port(text: str, default_port: int) -> tuple[str, int]:
    """Split "host:port", "[v6]:port", "host" or a bare IPv6 address. Raises ValueError for a bad port."""
    host, separator, port = text.rpartition(":")
    if not separator or (":" in host and not host.startswith("[")) or text.endswith("]"):
        return text.strip("[]"), default_port
    return host.strip("[]"), int(port)


def is_name_server(text: str) -> bool:
    """An IP address, with or without a port: by a name it could not be found."""
    try:
        host, port = host_and_port(text, 53)
        ip_address(host)
    except ValueError:
        return False
    return 0 < port < 65536
