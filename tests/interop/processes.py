"""Commands of ours as an operator runs them. Must never leave a process behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from clearpost.process import Program, spawn
from clearpost.readiness import READY_FD
from mailcore.settings import Settings
from tests.support.services import ROOT
from tests.support.stack import PATIENCE, environment

_OURS = (sys.executable, "-m", "clearpost")


@asynccontextmanager
async def running(
    settings: Settings, log: Path, *arguments: str, under: Sequence[str] = ()
) -> AsyncIterator[int]:
    """`clearpost <arguments>`, started by the program `under`: its pid once ready; it must end with 0."""
    reading, writing = os.pipe()
    env = {**_environment(settings), READY_FD: str(writing)}
    process = spawn(Program(arguments[0], (*under, *_OURS, *arguments), log, env, pass_fds=(writing,)))
    os.close(writing)
    try:
        await _ready(reading)
        yield process.pid
    finally:
        await _end(process)


async def said(settings: Settings, *arguments: str) -> str:
    """What a command prints that ends by itself, with 0."""
    process = await asyncio.create_subprocess_exec(
        *_OURS, *arguments, env=_environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return output.decode()


def _environment(settings: Settings) -> dict[str, str]:
    return {**environment(settings), "PYTHONPATH": str(ROOT), "PATH": os.defpath}


async def _ready(pipe: int) -> None:
    """Its word, not the end of the pipe: a tracer holds that open too."""
    async with asyncio.timeout(PATIENCE):
        word = await asyncio.to_thread(os.read, pipe, 16)
    os.close(pipe)
    assert word == b"ready\n", "the process ended before it was ready"


async def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    finally:
        process.kill()
