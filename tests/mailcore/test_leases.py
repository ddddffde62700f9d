"""Who is dead: one that stood still for long enough while it could have moved, and nobody else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mailcore.database import Database
from mailcore.leases import ProcessLease, Sweeper
from mailcore.plans import Lane
from mailcore.settings import Settings
from tests.support.ground import Ground, ground
from tests.support.tcp_proxy import PostgresProxy

LOOK = 2.0


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


async def owner(g: Ground, lost: list[str] | None = None, database: Database | None = None) -> ProcessLease:
    return await ProcessLease.take(
        database=database or g.database,
        clock=g.clock,
        settings=g.settings,
        node_id=g.spool.node_id,
        role="worker",
        lane=Lane.STANDARD,
        on_lost=lambda: (lost if lost is not None else []).append("lost"),
    )


async def leased_to(g: Ground, owner: UUID) -> None:
    assert (await g.acceptance.accept(g.submission(await g.recipient(f"o{owner.hex[-6:]}")))).code == 250
    assert len(await g.claim(owner)) == 1


async def watch(g: Ground, sweeper: Sweeper, seconds: float, *beating: ProcessLease) -> None:
    """Looks every two seconds; the beating beat in between."""
    await sweeper.look()
    for _ in range(int(seconds / LOOK)):
        g.clock.step(LOOK)
        for lease in beating:
            await lease._beat()
        await sweeper.look()


async def leased(g: Ground) -> int:
    return await g.count("delivery", "lease_owner is not null")


async def test_an_owner_that_stood_still_is_dead_and_its_attempt_has_its_event(g: Ground) -> None:
    dead = await owner(g)
    await leased_to(g, dead.id)
    sweeper = Sweeper(g.database, g.clock, g.settings, g.keys)
    await watch(g, sweeper, 28)
    assert await leased(g) == 1
    await watch(g, sweeper, 4)
    assert await leased(g) == 0
    row = await g.database.row("select * from delivery")
    assert (row["state"], row["attempt"], row["failures"]) == ("waiting", 1, 0), (
        "only finished attempts climb"
    )
    (event,) = await g.world.logged_events("type = 'soft-bounced'")
    assert (event.code, event.response, event.attempt) == ("4.3.0", "attempt interrupted", 1)
    assert await g.count("process") == 0
    assert len(await g.claim()) == 1, "due at once"


async def test_an_owner_that_beats_is_never_dead(g: Ground) -> None:
    alive = await owner(g)
    await leased_to(g, alive.id)
    await watch(g, Sweeper(g.database, g.clock, g.settings, g.keys), 100, alive)
    assert await leased(g) == 1
    assert await g.count("process") == 1


async def test_an_owner_that_is_not_registered_loses_its_leases(g: Ground) -> None:
    """Declared dead while a COMMIT with its leases was on the way."""
    await leased_to(g, g.clock.new_id())
    sweeper = Sweeper(g.database, g.clock, g.settings, g.keys)
    await watch(g, sweeper, 28)
    assert await leased(g) == 1
    await watch(g, sweeper, 4)
    assert await leased(g) == 0
    assert await g.count("log_event", "type = 'soft-bounced'") == 1


async def test_two_sweepers_write_one_event(g: Ground) -> None:
    dead = await owner(g)
    await leased_to(g, dead.id)
    sweepers = [Sweeper(g.database, g.clock, g.settings, g.keys) for _ in range(3)]
    for sweeper in sweepers:
        await sweeper.look()
    for _ in range(16):
        g.clock.step(LOOK)
        await asyncio.gather(*(sweeper.look() for sweeper in sweepers))
    assert await g.count("log_event", "type = 'soft-bounced'") == 1


async def test_the_time_the_database_was_away_proves_nothing(database_url: str, tmp_path: Path) -> None:
    async with (
        PostgresProxy(database_url) as proxy,
        ground(proxy.url, tmp_path, look_on=database_url) as g,
    ):
        lease = await owner(g)
        await leased_to(g, lease.id)
        sweeper = Sweeper(g.database, g.clock, g.settings, g.keys)
        await watch(g, sweeper, 20)
        proxy.go_down()
        g.clock.step(LOOK)
        await sweeper.look()
        proxy.come_up()
        await watch(g, sweeper, 28)
        assert await g.world.count("delivery where lease_owner is not null") == 1
        await watch(g, sweeper, 4)
        assert await g.world.count("delivery where lease_owner is not null") == 0


async def test_a_pause_of_the_watcher_proves_nothing(g: Ground) -> None:
    """The database or the whole machine stood still: nobody could have beaten."""
    lease = await owner(g)
    await leased_to(g, lease.id)
    sweeper = Sweeper(g.database, g.clock, g.settings, g.keys)
    await watch(g, sweeper, 20)
    g.clock.step(60)
    await sweeper.look()
    assert await leased(g) == 1
    await watch(g, sweeper, 28, lease)
    assert await leased(g) == 1


async def test_a_jump_of_the_wall_clock_kills_nobody(g: Ground) -> None:
    lease = await owner(g)
    await leased_to(g, lease.id)
    sweeper = Sweeper(g.database, g.clock, g.settings, g.keys)
    await sweeper.look()
    g.clock.jump(timedelta(days=1))
    await sweeper.look()
    assert await leased(g) == 1
    assert lease.is_fresh()


async def test_a_beat_keeps_a_process_fresh_and_silence_does_not(g: Ground) -> None:
    lease = await owner(g)
    g.clock.step(19)
    assert lease.is_fresh()
    g.clock.step(2)
    assert not lease.is_fresh()
    await lease._beat()
    assert lease.is_fresh()


async def test_a_process_declared_dead_is_told_at_its_next_beat(g: Ground) -> None:
    lost: list[str] = []
    lease = await owner(g, lost)
    await watch(g, Sweeper(g.database, g.clock, g.settings, g.keys), 32)
    assert lost == []
    await lease._beat()
    assert lost == ["lost"]
    assert not lease.is_fresh()


async def test_a_heart_goes_on_beating_whatever_the_database_says(g: Ground, database_url: str) -> None:
    """A process that stopped beating for good would hold its leases and never know that it is dead."""
    quick = g.settings.model_copy(update={"heartbeat_interval": timedelta(milliseconds=20)})
    lease = await ProcessLease.take(
        database=g.database,
        clock=g.clock,
        settings=quick,
        node_id=g.spool.node_id,
        role="worker",
        lane=Lane.STANDARD,
        on_lost=lambda: None,
    )
    beating = asyncio.create_task(lease.beat_forever())
    await g.world.execute("alter table process rename to elsewhere")
    done, _ = await asyncio.wait({beating}, timeout=0.3)
    assert not done
    g.clock.step(30)
    assert not lease.is_fresh()
    await g.world.execute("alter table elsewhere rename to process")
    async with asyncio.timeout(5):
        while not lease.is_fresh():  # noqa: ASYNC110  only the clock tells
            await asyncio.sleep(0.02)
    beating.cancel()


async def test_a_process_leaves_only_when_nothing_is_leased_to_it(g: Ground) -> None:
    busy, idle = await owner(g), await owner(g)
    await leased_to(g, busy.id)
    for lease in (busy, idle):
        await lease.leave()
    assert await g.database.value("select id from process") == busy.id


async def test_leaving_while_the_database_is_away_is_no_failure(database_url: str, tmp_path: Path) -> None:
    async with (
        PostgresProxy(database_url) as proxy,
        ground(proxy.url, tmp_path, look_on=database_url) as g,
    ):
        lease = await owner(g)
        proxy.go_down()
        await lease.leave()


def test_a_sender_stops_before_others_can_think_it_dead() -> None:
    settings = Settings()
    assert settings.heartbeat_interval * 2 < settings.heartbeat_stale < settings.death_after
