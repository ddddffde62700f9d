"""A process of ours under strace. Must never leave the tracer or the process behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.interop.processes import running
from tests.support.stack import Stack, until
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
    """`clearpost <name>`, of the standard lane where it has one, stopped in order at the end of the block."""
    strace = (*_STRACE, "-e", f"trace={','.join(sorted(CALLS))}", "-o", str(file))
    trace = Trace(file)
    lane = () if name == "upkeep" else ("--lane", "standard")
    async with running(stack.settings, stack.log, name, *lane, under=strace) as pid:
        yield trace
    await until(lambda: asyncio.to_thread(trace.is_complete, pid))
