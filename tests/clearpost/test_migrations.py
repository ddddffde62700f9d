"""An update of a database in use: only what was said is forgotten, and mail that waits is delivered."""

import asyncio
import json
import os
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.migrations import Refused, upgrade
from clearpost.ports import free_port
from mailcore import return_tokens
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.spool import Spool
from tests.support import rows
from tests.support.byte_search import Words, files_in, told
from tests.support.destination import Destination
from tests.support.stack import until
from tests.support.working import Working, working

# The last one before the log and the spool were sealed.
BEFORE = "0006"
ACCOUNT, DOMAIN, ALIAS, INBOX = (UUID(int=n) for n in range(1, 5))
MESSAGE, DELIVERY, SEGMENT, LOGGED = (UUID(int=n) for n in range(5, 9))
CONTENT = b"Subject: lunch\r\n\r\nSee you at noon.\r\n"
COUNTED = ("message", "delivery", "log_message", "log_event", "srs_token", "undelivered")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of its own, so that all its files are of this test."""
    server = EmbeddedPostgres(tmp_path / "postgres", free_port(), fsync=False)
    server.start()
    yield server
    server.stop()
    remove(server.home)


@pytest.fixture
async def old(server: EmbeddedPostgres) -> AsyncIterator[Any]:
    """A connection to a database of the release before."""
    await upgrade(server.url, BEFORE)
    connection = await asyncpg.connect(server.url)
    yield connection
    await connection.close()


async def test_a_migration_of_living_processes_is_refused_and_changes_nothing(
    server: EmbeddedPostgres, old: Any
) -> None:
    await alive(old, "59 seconds")
    with pytest.raises(Refused, match=r"^1 process of Clearpost was alive within the last minute: stop"):
        await upgrade(server.url)
    assert await old.fetchval("select version_num from alembic_version") == BEFORE
    await old.execute("update process set beat_at = now() - interval '61 seconds'")
    await upgrade(server.url)
    assert await old.fetchval("select version_num from alembic_version") > BEFORE


async def test_the_command_says_in_one_line_to_stop_all_processes(server: EmbeddedPostgres, old: Any) -> None:
    await alive(old, "0 seconds")
    settings = {"CLEARPOST_DATABASE_URL": server.url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "clearpost", "migrate"),
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert (process.returncode, said) == (1, b"")
    (line,) = complained.decode().splitlines()
    assert line.startswith("clearpost: 1 process of Clearpost was alive within the last minute: stop all")


async def alive(old: Any, ago: str) -> None:
    await old.execute("insert into node (id) values ($1)", UUID(int=9))
    await old.execute(
        f"insert into process (id, node_id, role, lane, beat_at) values ($1, $1, 'mx', 'standard', "
        f"now() - interval '{ago}')",
        UUID(int=9),
    )


async def test_an_update_keeps_what_counts_forgets_what_was_said_and_delivers_what_waits(
    server: EmbeddedPostgres, old: Any, tmp_path: Path
) -> None:
    words, now = Words(), datetime.now(UTC)
    node = waiting_in_spool(tmp_path, words, now)
    await lived(old, words, now, node)
    await old.execute("analyze")  # the planner notes frequent values
    before = await counted(old)
    assert {hit.kind for hit in words.find(data_files(server))} == set("cdfkrst"), "all that is looked for"
    await upgrade(server.url)
    assert await counted(old) == before
    assert await old.fetchval("select count from log_event where type = 'refused'") == 41
    assert await old.fetchval("select sum(count) from undelivered") == 7
    await forget_the_past(server)
    hits = words.find(data_files(server))
    assert not hits, told(hits)
    await assert_remembered(server.url, words, now)
    async with Destination() as inbox, working(server.url, tmp_path, inbox.route) as w:
        await deliver(w)
        (message,) = inbox.messages
        assert message.content.endswith(CONTENT)
        assert message.rcpt == ("RCPT TO:<ann@inbox.test>",)
        await rows.fill(w.ground.database, w.ground.clock, {"account": ACCOUNT})


def data_files(server: EmbeddedPostgres) -> list[Path]:
    return files_in(server.home.resolve() / "data")


async def counted(old: Any) -> dict[str, int]:
    return {table: await old.fetchval(f"select count(*) from {table}") for table in COUNTED}


_AHEAD = "select count(*) from pg_ls_waldir() where name > pg_walfile_name(pg_current_wal_lsn())"


async def forget_the_past(server: EmbeddedPostgres) -> None:
    """As docs/operations.md tells a superuser to, under Updates."""
    url = server.admin_url
    connection = await asyncpg.connect(f"{url.rpartition('/')[0]}/{server.url.rpartition('/')[2]}")
    for statement in (
        "vacuum full pg_statistic", "alter system set wal_recycle = off", "select pg_reload_conf()",
    ):  # fmt: skip
        await connection.execute(statement)
    none_ahead = 0
    while none_ahead < 2:  # files that were recycled before still hold what they held
        await connection.execute("select pg_switch_wal()")
        await connection.execute("checkpoint")
        none_ahead = 0 if await connection.fetchval(_AHEAD) else none_ahead + 1
    await connection.close()


async def assert_remembered(url: str, words: Words, now: datetime) -> None:
    """Whoever brings a return address of before is known."""
    database = await Database.open(url, size=1)
    found = await return_tokens.find(database, token_of(words), now)
    await database.close()
    assert found
    assert (found.sender, found.alias_address) == (sender_of(words), alias_of(words))


async def deliver(w: Working) -> None:
    """By a worker of this release, as anything that waits."""
    (claimed,) = await w.ground.claim(w.runtime.lease.id)
    w.runtime.courier.start(claimed, None, lambda: None)

    async def is_settled() -> bool:
        return not w.runtime.courier.busy

    await until(is_settled)
    assert await w.ground.count("delivery") == 0
    assert await w.ground.count("log_event", "type = 'delivered'") == 1


# --- mail and its log, as the release before wrote them ---


def sender_of(words: Words) -> str:
    return f"{words.word('f')}@sender.test"


def alias_of(words: Words) -> str:
    """As it was written to, with a tag."""
    return f"hello+{words.word('t')}@shop.test"


def token_of(words: Words) -> str:
    return words.word("k")


def waiting_in_spool(folder: Path, words: Words, now: datetime) -> UUID:
    """A record in plain (spool_plain_record.py), all of its segment; answers with the node."""
    spool = Spool.open(folder / "spool", folder / "keys", Clock())
    spool.path(SEGMENT).write_bytes(record(words, now))
    spool.close()
    return spool.node_id


def record(words: Words, now: datetime) -> bytes:
    recipient = {
        "account": str(ACCOUNT), "domain": str(DOMAIN), "alias": str(ALIAS), "address": alias_of(words),
        "lane": "standard", "destinations": [str(INBOX)],
    }  # fmt: skip
    envelope = json.dumps({
        "v": 1, "origin": "smtp", "reverse_path": sender_of(words), "authenticated": True, "smtputf8": False,
        "received_at": now.isoformat(), "client_ip": "192.0.2.1", "recipients": [recipient],
    }).encode()  # fmt: skip
    digest = blake2b(CONTENT + envelope, digest_size=16).digest()
    header = struct.pack("<4sIQ16s16s", b"CPR1", len(envelope), len(CONTENT), MESSAGE.bytes, digest)
    return header + CONTENT + envelope


async def lived(old: Any, words: Words, now: datetime, node: UUID) -> None:
    await configured(old, node)
    await put(
        old, "message", id=MESSAGE, account_id=ACCOUNT, domain_id=DOMAIN, alias_id=ALIAS, lane="standard",
        alias_address=alias_of(words), node_id=node, segment=SEGMENT, record_offset=0, origin="smtp",
        record_length=len(record(words, now)), reverse_path=sender_of(words), sender_authenticated=True,
    )  # fmt: skip
    await put(
        old, "delivery", id=DELIVERY, message_id=MESSAGE, account_id=ACCOUNT, destination_id=INBOX,
        address=f"{words.word('d')}@inbox.test", node_id=node, lane="standard", origin="smtp",
    )  # fmt: skip
    await logged(old, words, now)
    await put(
        old, "srs_token", token=token_of(words), address=sender_of(words), alias_address=alias_of(words),
        account_id=ACCOUNT, domain_id=DOMAIN, may_notify=True, expires_at=now + timedelta(days=3),
    )  # fmt: skip
    await put(
        old, "undelivered", account_id=ACCOUNT, day=now.date(), alias_address=alias_of(words),
        status="5.1.1", count=7,
    )  # fmt: skip


async def configured(old: Any, node: UUID) -> None:
    await put(old, "account", id=ACCOUNT, name="one", verification_token="x")
    await put(old, "domain", id=DOMAIN, account_id=ACCOUNT, name="shop.test", verified_at=datetime.now(UTC))
    await put(old, "alias", id=ALIAS, account_id=ACCOUNT, domain_id=DOMAIN, local_part="hello", note="")
    await put(
        old, "destination", id=INBOX, account_id=ACCOUNT, address="ann@inbox.test",
        confirmed_at=datetime.now(UTC),
    )  # fmt: skip
    await put(old, "alias_destination", alias_id=ALIAS, destination_id=INBOX)
    await put(old, "node", id=node)


async def logged(old: Any, words: Words, now: datetime) -> None:
    """A day with a partition, and one without: mail that waits, refusals that were counted together."""
    for table in ("log_message", "log_event"):
        day = now.date()
        await old.execute(
            f"create table {table}_{day:%Y%m%d} partition of {table} for values from ('{day} 00:00+00') "
            f"to ('{day + timedelta(days=1)} 00:00+00')"
        )
    refusals = f"550 5.0.0 41 more refusals in this hour {words.word('r')}"
    for message, at, kind, response in (
        (MESSAGE, now, "received", f"250 2.0.0 {words.word('r')}"),
        (LOGGED, now - timedelta(days=2), "refused", refusals),
    ):
        await put(
            old, "log_message", id=message, account_id=ACCOUNT, domain_id=DOMAIN, received_at=at,
            client_ip="192.0.2.1", client_name=words.word("c"), subject=words.word("s"),
            sender=sender_of(words), alias=alias_of(words),
        )  # fmt: skip
        await put(
            old, "log_event", message_id=message, account_id=ACCOUNT, received_at=at, at=at, type=kind,
            response=response, code="2.0.0", server_ip=words.word("c"), duration_ms=1, attempt=0,
        )  # fmt: skip


async def put(old: Any, table: str, **row: Any) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await old.execute(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())
