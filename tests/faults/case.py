"""What a fault case is, and how one is run: a fresh load on a healed rig, then drained, then judged.

Must never go on with a rig on which a case has failed.
"""

import asyncio
import shutil
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import invariants
from tests.faults.ground import Ground
from tests.faults.load import Load
from tests.faults.rig import Rig, open_rig


@dataclass(slots=True)
class Run:
    """A case at work. `fault()` marks the moment from which recovery is counted."""

    rig: Rig
    load: Load
    full: bool
    note: str = ""
    recovery: float = 0.0
    _since: float | None = None

    def fault(self) -> None:
        self._since = time.perf_counter()

    def since_fault(self) -> float:
        return 0.0 if self._since is None else time.perf_counter() - self._since

    def recovered(self, within: float | None = None) -> None:
        """The promise is kept from here on; what it took is noted, the worst of them stands."""
        self.recovery = max(self.recovery, self.since_fault())
        assert within is None or self.recovery <= within, (
            f"recovered after {self.recovery:.1f} s, promised within {within:g} s"
        )


Body = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """`duplicates`: the most extra copies it may cause. `refusals`: it asks for 5yz itself.

    `reduced`: also in `make test`. `alone`: on a rig of its own. `timing`: see rig.TIMINGS.
    `beside`: mostly waits, so it runs on a ground of its own while the others run.
    """

    id: str
    what: str
    body: Body
    duplicates: int = 0
    refusals: bool = False
    reduced: bool = False
    alone: bool = False
    beside: bool = False
    timing: str = "quick"
    seconds: float = 150


CASES: list[Case] = []


def case(
    identifier: str,
    what: str,
    *,
    duplicates: int = 0,
    refusals: bool = False,
    reduced: bool = False,
    alone: bool = False,
    beside: bool = False,
    timing: str = "quick",
    seconds: float = 150,
) -> Callable[[Body], Body]:
    """Enters a function into the table."""

    def enter(body: Body) -> Body:
        CASES.append(
            Case(identifier, what, body, duplicates, refusals, reduced, alone, beside, timing, seconds)
        )
        return body

    return enter


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the table. `failure` is empty when everything held."""

    id: str
    what: str
    failure: str = ""
    messages: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    recovery: float = 0.0
    note: str = ""


@dataclass(slots=True)
class Runner:
    """Keeps one rig for each timing, as long as nothing fails on it."""

    ground: Ground
    folder: Path
    full: bool
    _rigs: dict[str, tuple[Rig, AsyncExitStack]] = field(default_factory=dict)
    _opened: int = 0

    async def run(self, chosen: Case) -> Result:
        started = time.perf_counter()
        key = chosen.id if chosen.alone else chosen.timing
        try:
            async with asyncio.timeout(chosen.seconds):
                rig = await self._rig(key, chosen.timing)
                run, figures = await self._run(rig, chosen)
        except Exception as error:  # noqa: BLE001  a line in the table, whatever it was
            await self._drop(key)
            return Result(chosen.id, chosen.what, _said(error), seconds=time.perf_counter() - started)
        if chosen.alone:
            await self._drop(key)
        seconds = time.perf_counter() - started
        return Result(
            chosen.id, chosen.what, "", figures.messages, figures.duplicates, seconds, run.recovery, run.note
        )

    async def _run(self, rig: Rig, chosen: Case) -> tuple[Run, invariants.Figures]:
        await rig.heal()
        await rig.world.execute("delete from usage_day")
        for sink in rig.sinks.values():
            sink.messages.clear()
            sink.refused.clear()
        run = Run(rig, Load(rig), self.full)
        await chosen.body(run)
        await rig.heal()
        await rig.idle()
        if not run.recovery:
            run.recovered()
        figures = await invariants.check(rig, run.load, refusals=chosen.refusals)
        assert figures.duplicates <= chosen.duplicates, (
            f"I2: {figures.duplicates} extra copies, {chosen.duplicates} allowed"
        )
        return run, figures

    async def close(self) -> None:
        for key in list(self._rigs):
            await self._drop(key)

    async def _rig(self, key: str, timing: str) -> Rig:
        if key not in self._rigs:
            self._opened += 1
            await self.ground.start_postgres()
            await self.ground.start_valkey()
            stack = AsyncExitStack()
            folder = self.folder / f"rig-{self._opened}"
            rig = await stack.enter_async_context(open_rig(self.ground, folder, timing))
            self._rigs[key] = rig, stack
        return self._rigs[key][0]

    async def _drop(self, key: str) -> None:
        if key in self._rigs:
            rig, stack = self._rigs.pop(key)
            await stack.aclose()
            shutil.rmtree(rig.settings.spool_dir, ignore_errors=True)


def _said(error: BaseException) -> str:
    """One line that tells what broke and where in the case."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "tests/faults" in f.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    text = str(error) or type(error).__name__
    return f"{text} ({where})" if where else text
