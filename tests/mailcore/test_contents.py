"""Content in flight: read once for all who attempt it, and gone with the last of them."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mailcore.authenticity.verdicts import SpfVerdict, Verdicts
from mailcore.clock import Clock
from mailcore.contents import Contents, Mail
from mailcore.spool import Spool
from mailcore.spool_record import Damaged, Entry, Gone, Location, Record
from mailcore.spool_writer import SegmentWriter
from tests.support.leased import ALIAS, claimed

CLOCK = Clock()


class Counting:
    """A spool that counts its readers."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.reads = 0

    def read(self, location: Location) -> Record:
        self.reads += 1
        return self.spool.read(location)


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    return Counting(Spool.open(tmp_path / "spool", tmp_path / "keys", CLOCK))


def written(counting: Counting, envelope: dict[str, Any] | None = None) -> Location:
    writer = SegmentWriter(counting.spool, CLOCK, largest=1_000_000, oldest_seconds=10)
    entry = Entry(CLOCK.new_id(), envelope or {}, [b"the words"])
    (location,) = writer.append([entry])
    return location


async def test_many_deliveries_of_one_message_read_it_once(counting: Counting) -> None:
    location, contents = written(counting), Contents(counting)  # type: ignore[arg-type]
    held = await asyncio.gather(*(contents.read(location) for _ in range(25)))
    assert await contents.read(location) is held[0]
    assert bytes(held[0].content) == b"the words"
    assert counting.reads == 1


async def test_what_nobody_holds_is_freed(counting: Counting) -> None:
    location, contents = written(counting), Contents(counting)  # type: ignore[arg-type]
    await contents.read(location)
    async with asyncio.timeout(5):
        while contents._held:  # noqa: ASYNC110  the loop and the thread let go a moment later
            await asyncio.sleep(0)
    await contents.read(location)
    assert counting.reads == 2


async def test_one_that_gives_up_takes_it_from_nobody(counting: Counting) -> None:
    location, contents = written(counting), Contents(counting)  # type: ignore[arg-type]
    one, two = (asyncio.create_task(contents.read(location)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    assert bytes((await two).content) == b"the words"


async def test_what_is_gone_is_gone_for_all(counting: Counting) -> None:
    contents = Contents(counting)  # type: ignore[arg-type]
    nowhere = Location(CLOCK.new_id(), 0, 100)
    for _ in range(2):
        results = await asyncio.gather(*(contents.read(nowhere) for _ in range(2)), return_exceptions=True)
        assert [type(result) for result in results] == [Gone, Gone]


async def test_verdicts_come_with_the_content(counting: Counting) -> None:
    verdicts = Verdicts(SpfVerdict("pass", "example.org"))
    location = written(counting, {"authentication": verdicts.as_json()})
    assert (await Contents(counting).read(location)).verdicts == verdicts  # type: ignore[arg-type]


async def test_verdicts_of_another_release_hold_up_no_mail(counting: Counting) -> None:
    newer = Verdicts().as_json() | {"spf": {"result": "pass", "of_a_kind": "unknown"}}
    strange: tuple[dict[str, object], ...] = (newer, {"spf": {}}, {**newer, "spf": None})
    for found in strange:
        mail = await Contents(counting).read(written(counting, {"authentication": found}))  # type: ignore[arg-type]
        assert (bytes(mail.content), mail.verdicts) == (b"the words", None)


# --- what only the envelope knows ---

ENVELOPE = {
    "reverse_path": "ann@sender.test",
    "recipients": [
        {"alias": str(ALIAS), "address": "hello+one@shop.test", "destinations": ["0" * 32]},
        {"alias": str(ALIAS), "address": "hello+two@shop.test", "destinations": ["0" * 32]},
        {"alias": None, "address": "owner@shop.test", "destinations": ["bob@owners.test"]},
    ],
}
UNREAD = {"reverse_path": "", "alias_address": "hello@shop.test"}


def test_a_delivery_gets_its_addresses_from_its_place_in_the_envelope() -> None:
    mail = Mail(b"", None, ENVELOPE)
    found = mail.addressed(claimed(recipient=1, destination_id=uuid4(), address="you@inbox.test", **UNREAD))
    assert (found.reverse_path, found.alias_address) == ("ann@sender.test", "hello+two@shop.test")
    assert found.address == "you@inbox.test"


def test_mail_of_our_own_is_told_where_to_go() -> None:
    mail = Mail(b"", None, ENVELOPE)
    ours = claimed(recipient=2, alias_id=None, destination_id=None, address="", **UNREAD)
    assert mail.addressed(ours).address == "bob@owners.test"
    assert mail.addressed(replace(ours, cancelled="cancelled")).address == ""


def test_a_row_of_an_older_release_finds_the_first_of_its_alias() -> None:
    mail = Mail(b"", None, ENVELOPE)
    assert mail.addressed(claimed(recipient=None, **UNREAD)).alias_address == "hello+one@shop.test"
    older = claimed(recipient=None, alias_id=None, **UNREAD)
    assert mail.addressed(older).alias_address == "owner@shop.test"


def test_a_place_that_is_not_there_is_damage() -> None:
    with pytest.raises(Damaged):
        Mail(b"", None, ENVELOPE).addressed(claimed(recipient=3))


def test_what_was_accepted_here_a_moment_ago_has_its_addresses() -> None:
    delivery = claimed(alias_address="hello@shop.test")
    assert Mail(b"", None).addressed(delivery) is delivery
