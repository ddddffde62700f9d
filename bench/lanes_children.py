"""Load, destinations and probes as processes of their own: started, asked, ended.

Must never leave one behind.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

from bench.lanes_flood import Stream
from bench.lanes_sender import Count
from bench.lanes_stack import ROOT


@asynccontextmanager
async def child(module: str, argument: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of ours that says `ready`, and prints what it knows when its input ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, argument, cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**28,
    )  # fmt: skip
    assert process.stdout
    assert await process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def told(process: asyncio.subprocess.Process) -> bytes:
    """Ends its input, and with it the process; what it had to say."""
    out, _ = await process.communicate(b"")
    return out


async def flood(streams: Sequence[Stream]) -> list[Count]:
    """Sends all of them side by side, each as its plan says; what became of each."""
    plan = json.dumps([asdict(stream) for stream in streams])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.lanes_flood", plan, cwd=ROOT, stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    return [Count(**count) for count in json.loads(said)]
