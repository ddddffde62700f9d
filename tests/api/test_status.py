"""The status page reads what upkeep counted, and tells a slow database from one that is away."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.status import StatusBoard
from mailcore import service_alerts, service_status
from mailcore.plans import Lane
from mailcore.service_status import LaneSpeed
from tests.support.api import World, running_api
from tests.support.logged import write
from tests.support.tcp_proxy import PostgresProxy


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with PostgresProxy(database_url) as opened:
        yield opened


@pytest.fixture
async def behind(proxy: PostgresProxy, tmp_path: Path) -> AsyncIterator[World]:
    """An API whose database can go down, and that waits for it a moment only."""
    async with running_api(proxy.url, tmp_path) as world:
        world.app.state.status_board = StatusBoard(world.runtime, patience=0.3)
        yield world


async def status(world: World) -> tuple[int, Any]:
    world.clock.step(timedelta(seconds=6))
    answer = await world.anonymous.get("/status.json")
    return answer.status_code, answer.json()


async def test_before_upkeep_has_counted_there_are_no_figures(world: World) -> None:
    code, shown = await status(world)
    assert (code, shown["status"], shown["lanes"], shown["figures_at"]) == (200, "degraded", [], None)


async def test_what_upkeep_counted_is_shown(world: World) -> None:
    database = world.runtime.database
    await service_status.note_speeds(database, world.clock.now())
    await service_status.note_queues(database, 0)
    await service_status.note_queues(database, 3)
    _, shown = await status(world)
    assert [lane["lane"] for lane in shown["lanes"]] == ["standard", "fast"]
    assert (shown["lanes"][0]["waiting"], shown["lanes"][0]["p50_seconds"]) == (0, None)
    assert shown["ledger_difference"] == 3
    assert shown["figures_at"]


async def test_a_database_that_is_slow_is_not_called_down(behind: World) -> None:
    database = behind.runtime.database
    await service_status.note_queues(database, 0)
    _, before = await status(behind)
    async with database.transaction() as tx:
        await tx.execute("lock table service_figures")
        code, shown = await status(behind)
    assert (code, shown["status"]) == (200, "degraded")
    assert shown["parts"][0] == {"name": "database", "state": "degraded", "alive": None}
    assert (shown["lanes"], shown["figures_at"]) == (before["lanes"], before["figures_at"])


async def test_a_database_that_is_away_is_down(behind: World, proxy: PostgresProxy) -> None:
    await service_status.note_queues(behind.runtime.database, 0)
    await status(behind)
    proxy.go_down()
    code, shown = await status(behind)
    assert (code, shown["status"], shown["lanes"]) == (503, "down", [])
    proxy.come_up()
    code, shown = await status(behind)
    assert (code, shown["parts"][0]["state"]) == (200, "up")


async def test_an_alert_is_told_to_everybody_and_names_no_address_of_ours(world: World) -> None:
    database = world.runtime.database
    async with database.transaction() as tx:
        await service_alerts.note(tx, "blocklisted", "192.0.2.25", "bl.test")
    code, shown = await status(world)
    (alert,) = shown["alerts"]
    assert (code, shown["status"], alert["kind"]) == (200, "degraded", "blocklisted")
    assert "bl.test" in alert["text"]
    page = (await world.anonymous.get("/status")).text
    assert alert["text"] in page
    assert "192.0.2.25" not in page + alert["text"]
    async with database.transaction() as tx:
        await service_alerts.end(tx, "blocklisted", ["192.0.2.25"])
    _, shown = await status(world)
    assert shown["alerts"] == []


def test_deliveries_of_the_last_hour_are_told_in_tens_from_twenty_on() -> None:
    counts = {n: LaneSpeed(Lane.FAST, n, 0.1, 0.2, 0.3).told() for n in (0, 1, 19, 20, 29, 30)}
    assert {n: (told.delivered, told.p50) for n, told in counts.items()} == {
        **dict.fromkeys((0, 1, 19), (0, None)),
        20: (20, 0.1),
        29: (20, 0.1),
        30: (30, 0.1),
    }


async def test_one_delivery_moves_no_number_of_the_status(world: World) -> None:
    tenant = await world.tenant()
    await write(world, tenant)
    await service_status.note_speeds(world.runtime.database, world.clock.now())
    await service_status.note_queues(world.runtime.database, 0)
    (standard, _) = (await world.anonymous.get("/status.json")).json()["lanes"]
    assert (standard["delivered_last_hour"], standard["p50_seconds"], standard["p95_seconds"]) == (None,) * 3
