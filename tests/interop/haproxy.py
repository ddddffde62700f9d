"""Debian's HAProxy before an mx, configured as docs/operations.md says, on ports of the test.

Must never know more than those lines: what an operator copies is what is tried.
"""

import asyncio
import re
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clearpost.ports import free_port
from clearpost.process import Program, spawn
from tests.support.services import ROOT
from tests.support.stack import until

_ADVICE: Final = ROOT / "docs" / "operations.md"
_COLUMN: Final = "check_status"


@dataclass(frozen=True, slots=True)
class Balancer:
    port: int
    socket: Path

    async def check_status(self) -> str:
        """What HAProxy thinks of the mx after its last health check: "L7OK" where the mx has greeted it."""
        reader, writer = await asyncio.open_unix_connection(self.socket)
        writer.write(b"show stat\n")
        answer = (await reader.read()).decode().removeprefix("# ").splitlines()
        writer.close()
        column = answer[0].split(",").index(_COLUMN)
        (server,) = (line.split(",") for line in answer if line.startswith("mx,mx1,"))
        return server[column].removeprefix("* ")


@asynccontextmanager
async def running_haproxy(folder: Path, mx_port: int, version: str = "v2") -> AsyncIterator[Balancer]:
    """`version` is that of its PROXY headers."""
    balancer = Balancer(free_port(), folder / "stats")
    config = folder / "haproxy.cfg"
    config.write_text(
        f"global\n    stats socket {balancer.socket}\n\n{_advice(balancer.port, mx_port, version)}"
    )
    argv = ("/usr/sbin/haproxy", "-db", "-q", "-f", str(config))
    process = spawn(Program("haproxy", argv, folder / "haproxy.log"))
    try:
        await until(lambda: _listens(balancer.socket))
        yield balancer
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def _listens(socket: Path) -> bool:
    return await asyncio.to_thread(socket.exists)


def _advice(port: int, mx_port: int, version: str) -> str:
    """The lines of the documentation: one mx instead of two, looked at more often."""
    found = re.search(r"^    frontend mx\n(?:    .*\n)+", _ADVICE.read_text(), re.MULTILINE)
    assert found, "docs/operations.md shows no configuration"
    text = textwrap.dedent(found[0])
    text = text.replace("bind :25", f"bind 127.0.0.1:{port}").replace("10.0.0.21:25", f"127.0.0.1:{mx_port}")
    text = re.sub(r"^ +server mx2 .*\n", "", text, flags=re.MULTILINE).replace("inter 10s", "inter 200ms")
    return text if version == "v2" else text.replace("send-proxy-v2", "send-proxy")
