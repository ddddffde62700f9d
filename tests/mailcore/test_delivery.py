"""Content that is not where the claim said: found where the sweep put it, or held where it is damaged."""

from pathlib import Path

from mailcore.queue import Claimed
from mailcore.spool_record import Entry, Location
from tests.support.destination import Destination
from tests.support.stack import until
from tests.support.working import Working, working


async def claimed_one(w: Working) -> Claimed:
    """One that waits, leased to the worker."""
    await w.mail("one")
    (claimed,) = await w.ground.claim(w.runtime.lease.id)
    return claimed


async def copied(w: Working, claimed: Claimed) -> Location:
    """As the sweep does: the row points at a copy from now on."""
    record = w.runtime.spool.read(claimed.location)
    (copy,) = w.ground.writer.append([Entry(record.id, record.envelope, [record.content])])
    w.ground.writer.settled([copy])
    await w.ground.world.execute(
        f"update message set segment = '{copy.segment}', record_offset = {copy.offset}, "
        f"record_length = {copy.length}"
    )
    return copy


def spoil(w: Working, location: Location) -> None:
    """Some of its octets are zeros, as if it were being wiped."""
    with w.runtime.spool.path(location.segment).open("r+b") as file:
        file.seek(location.offset + location.length - 40)
        file.write(bytes(8))


async def state_of(w: Working) -> list[str]:
    return [row["state"] for row in await w.ground.database.fetch("select state from delivery")]


async def test_mail_read_while_the_sweep_wipes_its_old_place_is_found_in_the_new_one(
    database_url: str, tmp_path: Path
) -> None:
    async with Destination() as inbox, working(database_url, tmp_path, inbox.route) as w:
        claimed = await claimed_one(w)
        await copied(w, claimed)
        spoil(w, claimed.location)
        w.runtime.courier.start(claimed, None, lambda: None)

        async def is_settled() -> bool:
            return not w.runtime.courier.busy

        await until(is_settled)
        assert await state_of(w) == []
        assert [kind for kind, _ in await w.events()] == ["received", "delivered"]


async def test_mail_that_is_damaged_where_it_lies_is_held(database_url: str, tmp_path: Path) -> None:
    async with Destination() as inbox, working(database_url, tmp_path, inbox.route) as w:
        claimed = await claimed_one(w)
        spoil(w, await copied(w, claimed))
        spoil(w, claimed.location)
        w.runtime.courier.start(claimed, None, lambda: None)

        async def is_held() -> bool:
            return await state_of(w) == ["held"]

        await until(is_held)
