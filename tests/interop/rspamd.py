"""Debian's rspamd with its own rules and our advice (deploy/rspamd), on a port and in a folder of the test.

Must never ask a name server but the test's.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from clearpost.ports import free_port
from clearpost.process import Program, spawn
from tests.support.services import ROOT
from tests.support.stack import until

ADVICE: Final = ROOT / "deploy" / "rspamd" / "local.d"
_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Rspamd:
    url: str
    folder: Path
    process: "subprocess.Popen[bytes]"

    async def stop(self) -> None:
        self.process.terminate()
        await asyncio.to_thread(self.process.wait)

    def written(self) -> str:
        """All that it has put on disk but for its compiled rules."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and ".hs" not in path.name]
        return "\n".join(path.read_text(errors="replace") for path in files)


@asynccontextmanager
async def running_rspamd(folder: Path, dns: str) -> AsyncIterator[Rspamd]:
    """`dns`: host:port of the name server it asks."""
    port = free_port()
    _configure(folder, port, dns)
    places = {name: folder / name for name in ("db", "run", "log")}
    for place in places.values():
        place.mkdir()
    variables = [f"--var=LOCAL_CONFDIR={folder}"]
    variables += [f"--var={name.upper()}DIR={place}" for name, place in places.items()]
    process = spawn(
        Program(
            "rspamd",
            ("rspamd", "--no-fork", "--insecure", "--config=/etc/rspamd/rspamd.conf", *variables),
            folder / "log" / "stdout",
        )
    )
    rspamd = Rspamd(f"http://127.0.0.1:{port}", folder, process)
    try:
        await until(lambda: _answers(rspamd), _SECONDS)
        yield rspamd
    finally:
        await rspamd.stop()


def _configure(folder: Path, port: int, dns: str) -> None:
    """Compiling its rules for speed would take a minute."""
    shutil.copytree(ADVICE, folder / "local.d")
    suffixes = folder / "suffixes.dat"
    suffixes.write_text("com\ntest\n")
    settings = {
        "options.inc": f'dns {{ nameserver = "{dns}"; }} disable_hyperscan = true; url_tld = "{suffixes}";',
        "worker-normal.inc": f'bind_socket = "127.0.0.1:{port}"; count = 1;',
        "worker-controller.inc": "enabled = false;",
    }
    (folder / "override.d").mkdir()
    for name, lines in settings.items():
        (folder / "override.d" / name).write_text(lines)


async def _answers(rspamd: Rspamd) -> bool:
    assert rspamd.process.poll() is None, rspamd.written()[-2000:]
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"{rspamd.url}/ping")).text.strip() == "pong"
        except httpx.HTTPError:
            return False
