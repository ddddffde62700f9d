"""Rows of opaque return addresses: read by whoever brings the token, and by nobody else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from mailcore import return_tokens
from mailcore.database import Database
from mailcore.return_tokens import Remembered

TOKEN = "srst=5tabcdefghijklmnopqrstuvwx234567ab"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ABOUT = Remembered("ann@sender.test", "any.thing@shop.test", uuid4(), uuid4(), True)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url, size=1)
    yield database
    await database.close()


async def put(database: Database) -> None:
    async with database.transaction() as tx:
        await return_tokens.put(tx, TOKEN, ABOUT, NOW + timedelta(days=1))


async def test_whoever_brings_the_token_is_told_what_it_stands_for(database: Database) -> None:
    await put(database)
    await put(database)
    assert await return_tokens.find(database, TOKEN, NOW) == ABOUT
    assert await return_tokens.find(database, TOKEN[:-1] + "c", NOW) is None
    assert await return_tokens.find(database, TOKEN, NOW + timedelta(days=2)) is None


async def test_no_word_of_it_stands_in_the_row(database: Database) -> None:
    await put(database)
    row = await database.row("select t::text as row, t.* from srs_token t")
    for word in (TOKEN, "ann", "sender", "shop", "any.thing"):
        assert word not in row["row"]
        assert word.encode() not in row["id"] + row["sealed"]


async def test_a_row_that_was_changed_stands_for_nothing(database: Database) -> None:
    await put(database)
    async with database.transaction() as tx:
        await tx.execute("update srs_token set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)")
    assert await return_tokens.find(database, TOKEN, NOW) is None
