"""A process of its own that makes our fields, so that signing takes no time from the event loop.

Threads do not serve for that: each signature waits for the interpreter again. It is started when it is first
wanted, and ends with us. Must never be needed: where it is not there, is late, or says what nobody
understands, whoever asked makes the fields itself.
"""

import asyncio
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog

from mailcore import fields_child
from mailcore.circuit import Circuit
from mailcore.clock import Clock
from mailcore.fields_child import LENGTH_OCTETS, Order
from mailcore.our_fields import Letter, OurFields

log = structlog.get_logger("fields_process")

# Of letters that take half a millisecond each: a child that needs longer for some is stuck, or starved.
_PATIENCE_SECONDS: Final = 5.0
_GOODBYE_SECONDS: Final = 1.0


class FieldsProcess:
    """One batch at a time: `make` again once it has returned."""

    def __init__(self, order: Order, clock: Clock) -> None:
        self._order = order
        self._circuit = Circuit(clock, failures=1)
        self._child: Process | None = None
        self._starting: asyncio.Task[None] | None = None
        self._is_closing = False
        self.patience = _PATIENCE_SECONDS

    @property
    def is_willing(self) -> bool:
        """Not for some seconds after it has failed."""
        return not self._circuit.rests

    async def make(self, letters: Sequence[Letter]) -> list[OurFields | None] | None:
        """In their order; None for one that the child could not make, or for all where there is no child."""
        if self._child is None:
            self._start()
            return None
        try:
            async with asyncio.timeout(self.patience):
                return await _asked(self._child, letters)
        except Exception as error:  # noqa: BLE001  whatever it says, or is: mail goes on without it
            await self._fail(error)
            return None

    async def close(self) -> None:
        """The child ends when it reads no more; it is not waited for longer than a moment."""
        self._is_closing = True
        if self._starting:
            await asyncio.wait({self._starting})
        if self._child:
            child, self._child = self._child, None
            assert child.stdin
            child.stdin.close()
            try:
                await asyncio.wait_for(child.wait(), _GOODBYE_SECONDS)
            except TimeoutError:
                await _kill(child)

    def _start(self) -> None:
        if self._starting is None and not self._is_closing:
            self._starting = asyncio.create_task(self._begin())

    async def _begin(self) -> None:
        """Mail goes on meanwhile: the child takes a moment until it is there."""
        try:
            command = sys.executable, "-m", fields_child.__name__
            child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await _told(child, self._order)
            except BaseException:
                await _kill(child)
                raise
            self._child = child
        except Exception as error:  # noqa: BLE001  one that does not start costs no mail either
            await self._fail(error)
        finally:
            self._starting = None

    async def _fail(self, error: Exception) -> None:
        """Whatever it still says belongs to a question that nobody asks any more."""
        log.error("fields_process_failed", error=type(error).__name__)
        self._circuit.failed()
        child, self._child = self._child, None
        if child:
            await _kill(child)


async def _told(child: Process, order: Order) -> None:
    """Returns once the child is ready."""
    await _send(child, order)
    await _receive(child)


async def _asked(child: Process, letters: Sequence[Letter]) -> list[OurFields | None]:
    await _send(child, [fields_child.written(letter) for letter in letters])
    made = pickle.loads(await _receive(child))
    return [fields_child.read(fields, letter) for fields, letter in zip(made, letters, strict=True)]


async def _send(child: Process, what: object) -> None:
    assert child.stdin
    octets = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    child.stdin.write(len(octets).to_bytes(LENGTH_OCTETS, "big") + octets)
    await child.stdin.drain()


async def _receive(child: Process) -> bytes:
    assert child.stdout
    length = int.from_bytes(await child.stdout.readexactly(LENGTH_OCTETS), "big")
    return await child.stdout.readexactly(length)


async def _kill(child: Process) -> None:
    with suppress(ProcessLookupError):
        child.kill()
    await child.wait()
