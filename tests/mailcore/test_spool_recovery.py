"""The database went back in time: what waits is rebuilt from the spool, what is gone ends with one event."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from mailcore import ledger, spool_owner
from mailcore.contents import Contents
from mailcore.routing import DestinationRef, Recipient
from mailcore.settlement import Result
from mailcore.spool import InUse, Spool, segments_in
from mailcore.spool_record import Entry, Location
from mailcore.spool_recovery import Recovered, Recovery
from mailcore.spool_sweep import SpoolSweep
from mailcore.submission import Submission
from tests.support.ground import CONTENT, Ground, counted_writer, ground, settlement
from tests.support.moments import go_back, remember


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as opened:
        yield opened


async def accept(here: Ground, *recipients: Recipient, content: bytes = CONTENT) -> UUID:
    submission = here.submission(*recipients, content=content)
    assert not (await here.acceptance.accept(submission)).is_refusal
    here.clock.step(1)
    return submission.id


async def recover(here: Ground) -> Recovered:
    here.writer.close()
    done = await Recovery(here.database, here.spool, here.clock, here.keys).run()
    for line in await ledger.balance(here.database):
        assert line.difference == 0, line
    return done


async def deliver_all(here: Ground) -> None:
    for claimed in await here.claim():
        await here.settler.settle(Result(settlement(claimed, "delivered")))


async def events(here: Ground, message_id: UUID) -> list[tuple[str, str, int]]:
    rows = await here.database.fetch(
        "select type, code, attempt from log_event where message_id = $1 order by id", message_id
    )
    return [(row["type"], row["code"], row["attempt"]) for row in rows]


def sweep_of(here: Ground) -> SpoolSweep:
    long_wait = counted_writer(here.spool, here.clock, here.syncs, long_wait=True)
    return SpoolSweep(
        database=here.database,
        spool=here.spool,
        long_wait=long_wait,
        clock=here.clock,
        settings=here.settings,
    )


async def swept_away(here: Ground) -> None:
    """The sweep moves what waits to a long-wait segment."""
    here.writer.close()
    sweep = sweep_of(here)
    await sweep.sweep()
    here.clock.step(60)
    await sweep.sweep()
    assert [path.suffix for path in segments_in(here.spool)] == [".long"]
    here.clock.step(60)
    await sweep.sweep()  # seals its own segment


async def test_mail_accepted_after_the_moment_waits_again(here: Ground) -> None:
    recipient = await here.recipient("free", "one@inbox.test", "two@inbox.test")
    before = await remember(here.database)
    message_id = await accept(here, recipient)
    await go_back(here.database, before)
    done = await recover(here)
    assert (done.rebuilt_messages, done.rebuilt_deliveries) == (1, 2)
    claimed = await here.claim()
    assert sorted(c.address for c in claimed) == ["one@inbox.test", "two@inbox.test"]
    assert {(c.message_id, c.attempt, c.cancelled) for c in claimed} == {(message_id, 1, "")}
    assert here.spool.read(claimed[0].location).content == CONTENT


async def test_the_log_shows_the_rebuilt_message_as_it_was_received(here: Ground) -> None:
    recipient = await here.recipient("free")
    before = await remember(here.database)
    content = b"From: Ann <ann@sender.test>\r\nSubject: hello again\r\n\r\ntext\r\n"
    message_id = await accept(here, recipient, content=content)
    (accepted,) = await here.world.logged(f"id = '{message_id}'")
    await go_back(here.database, before)
    await recover(here)
    (row,) = await here.world.logged(f"id = '{message_id}'")
    assert (row.subject, row.sender) == ("hello again", "Ann <ann@sender.test>")
    for name in ("account_id", "domain_id", "received_at", "client_ip", "alias"):
        assert getattr(row, name) == getattr(accepted, name)
    assert await events(here, message_id) == [("received", "2.0.0", 0)]


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("full", ("hello again", "Ann <ann@sender.test>", True)),
        ("no-subject", ("", "Ann <ann@sender.test>", True)),
        ("no-sender", ("hello again", "", True)),
        ("failures", ("", "", False)),
        ("gone", ("", "", False)),
    ],
)
async def test_a_rebuilt_message_says_what_its_domain_allows_now(
    here: Ground, level: str, kept: tuple[str, str, bool]
) -> None:
    """Of one whose domain was deleted nobody knows how much that was."""
    recipient = await here.recipient("free")
    before = await remember(here.database)
    content = b"From: Ann <ann@sender.test>\r\nSubject: hello again\r\n\r\ntext\r\n"
    message_id = await accept(here, recipient, content=content)
    await go_back(here.database, before)
    async with here.database.transaction() as tx:
        if level == "gone":
            await tx.execute("delete from domain where id = $1", recipient.domain_id)
        else:
            await tx.execute("update domain set log_level = $1 where id = $2", level, recipient.domain_id)
    await recover(here)
    (row,) = await here.world.logged(f"id = '{message_id}'")
    assert (row.subject, row.sender, row.alias != "") == kept


async def test_mail_of_our_own_goes_to_its_address_again(here: Ground) -> None:
    recipient = await here.recipient("free")
    before = await remember(here.database)
    own = replace(recipient, alias_id=None, destinations=(DestinationRef(None, "ann@sender.test"),))
    submission: Submission = replace(here.submission(own), origin="dsn", reverse_path="")
    await here.acceptance.accept(submission)
    await go_back(here.database, before)
    await recover(here)
    (row,) = await here.claim()
    claimed = (await Contents(here.spool).read(row.location)).addressed(row)
    assert (claimed.address, claimed.origin, claimed.reverse_path) == ("ann@sender.test", "dsn", "")


async def test_mail_that_waits_in_both_is_left_alone(here: Ground) -> None:
    await accept(here, await here.recipient("free"))
    before = await here.database.fetch("select * from delivery")
    done = await recover(here)
    assert (done.records, done.rebuilt_messages, done.lost_deliveries, done.found_again) == (1, 0, 0, 0)
    assert await here.database.fetch("select * from delivery") == before


async def test_mail_delivered_after_the_moment_ends_with_one_event_and_sends_nothing(here: Ground) -> None:
    message_id = await accept(here, await here.recipient("free"))
    before = await remember(here.database)
    await deliver_all(here)
    await go_back(here.database, before)
    done = await recover(here)
    assert (done.lost_deliveries, done.rebuilt_messages, done.discarded) == (1, 0, 1)
    assert await here.count("delivery") == await here.count("message") == 0
    assert await events(here, message_id) == [("received", "2.0.0", 0), ("hard-bounced", "4.3.0", 1)]


async def test_an_attempt_that_was_under_way_is_the_one_that_ends(here: Ground) -> None:
    message_id = await accept(here, await here.recipient("free"))
    (claimed,) = await here.claim()
    before = await remember(here.database)
    await here.settler.settle(Result(settlement(claimed, "delivered")))
    await go_back(here.database, before)
    await recover(here)
    assert (await events(here, message_id))[-1] == ("hard-bounced", "4.3.0", 1)


async def test_mail_delivered_before_the_moment_is_not_sent_again(here: Ground) -> None:
    """A crash between commit and discard left its bytes; the log knows that it ended."""
    message_id = await accept(here, await here.recipient("free"))
    (row,) = await here.database.fetch("select segment, record_offset, record_length from message")
    record = here.spool.read(Location(*row))
    await deliver_all(here)
    here.writer.settled(here.writer.append([Entry(record.id, record.envelope, [CONTENT])]))
    done = await recover(here)
    assert (done.ended_before, done.rebuilt_messages) == (1, 0)
    assert len(await events(here, message_id)) == 2


async def test_mail_that_the_sweep_moved_after_the_moment_is_found_again(here: Ground) -> None:
    one, two = await here.recipient("one"), await here.recipient("two")
    await accept(here, one, two)
    (first,) = await here.claim(limit=1)
    await here.settler.settle(Result(settlement(first, "delivered")))  # only the second row is left
    before = await remember(here.database)
    await swept_away(here)
    await go_back(here.database, before)
    done = await recover(here)
    assert (done.found_again, done.rebuilt_messages, done.lost_deliveries) == (1, 0, 0)
    (claimed,) = await here.claim()
    assert here.spool.read(claimed.location).content == CONTENT


async def test_a_recipient_that_was_served_before_the_moment_is_not_served_again(here: Ground) -> None:
    await accept(here, await here.recipient("one"), await here.recipient("two"))
    (first,) = await here.claim(limit=1)
    await here.settler.settle(Result(settlement(first, "delivered")))
    done = await recover(here)
    assert (done.rebuilt_messages, await here.count("delivery")) == (0, 1)


async def test_two_copies_of_one_record_become_one_message(here: Ground) -> None:
    """The sweep died between its copy and the end of the original."""
    recipient = await here.recipient("free")
    before = await remember(here.database)
    await accept(here, recipient)
    (row,) = await here.database.fetch("select segment, record_offset, record_length from message")
    record = here.spool.read(Location(*row))
    here.writer.settled(here.writer.append([Entry(record.id, record.envelope, [CONTENT])]))
    await go_back(here.database, before)
    done = await recover(here)
    assert (done.records, done.rebuilt_messages) == (2, 1)


async def test_a_second_run_changes_nothing(here: Ground) -> None:
    one, two = await here.recipient("one"), await here.recipient("two")
    before = await remember(here.database)
    await accept(here, one, two)
    await go_back(here.database, before)
    assert (await recover(here)).rebuilt_messages == 2
    again = await recover(here)
    assert (again.rebuilt_messages, again.lost_deliveries, again.found_again) == (0, 0, 0)


async def test_a_damaged_record_is_counted_and_those_behind_it_are_rebuilt(here: Ground) -> None:
    recipient = await here.recipient("free")
    before = await remember(here.database)
    await accept(here, recipient)
    await accept(here, recipient)
    here.writer.close()
    (path,) = segments_in(here.spool)
    raw = bytearray(path.read_bytes())
    raw[60] ^= 1  # in the first record's content
    path.write_bytes(bytes(raw) + b"CPR1 torn")
    await go_back(here.database, before)
    done = await recover(here)
    assert (done.damaged, done.records, done.rebuilt_messages) == (2, 1, 1)


async def test_a_damaged_record_with_a_row_is_kept_for_an_operator(here: Ground) -> None:
    await accept(here, await here.recipient("free"))
    here.writer.close()
    (path,) = segments_in(here.spool)
    raw = bytearray(path.read_bytes())
    raw[60] ^= 1
    path.write_bytes(bytes(raw))
    done = await recover(here)
    assert (done.damaged, done.lost_deliveries, await here.count("delivery")) == (1, 0, 1)


async def test_the_sweep_stops_at_a_database_that_went_back_until_the_spool_is_recovered(
    here: Ground,
) -> None:
    recipient = await here.recipient("free")
    sweep = sweep_of(here)
    await sweep.sweep()
    before = await remember(here.database)
    await sweep.sweep()
    await accept(here, recipient)
    here.writer.close()
    await go_back(here.database, before)
    here.clock.step(3600)
    for _ in range(3):
        await sweep.sweep()
    assert here.readable(b"the secret words")
    assert await spool_owner.is_own(here.database, here.spool.folder.parent) is False
    assert (await recover(here)).rebuilt_messages == 1
    assert await spool_owner.is_own(here.database, here.spool.folder.parent) is True
    await deliver_all(here)
    await sweep.sweep()
    await sweep.sweep()
    assert list(segments_in(here.spool)) == []


async def test_the_sweep_stops_at_another_server(here: Ground) -> None:
    folder = here.spool.folder.parent
    await sweep_of(here).sweep()
    note = spool_owner.Note.read(folder)
    assert note
    spool_owner.Note("7000000000000000000 1", note.sweeps).write(folder)
    assert not await spool_owner.confirm(here.database, folder, here.spool.node_id)


async def test_the_sweep_stops_at_an_emptied_database(here: Ground) -> None:
    folder = here.spool.folder.parent
    assert await spool_owner.confirm(here.database, folder, here.spool.node_id)
    await here.world.execute("delete from node")
    assert not await spool_owner.confirm(here.database, folder, here.spool.node_id)


async def test_recovering_asks_for_the_whole_node(here: Ground, tmp_path: Path) -> None:
    with pytest.raises(InUse):
        Spool.open(tmp_path / "spool", tmp_path / "keys", here.clock, alone=True)
    alone = Spool.open(tmp_path / "other", tmp_path / "keys", here.clock, alone=True)
    alone.close()


async def test_a_segment_somebody_writes_stops_the_run(here: Ground) -> None:
    await here.recipient("free")
    here.writer.append([Entry(here.clock.new_id(), {}, [b"x"])])
    with pytest.raises(InUse):
        await Recovery(here.database, here.spool, here.clock, here.keys).run()


async def test_a_wiped_range_does_not_hide_what_follows(here: Ground) -> None:
    recipient = await here.recipient("free")
    before = await remember(here.database)
    first = here.writer.append([Entry(here.clock.new_id(), {}, [b"x" * 100])])[0]
    await accept(here, recipient)
    here.writer.settled([first])
    here.writer.close()
    (path,) = segments_in(here.spool)
    raw = path.read_bytes()
    path.write_bytes(bytes(first.length) + raw[first.length :])
    await go_back(here.database, before)
    assert (await recover(here)).rebuilt_messages == 1


async def test_a_record_without_its_key_is_counted_and_its_row_is_kept(here: Ground) -> None:
    """The key folder may be mounted again."""
    await accept(here, await here.recipient("free"))
    (row,) = await here.database.fetch("select segment from message")
    file, keys = here.spool.keys.path(row["segment"]), here.spool.keys.path(row["segment"]).read_bytes()
    file.unlink()
    done = await recover(here)
    assert (done.keyless, done.damaged, done.lost_deliveries) == (1, 0, 0)
    file.write_bytes(keys)
    again = await recover(here)
    assert (again.keyless, again.records, await here.count("delivery")) == (0, 1, 1)


async def test_a_row_of_an_older_release_is_found_by_its_alias(here: Ground) -> None:
    one, two = await here.recipient("one"), await here.recipient("two")
    await accept(here, one, two)
    (first,) = await here.claim(limit=1)
    await here.settler.settle(Result(settlement(first, "delivered")))
    await here.world.execute("update message set recipient = null")
    before = await remember(here.database)
    await swept_away(here)
    await go_back(here.database, before)
    done = await recover(here)
    assert (done.found_again, done.rebuilt_messages, done.lost_deliveries) == (1, 0, 0)
