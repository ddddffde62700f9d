"""A process of ours under strace. Must never leave the tracer or the process behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from clearpost.process import Program, spawn
from clearpost.readiness import READY_FD
from tests.support.services import ROOT
from tests.support.stack import PATIENCE, Stack, environment, until
from tests.support.strace import CALLS, Call, parse

# -D: the process stays our child and keeps its death signal, the tracer is a grandchild that ends with it.
# -s: a record's header and the ids in a statement are always shown.
_STRACE = ("strace", "-D", "-f", "-ttt", "-yy", "-s", "4096", "-e", "signal=none")


class Trace:
    """What the process called; complete once it has ended."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def calls(self) -> Sequence[Call]:
        with self._file.open(encoding="ascii") as lines:
            return parse(line for line in lines if " +++ " not in line)

    def is_complete(self, pid: int) -> bool:
        last = self._file.read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[2]
        return last.startswith(b"%d " % pid) and b"+++ exited with 0 +++" in last


@asynccontextmanager
async def traced(stack: Stack, name: str, file: Path) -> AsyncIterator[Trace]:
    """`clearpost <name>` of the standard lane, stopped in order at the end of the block."""
    reading, writing = os.pipe()
    ours = (sys.executable, "-m", "clearpost", name, "--lane", "standard")
    argv = (*_STRACE, "-e", f"trace={','.join(sorted(CALLS))}", "-o", str(file), *ours)
    env = {**environment(stack.settings), "PYTHONPATH": str(ROOT), READY_FD: str(writing), "PATH": os.defpath}
    process = spawn(Program(name, argv, stack.log, env, pass_fds=(writing,)))
    os.close(writing)
    trace = Trace(file)
    try:
        await _ready(reading)
        yield trace
    finally:
        await _end(process)
    await until(lambda: asyncio.to_thread(trace.is_complete, process.pid))


async def _ready(pipe: int) -> None:
    """Its word, not the end of the pipe: the tracer holds that open too."""
    async with asyncio.timeout(PATIENCE):
        said = await asyncio.to_thread(os.read, pipe, 16)
    os.close(pipe)
    assert said == b"ready\n", "the traced process ended before it was ready"


async def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    finally:
        process.kill()
