"""F79 to F82: slow clients, floods, backlogs and one greedy tenant. Others must not feel them."""

import asyncio
import contextlib
import statistics
import time

from mailcore.plans import Lane
from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.faults.rig import TENANTS, Rig, until
from tests.support.sender import sender_at

_GONE = (OSError, EOFError, TimeoutError)


async def _seconds_to_arrive(run: Run, letter: Letter, lane: Lane) -> float:
    """From the first command to the copy at the sink."""
    started = time.perf_counter()
    await run.load.accepted(letter, lane)

    async def there() -> bool:
        return bool(run.load.arrived(letter))

    await until(there, 20, "not delivered")
    return time.perf_counter() - started


async def _others_are_served(run: Run, at_most: float) -> None:
    """Tenants that did nothing wrong, in both lanes: the median and the worst time to arrive."""
    times = []
    for number in range(10):
        letter = run.load.letter("hello", domain=f"t{number % TENANTS}.test")
        times.append(await _seconds_to_arrive(run, letter, Lane.STANDARD))
        letter = run.load.letter("d6", domain="fast.test")
        times.append(await _seconds_to_arrive(run, letter, Lane.FAST))
    run.note = f"others arrived after {statistics.median(times):.2f} s (median), {max(times):.2f} s (worst)"
    assert max(times) <= at_most, run.note


@case("F79", "500 slow-loris sockets from many addresses", reduced=True)
async def slow_loris(run: Run) -> None:
    """Each says a byte now and then. A NOOP of a well-behaved client is answered within a second."""
    writers = []
    for number in range(500):
        local = (f"127.1.{number // 50}.{number % 50 + 1}", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", run.rig.port(), local_addr=local)
        writers.append((reader, writer))
        writer.write(b"EHL")
    run.fault()
    started = time.perf_counter()
    async with sender_at(run.rig.port()) as client:
        assert (await client.say("NOOP")).startswith("250")
    assert time.perf_counter() - started < 1, "a NOOP took over a second"
    await _others_are_served(run, 3)
    for _, writer in writers:
        writer.transport.abort()


@case("F80", "a flood of 2,000 connections, from one address and from many")
async def connection_flood(run: Run) -> None:
    """Over the limit it is 421; a client from elsewhere comes in as soon as there is room."""
    answers = await asyncio.gather(*(_knock(run.rig, number) for number in range(2000)))
    run.fault()
    refused = [answer for answer in answers if answer.startswith(b"421")]
    served = [answer for answer in answers if answer.startswith(b"220")]
    assert refused, "nobody was told 421"
    assert served, "nobody was served"
    await _others_are_served(run, 3)
    run.recovered()


async def _knock(rig: Rig, number: int) -> bytes:
    local = ("127.0.0.1" if number % 2 else f"127.2.{number // 250}.{number % 250 + 1}", 0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port(), local_addr=local)
    except OSError:
        return b""
    try:
        async with asyncio.timeout(60):
            line = await reader.readline()
            await asyncio.sleep(0.5)
            return line
    except _GONE:
        return b""
    finally:
        writer.transport.abort()


async def _pile_up(run: Run, count: int) -> None:
    """A backlog that is due now, of one tenant, to a destination that takes it one by one."""
    rig, letter = run.rig, run.load.letter("d1")
    rig.sinks["d1"].script["RCPT"] = "451 4.7.1 Busy"
    await run.load.accepted(letter)
    await rig.until_event(letter.id, "soft-bounced", "Busy")
    await rig.world.execute(_MULTIPLY, list(await rig.message_ids(letter.id)), count)
    await rig.world.execute("analyze delivery")


_MULTIPLY = """
with one as (select * from message where id = any($1) limit 1),
copies as (select gen_random_uuid() as id, gen_random_uuid() as delivery from generate_series(1, $2::int)),
made as (
    insert into message (id, account_id, domain_id, alias_id, recipient, lane, node_id, segment,
        record_offset, record_length, shared, sender_authenticated, smtputf8, origin, accepted_at)
    select c.id, account_id, domain_id, alias_id, recipient, lane, node_id, segment,
        record_offset, record_length, true, false, smtputf8, origin, accepted_at
    from one cross join copies c returning id
), queued as (
    insert into delivery (id, message_id, account_id, destination_id, node_id, lane, origin, accepted_at,
        next_attempt_at)
    select c.delivery, c.id, d.account_id, d.destination_id, d.node_id, d.lane, d.origin, d.accepted_at, now()
    from copies c cross join (select d.* from delivery d join one on d.message_id = one.id) d returning id
)
insert into ledger (origin, created) select 'smtp', count(*) from copies
"""


async def _clear(run: Run) -> None:
    """The backlog ends as its owner would end it; here by hand, and the ledger is told."""
    await run.rig.stop("worker")
    await run.rig.world.execute(
        "with gone as (delete from message where shared returning id) "
        "insert into ledger (origin, created) select 'smtp', -count(*) from gone"
    )
    await run.rig.world.execute("delete from log_event e where attempt > 0 and type = 'soft-bounced' "
        "and not exists (select from log_message m where m.id = e.message_id)")  # fmt: skip
    await run.rig.start("worker")


@case("F81", "a backlog of one tenant: others are served, the fast lane is unmoved", alone=True)
async def backlog(run: Run) -> None:
    count = 100_000 if run.full else 10_000
    await _pile_up(run, count)
    run.fault()
    await asyncio.sleep(2)
    await _others_are_served(run, 3)
    run.rig.sinks["d6"].script["RCPT"] = ["451 4.7.1 Greylisted"]
    idle_tenant = await run.load.accepted(run.load.letter("d6"))
    await run.rig.until_event(idle_tenant.id, "delivered", seconds=20)
    run.recovered()
    run.note = f"{count} waiting; {run.note}"
    await _clear(run)


@case("F82", "one tenant at 50 messages a second", reduced=True)
async def greedy_tenant(run: Run) -> None:
    rig = run.rig
    await rig.world.execute("delete from usage_day")
    stop = asyncio.Event()
    greedy: list[asyncio.Task[str]] = []

    async def pour() -> None:
        while not stop.is_set():
            greedy.append(run.load.begin(run.load.letter("d2", domain="fast.test"), Lane.FAST))
            await asyncio.sleep(1 / 50)

    pouring = asyncio.create_task(pour())
    run.fault()
    await asyncio.sleep(1)
    await _others_are_served(run, 3)
    stop.set()
    await pouring
    with contextlib.suppress(*_GONE):
        await asyncio.gather(*greedy)
    await rig.idle()
    run.recovered()
    run.note = f"{len(greedy)} messages; {run.note}"
