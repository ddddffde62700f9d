"""Start child processes in order, keep them running, stop them in reverse. Must never leave one behind.

Lives in the main thread of the local stack: a child's death signal follows the thread that started it.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from clearpost.process import EmbeddedError, Program, spawn
from clearpost.readiness import READY_FD
from clearpost.run_state import RunState

BACK_OFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds before each restart in a row
STEADY_SECONDS = 30.0  # running this long makes the next crash the first in a row
POLL_SECONDS = 0.01


class StartError(Exception):
    """A service did not become ready. The text names it, why, and its log."""


class Child(Protocol):
    """What we need of a running process; `subprocess.Popen` has it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Service:
    """One supervised process. `program` is asked before each start, so it may tidy up first.

    Without `is_ready` the child itself says that it is ready, by `clearpost.readiness`.
    """

    name: str
    program: Callable[[], Program]
    is_ready: Callable[[Child], bool] | None = None
    spawn: Callable[[Program], Child] = spawn
    start_seconds: float = 30.0
    stop_seconds: float = 40.0
    hurry_signal: signal.Signals = signal.SIGKILL


class Supervisor:
    """`report` is told in one line whenever something happens that nobody asked for."""

    def __init__(self, state: RunState, report: Callable[[str], None]) -> None:
        self._state = state
        self._report = report
        self._groups: list[list[_Running]] = []

    async def start(self, *services: Service) -> None:
        """Start these side by side, wait until all are ready. Raises StartError for the first that is not."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.look)
        group = [_Running(service, self._state, self._report) for service in services]
        self._groups.append(group)
        for running in group:
            running.spawn()
        await asyncio.gather(*(running.become_ready() for running in group))
        for running in group:
            running.keep()

    async def stop(self) -> None:
        """Stop all, the last started first; those started side by side stop side by side."""
        self.expect_end()
        for group in reversed(self._groups):
            await asyncio.gather(*(running.stop() for running in group))
        self._groups.clear()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    def expect_end(self) -> None:
        """From now on nothing is started again, and no end is worth a word."""
        for group in self._groups:
            for running in group:
                running.expect_end()

    def kill(self) -> None:
        """Someone is in a hurry: end all at once, databases in their quickest clean way."""
        self.expect_end()
        for group in self._groups:
            for running in group:
                running.kill()

    def pids(self) -> dict[str, int]:
        return {running.service.name: running.pid for group in self._groups for running in group}

    def look(self) -> None:
        """Notice who has ended; called on SIGCHLD, and by whoever else learns of an end."""
        for group in self._groups:
            for running in group:
                running.look()


class _Running:
    """One service, its present process, and the task that restarts it."""

    def __init__(self, service: Service, state: RunState, report: Callable[[str], None]) -> None:
        self.service = service
        self._state = state
        self._report = report
        self._process: Child | None = None
        self._ended = asyncio.Event()
        self._ready_pipe: int | None = None
        self._log: Path | None = None
        self._stop_signal = signal.SIGTERM
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def spawn(self) -> None:
        program = self.service.program()
        self._log, self._stop_signal = program.log, program.stop_signal
        self._close_pipe()
        self._ended.clear()
        if self.service.is_ready is None:
            self._ready_pipe, theirs = os.pipe()
            env = {**program.env, READY_FD: str(theirs)}
            self._process = self.service.spawn(
                replace(program, env=env, pass_fds=(*program.pass_fds, theirs))
            )
            os.close(theirs)
        else:
            self._process = self.service.spawn(program)
        self._state.add(self.service.name, self._process.pid, program.stop_signal)

    async def become_ready(self) -> None:
        """Wait for the child's word, its end, or the end of our patience; the last two raise StartError."""
        try:
            async with asyncio.timeout(self.service.start_seconds):
                ready = await (self._asked() if self.service.is_ready else self._told())
        except TimeoutError:
            waited = f"{self.service.start_seconds:g} s"
            raise StartError(f"{self.service.name} is not ready after {waited}: {self._why()}") from None
        if not ready:
            raise StartError(f"{self.service.name} did not start: {self._why()}")

    def keep(self) -> None:
        """From now on, start it again whenever it ends."""
        self._keeper = asyncio.create_task(self._restart_forever())

    def look(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._ended.set()

    def expect_end(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        self._close_pipe()
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(self._stop_signal)
        try:
            async with asyncio.timeout(self.service.stop_seconds):
                await self._ended.wait()
        except TimeoutError:
            waited = f"{self.service.stop_seconds:g} s"
            self._report(f"{self.service.name} did not end within {waited} and was killed")
            self._process.kill()
            await self._ended.wait()

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.service.hurry_signal)

    async def _restart_forever(self) -> None:
        loop = asyncio.get_running_loop()
        crashes = 0
        while True:
            started = loop.time()
            await self._ended.wait()
            crashes = 0 if loop.time() - started > STEADY_SECONDS else crashes
            pause = BACK_OFF[min(crashes, len(BACK_OFF) - 1)]
            crashes += 1
            self._report(f"{self.service.name} ended ({self._end()}); starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            try:
                self.spawn()
                await self.become_ready()
            except (StartError, EmbeddedError, OSError) as error:
                self._report(str(error))
            else:
                self._report(f"{self.service.name} is ready again")

    async def _asked(self) -> bool:
        assert self.service.is_ready is not None
        assert self._process is not None
        while not self._ended.is_set():
            if self.service.is_ready(self._process):
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _told(self) -> bool:
        """True when the pipe says so; its end without a word means that the child is gone."""
        assert self._ready_pipe is not None
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        pipe = self._ready_pipe
        loop.add_reader(pipe, readable.set)
        try:
            await readable.wait()
            return os.read(pipe, 16).startswith(b"ready")
        finally:
            loop.remove_reader(pipe)
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._ready_pipe is not None:
            os.close(self._ready_pipe)
            self._ready_pipe = None

    def _end(self) -> str:
        code = self._process.poll() if self._process is not None else None
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"

    def _why(self) -> str:
        """The last line of its log, which is ours and holds no mail, and where to read more."""
        lines: Sequence[str] = []
        if self._log is not None:
            with suppress(OSError):
                lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1][:200] if lines else 'it said nothing'} (log: {self._log})"
