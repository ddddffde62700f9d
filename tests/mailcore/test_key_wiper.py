"""Keys of ended messages: synced soon, counted for everybody, and never forgotten for a failing disk."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailcore import metrics, service_counts
from mailcore.database import Database
from mailcore.key_wiper import KeyWiper
from mailcore.spool import Spool
from mailcore.spool_writer import SegmentWriter
from tests.support.ground import SteppedClock
from tests.support.spools import entry


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url, size=1)
    yield database
    await database.close()


async def counted(database: Database) -> int:
    async with database.transaction() as tx:
        return (await service_counts.read(tx))["message keys destroyed"]


async def test_what_was_discarded_is_synced_timed_and_counted(
    database: Database, spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    locations = writer.append([entry(clock) for _ in range(3)])
    seen = metrics.KEY_DESTROYED_AFTER._sum.get()
    async with KeyWiper(spool, database) as wiper:
        spool.discard_soon(locations[:2], clock.monotonic() - 3)
        await wiper.wipe()
        assert 6 <= metrics.KEY_DESTROYED_AFTER._sum.get() - seen < 8
        await wiper.note()
        assert await counted(database) == 2
        spool.discard_soon(locations[2:], clock.monotonic())
    assert await counted(database) == 3, "the end of a process leaves nothing undone"


async def test_what_cannot_be_destroyed_is_shown_until_it_can(
    database: Database, spool: Spool, writer: SegmentWriter, clock: SteppedClock, tmp_path: Path
) -> None:
    (location,) = writer.append([entry(clock)])
    file, aside = spool.keys.path(location.segment), tmp_path / "aside"
    async with KeyWiper(spool, database) as wiper:
        file.rename(aside)
        file.mkdir()  # whatever opens it for writing fails
        spool.discard_soon([location], clock.monotonic())
        await wiper.wipe()
        assert metrics.KEYS_UNDESTROYED._value.get() == 1
        file.rmdir()
        aside.rename(file)
        await wiper.wipe()
        assert metrics.KEYS_UNDESTROYED._value.get() == 0
        assert not any(file.read_bytes()[:32])
