"""Group commit: who arrives while a batch runs shares the next one."""

import asyncio
from collections.abc import Sequence

import pytest

from mailcore.batching import Batcher


class Runs:
    """Doubles numbers; each run waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Semaphore(0)
        self.begun = asyncio.Semaphore(0)
        self.fails = False

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.begun.release()
        await self.gate.acquire()
        if self.fails:
            raise OSError("no")
        return [2 * item for item in items]


async def test_an_idle_batcher_does_not_wait_for_company() -> None:
    runs = Runs()
    runs.gate.release()
    assert await Batcher(runs, concurrency=1).submit(1) == 2
    assert runs.batches == [[1]]


async def test_those_who_come_meanwhile_share_the_next_batch_in_order() -> None:
    runs = Runs()
    batcher = Batcher(runs, largest=3, concurrency=1)
    first = asyncio.create_task(batcher.submit(0))
    await runs.begun.acquire()
    tasks = [asyncio.create_task(batcher.submit(number)) for number in range(1, 6)]
    for _ in range(3):
        runs.gate.release()
    assert await asyncio.gather(first, *tasks) == [0, 2, 4, 6, 8, 10]
    assert runs.batches == [[0], [1, 2, 3], [4, 5]]


async def test_those_who_come_in_one_turn_of_the_loop_share_a_batch_although_another_could_run() -> None:
    runs = Runs()
    runs.gate.release()
    batcher = Batcher(runs, concurrency=2)
    begun = [batcher.begin(number) for number in range(3)]
    assert [await each for each in begun] == [0, 2, 4]
    assert runs.batches == [[0, 1, 2]]


async def test_more_than_the_largest_batch_run_beside_each_other() -> None:
    runs = Runs()
    batcher = Batcher(runs, largest=2, concurrency=2)
    begun = [batcher.begin(number) for number in range(5)]
    for _ in range(2):
        await runs.begun.acquire()
    assert runs.batches == [[0, 1], [2, 3]]
    for _ in range(3):
        runs.gate.release()
    assert [await each for each in begun] == [0, 2, 4, 6, 8]


async def test_the_next_batch_waits_for_one_that_runs_to_end() -> None:
    runs = Runs()
    batcher = Batcher(runs, largest=3, concurrency=2, patience=60)
    first = batcher.begin(0)
    await runs.begun.acquire()
    begun = [batcher.begin(1)]
    for _ in range(5):
        await asyncio.sleep(0)
    begun.append(batcher.begin(2))
    assert runs.batches == [[0]]
    runs.gate.release()
    runs.gate.release()
    assert [await each for each in (first, *begun)] == [0, 2, 4]
    assert runs.batches == [[0], [1, 2]]


async def test_enough_for_the_largest_batch_wait_for_none() -> None:
    runs = Runs()
    batcher = Batcher(runs, largest=3, concurrency=2, patience=60)
    begun = [batcher.begin(0)]
    await runs.begun.acquire()
    begun += [batcher.begin(number) for number in range(1, 4)]
    await runs.begun.acquire()
    assert runs.batches == [[0], [1, 2, 3]]
    runs.gate.release()
    runs.gate.release()
    assert [await each for each in begun] == [0, 2, 4, 6]


async def test_one_that_is_stuck_holds_up_the_next_no_longer_than_the_patience() -> None:
    runs = Runs()
    batcher = Batcher(runs, concurrency=2, patience=0.01)
    begun = [batcher.begin(0)]
    await runs.begun.acquire()
    begun.append(batcher.begin(1))
    async with asyncio.timeout(10):
        await runs.begun.acquire()
    begun.append(batcher.begin(2))
    await asyncio.sleep(0.05)
    assert runs.batches == [[0], [1]], "not more at once than may run"
    for _ in range(3):
        runs.gate.release()
    assert [await each for each in begun] == [0, 2, 4]
    assert runs.batches == [[0], [1], [2]]


async def test_after_a_batch_of_several_the_next_waits_for_its_time_or_for_enough() -> None:
    runs = Runs()
    batcher = Batcher(runs, largest=3, concurrency=2, patience=60, interval=60)
    for _ in range(2):
        runs.gate.release()
    begun = [batcher.begin(number) for number in range(2)]
    assert [await each for each in begun] == [0, 2], "they do not wait for it"
    begun = [batcher.begin(2)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert runs.batches == [[0, 1]]
    begun += [batcher.begin(3), batcher.begin(4)]
    assert [await each for each in begun] == [4, 6, 8]
    assert runs.batches == [[0, 1], [2, 3, 4]]


async def test_after_a_batch_of_one_nobody_waits() -> None:
    runs = Runs()
    batcher = Batcher(runs, concurrency=2, patience=60, interval=60)
    for number in range(3):
        runs.gate.release()
        async with asyncio.timeout(10):
            assert await batcher.submit(number) == 2 * number


async def test_drain_waits_for_those_whose_time_has_not_come() -> None:
    runs = Runs()
    batcher = Batcher(runs, concurrency=2, patience=60, interval=0.05)
    for _ in range(2):
        runs.gate.release()
    await asyncio.gather(batcher.submit(0), batcher.submit(1))
    late = batcher.begin(2)
    async with asyncio.timeout(10):
        await batcher.drain()
    assert late.done()
    assert runs.batches == [[0, 1], [2]]


async def test_a_cancelled_caller_leaves_its_item_in_the_batch() -> None:
    runs = Runs()
    batcher = Batcher(runs, concurrency=1)
    first = asyncio.create_task(batcher.submit(1))
    await runs.begun.acquire()
    gone, stays = (asyncio.create_task(batcher.submit(number)) for number in (2, 3))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    runs.gate.release()
    runs.gate.release()
    assert (await first, await stays) == (2, 6)
    assert runs.batches == [[1], [2, 3]]


async def test_what_a_batch_raises_reaches_all_of_it_and_the_next_one_runs() -> None:
    runs = Runs()
    batcher = Batcher(runs, concurrency=1)
    runs.fails = True
    failing = asyncio.create_task(batcher.submit(1))
    await runs.begun.acquire()
    runs.gate.release()
    with pytest.raises(OSError, match="no"):
        await failing
    runs.fails = False
    runs.gate.release()
    assert await batcher.submit(2) == 4


async def test_drain_waits_for_what_waits() -> None:
    runs = Runs()
    batcher = Batcher(runs, largest=1, concurrency=2)
    tasks = [asyncio.create_task(batcher.submit(number)) for number in range(4)]
    await asyncio.sleep(0)
    draining = asyncio.create_task(batcher.drain())
    for _ in range(3):
        runs.gate.release()
    done, _ = await asyncio.wait({draining}, timeout=0.05)
    assert not done
    runs.gate.release()
    await draining
    assert all(task.done() for task in tasks) or await asyncio.gather(*tasks) == [0, 2, 4, 6]
