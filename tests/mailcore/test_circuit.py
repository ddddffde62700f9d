"""Who does not answer is left alone for a while, and asked again."""

import asyncio

from mailcore.circuit import Circuit
from tests.support.ground import SteppedClock


async def _answer() -> str | None:
    return "yes"


async def _none() -> str | None:
    return None


async def _silence() -> str | None:
    await asyncio.Event().wait()
    return "never"


async def test_who_answers_is_asked_each_time() -> None:
    circuit = Circuit(SteppedClock())
    assert [await circuit.ask(_answer, 1) for _ in range(5)] == ["yes"] * 5


async def test_after_some_failures_in_a_row_nobody_asks_for_a_while() -> None:
    clock = SteppedClock()
    circuit = Circuit(clock, failures=2, rest=10)
    await circuit.ask(_none, 1)
    assert await circuit.ask(_answer, 1) == "yes", "one alone says nothing"
    await circuit.ask(_none, 1)
    await circuit.ask(_silence, 0.01)
    assert circuit.rests
    assert await circuit.ask(_answer, 1) is None, "not asked"
    clock.step(11)
    assert await circuit.ask(_answer, 1) == "yes"
    assert not circuit.rests


async def test_after_the_rest_one_more_failure_is_enough() -> None:
    clock = SteppedClock()
    circuit = Circuit(clock, failures=2, rest=10)
    for _ in range(2):
        await circuit.ask(_none, 1)
    clock.step(11)
    await circuit.ask(_none, 1)
    assert circuit.rests
