"""Alerts are rows that come and go: each told once, and forgotten when nobody confirms it."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from mailcore import service_alerts
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.service_alerts import Alert, Kind
from tests.support.world import World, prepared_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


@pytest.fixture
def database(world: World) -> Database:
    return world.database


async def note(database: Database, kind: Kind, subject: str, detail: str = "") -> None:
    async with database.transaction() as tx:
        await service_alerts.note(tx, kind, subject, detail)


async def test_an_alert_is_logged_when_it_begins_and_when_it_ends_without_its_subject(
    database: Database,
) -> None:
    with capture_logs() as lines:
        for _ in range(3):
            await note(database, "blocklisted", "192.0.2.25", "bl.test")
        async with database.transaction() as tx:
            await service_alerts.end(tx, "blocklisted", ["192.0.2.25", "192.0.2.26"])
    assert [(line["event"], line["kind"]) for line in lines] == [
        ("service_alert", "blocklisted"),
        ("service_alert_over", "blocklisted"),
    ]
    assert "192.0.2" not in str(lines)
    assert await service_alerts.standing(database) == []


async def test_its_detail_is_the_newest_and_its_beginning_stays(database: Database) -> None:
    await note(database, "certificate", "mx.test", "it expires on 3 May 2026")
    (before,) = await service_alerts.standing(database)
    await note(database, "certificate", "mx.test", "it has expired")
    (after,) = await service_alerts.standing(database)
    assert after.since == before.since
    assert after.detail == "it has expired"


async def test_one_kind_ends_without_the_other(database: Database) -> None:
    await note(database, "certificate", "mx.test")
    await note(database, "deferring", "mx.test")
    async with database.transaction() as tx:
        await service_alerts.end(tx, "deferring", ["mx.test"])
        assert await service_alerts.subjects(tx, "deferring") == frozenset()
        assert await service_alerts.subjects(tx, "certificate") == frozenset({"mx.test"})


async def test_only_one_process_tells(database: Database) -> None:
    await note(database, "deferring", "a.test")
    (alert,) = await service_alerts.untold(database)
    told = []
    for _ in range(2):
        async with database.transaction() as tx:
            told.append(await service_alerts.tell(tx, alert))
    assert told == [True, False]
    assert await service_alerts.untold(database) == []


async def test_what_nobody_confirms_for_a_day_is_forgotten(world: World) -> None:
    await note(world.database, "blocklisted", "192.0.2.25", "bl.test")
    await note(world.database, "deferring", "a.test")
    await world.execute(
        "update service_alert set seen_at = now() - interval '25 hours' where kind = 'blocklisted'"
    )
    await service_alerts.forget(world.database)
    assert [alert.kind for alert in await service_alerts.standing(world.database)] == ["deferring"]


@pytest.mark.parametrize(
    ("kind", "subject", "shown"),
    [
        ("blocklisted", "192.0.2.25", False),
        ("deferring", "127.0.0.1:2525", False),
        ("deferring", "google.com", True),
        ("deferring", "small.example", False),
        ("certificate", "mx.test", True),
    ],
)
def test_everybody_is_told_of_no_address_and_no_customers_own_provider(
    kind: Kind, subject: str, shown: bool
) -> None:
    words = Alert(kind, subject, "bl.test", Clock().now()).in_words()
    assert (subject in words) is shown
    assert words.endswith(".")
