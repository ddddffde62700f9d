"""The supervisor with real child processes: order, readiness, restart, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from clearpost.process import Program
from clearpost.run_state import AlreadyRunningError, Child, RunState, stop_leftovers
from clearpost.supervisor import BACK_OFF, Service, StartError, Supervisor
from tests.support.services import ROOT

READY = "import os; os.write(int(os.environ['CLEARPOST_READY_FD']), b'ready\\n')\n"
WAIT = "import signal; signal.pause()\n"
# Waits by sigwait: a handler's signal that comes just before pause() would be slept through.
POLITE = (
    "import signal, sys\ndef note(text): open(sys.argv[1], 'a').write(sys.argv[2] + text + '\\n')\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\nnote(' started')\n"
    + READY
    + "signal.sigwait({signal.SIGTERM})\nnote(' stopped')\n"
)
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY + "while True: signal.pause()\n"
)


class Bench:
    """A supervisor in a folder, and what it reported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        self.state = RunState(folder, "http://localhost:1")
        self.state.take()
        self.reports: asyncio.Queue[str] = asyncio.Queue()
        self.supervisor = Supervisor(self.state, self.reports.put_nowait)

    def service(self, name: str, script: str, **limits: float) -> Service:
        argv = (sys.executable, "-S", "-c", script, str(self.notes), name)
        program = Program(name, argv, self.folder / f"{name}.log", env=dict(os.environ))
        return Service(name, lambda: program, **limits)  # type: ignore[arg-type]

    async def reported(self, words: str) -> str:
        async with asyncio.timeout(10):
            while words not in (line := await self.reports.get()):
                pass
        return line


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.supervisor.kill()
    await made.supervisor.stop()
    made.state.release()


async def test_children_start_in_order_and_stop_in_reverse(bench: Bench) -> None:
    await bench.supervisor.start(bench.service("first", POLITE))
    await bench.supervisor.start(bench.service("second", POLITE))
    await bench.supervisor.stop()
    assert bench.notes.read_text().split("\n")[:4] == [
        "first started",
        "second started",
        "second stopped",
        "first stopped",
    ]


async def test_a_child_that_ends_before_it_is_ready_fails_the_start_with_its_last_words(bench: Bench) -> None:
    with pytest.raises(StartError, match=r"broken did not start: the port is taken \(log: .*broken.log\)"):
        await bench.supervisor.start(bench.service("broken", "import sys; sys.exit('the port is taken')"))


async def test_a_child_that_never_gets_ready_fails_the_start(bench: Bench) -> None:
    with pytest.raises(StartError, match=r"mute is not ready after 0.3 s"):
        await bench.supervisor.start(bench.service("mute", WAIT, start_seconds=0.3))


async def test_a_killed_child_is_started_again(bench: Bench) -> None:
    await bench.supervisor.start(bench.service("phoenix", POLITE))
    before = bench.supervisor.pids()["phoenix"]
    os.kill(before, signal.SIGKILL)
    assert "killed by SIGKILL" in await bench.reported("phoenix ended")
    await bench.reported("phoenix is ready again")
    assert bench.supervisor.pids()["phoenix"] != before


async def test_a_child_that_ignores_the_signal_is_killed(bench: Bench) -> None:
    await bench.supervisor.start(bench.service("deaf", DEAF, stop_seconds=0.2))
    pid = bench.supervisor.pids()["deaf"]
    await bench.supervisor.stop()
    await bench.reported("deaf did not end within 0.2 s")
    assert not psutil.pid_exists(pid)


async def test_once_an_end_is_expected_nothing_is_started_again_or_reported(bench: Bench) -> None:
    """By SIGKILL: a child inherits that SIGINT is ignored, where we run as a shell's background job."""
    await bench.supervisor.start(bench.service("child", POLITE))
    bench.supervisor.expect_end()
    os.kill(bench.supervisor.pids()["child"], signal.SIGKILL)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.reports.get(), 2 * BACK_OFF[0])
    await bench.supervisor.stop()
    assert bench.reports.empty()
    assert bench.notes.read_text() == "child started\n"


async def test_a_hurried_end_kills_but_asks_whom_it_must_not_kill(bench: Bench) -> None:
    await bench.supervisor.start(
        bench.service("database", POLITE, hurry_signal=signal.SIGTERM), bench.service("deaf", DEAF)
    )
    bench.supervisor.kill()
    await bench.supervisor.stop()
    assert bench.notes.read_text() == "database started\ndatabase stopped\n"
    assert bench.reports.empty()


async def test_a_second_stack_in_the_folder_is_told_who_runs(bench: Bench) -> None:
    with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}, http://localhost:1"):
        RunState(bench.folder, "").take()


def test_a_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    script = f"""
import subprocess, sys
from pathlib import Path
from clearpost.process import Program, spawn
child = spawn(Program("child", [sys.executable, "-S", "-c", {WAIT!r}], Path({str(tmp_path / "log")!r})))
print(child.pid, flush=True)
child.wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=5)
    assert not alive


def test_leftovers_of_a_killed_stack_are_stopped_and_strangers_are_not(tmp_path: Path) -> None:
    left = subprocess.Popen([sys.executable, "-S", "-c", WAIT])
    stranger = subprocess.Popen([sys.executable, "-S", "-c", WAIT])
    created = psutil.Process(left.pid).create_time()
    children = {
        "left": Child(left.pid, created, int(signal.SIGTERM)),
        "reused number": Child(stranger.pid, created - 100, int(signal.SIGTERM)),
        "long gone": Child(2**22 + 1, created, int(signal.SIGTERM)),
    }
    try:
        assert stop_leftovers(children) == ["left"]
        assert stranger.poll() is None
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


def test_the_next_stack_learns_the_children_of_a_killed_one(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from clearpost.run_state import RunState
killed = RunState(Path({str(tmp_path)!r}), "")
killed.take()
killed.add("me", {os.getpid()}, signal.SIGTERM)
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    heir = RunState(tmp_path, "")
    assert heir.take()["me"].pid == os.getpid()
    heir.release()
    clean = RunState(tmp_path, "")
    assert clean.take() == {}
    clean.release()
