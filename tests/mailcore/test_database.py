"""One commit, and what became of it when its answer was cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from mailcore.clock import Clock
from mailcore.database import (
    CONNECTION_LOST,
    Aborted,
    Database,
    LaneOfNode,
    Trace,
    is_transient,
    sqlalchemy_url,
    tell_after_commit,
    wake_after_commit,
)
from mailcore.plans import Lane
from tests.support.tcp_proxy import PostgresProxy

NODE = Clock().new_id()
INSERT = "insert into node (id) values ($1)"


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with PostgresProxy(database_url) as proxy:
        yield proxy


@pytest.fixture
async def database(proxy: PostgresProxy) -> AsyncIterator[Database]:
    database = await Database.open(proxy.url, size=2)
    yield database
    await database.close()


async def insert(database: Database, *, certain: bool = True) -> None:
    async with database.transaction(certain=certain) as tx:
        await tx.execute("set local idle_in_transaction_session_timeout = '300ms'")
        await tx.execute(INSERT, NODE)


async def nodes(database: Database) -> int:
    return int(await database.value("select count(*) from node"))


async def test_a_transaction_is_committed_at_its_end(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(INSERT, NODE)
    assert await nodes(database) == 1


async def test_an_exception_rolls_everything_back_and_wakes_nobody(proxy: PostgresProxy) -> None:
    woken: list[frozenset[LaneOfNode]] = []
    database = await Database.open(proxy.url, wake=woken.append)

    async def fail() -> None:
        async with database.transaction() as tx:
            await tx.execute(INSERT, NODE)
            tx.wake(NODE, Lane.FAST)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await nodes(database) == 0
    assert woken == []
    async with database.transaction() as tx:
        tx.wake(NODE, Lane.FAST)
        tx.wake(NODE, Lane.FAST)
        assert woken == [], "not before the commit"
    assert woken == [frozenset({LaneOfNode(NODE, Lane.FAST)})]
    await database.close()


async def test_a_session_wakes_after_its_commit_only(proxy: PostgresProxy) -> None:
    woken: list[frozenset[LaneOfNode]] = []
    database = await Database.open(proxy.url, wake=woken.append)

    async def fail() -> None:
        async with database.session() as session:
            wake_after_commit(session, NODE, Lane.FAST)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert woken == []
    async with database.session() as session:
        wake_after_commit(session, NODE, Lane.FAST)
    assert woken == [frozenset({LaneOfNode(NODE, Lane.FAST)})]
    await database.close()


async def test_pages_are_told_after_a_commit_only(proxy: PostgresProxy) -> None:
    told: list[str] = []
    database = await Database.open(proxy.url, tell=lambda: told.append("look"))

    async def fail(*, by_session: bool) -> None:
        if by_session:
            async with database.session() as session:
                tell_after_commit(session)
                raise KeyError
        async with database.transaction() as tx:
            tx.tell()
            raise KeyError

    for by_session in (True, False):
        with pytest.raises(KeyError):
            await fail(by_session=by_session)
    assert told == []
    async with database.transaction() as tx:
        tx.tell()
        assert told == [], "not before the commit"
    async with database.session() as session:
        tell_after_commit(session)
    async with database.transaction():
        pass
    assert told == ["look", "look"]
    await database.close()


async def test_a_commit_whose_answer_was_cut_is_committed(proxy: PostgresProxy, database: Database) -> None:
    proxy.cut_next("after")
    async with database.transaction(certain=True) as tx:
        await tx.execute(INSERT, NODE)
    assert proxy.cuts == 1
    assert await nodes(database) == 1


async def test_a_commit_that_never_arrived_is_aborted(proxy: PostgresProxy, database: Database) -> None:
    proxy.cut_next("before")
    with pytest.raises(Aborted):
        await insert(database)
    assert proxy.cuts == 1
    assert await nodes(database) == 0


async def test_a_connection_that_breaks_once_it_has_committed_fails_nobody(database: Database) -> None:
    """The mail is accepted: to say 451 now, and throw its bytes away, would lose it. Nor is it used again."""
    broken = asyncio.Event()

    async with database.transaction(certain=True) as tx:
        connection = tx.connection

        def break_after_commit(done: asyncpg.connection.LoggedQuery) -> None:
            if done.query.startswith("COMMIT"):
                connection.terminate()
                broken.set()

        connection.add_query_logger(break_after_commit)
        await tx.execute(INSERT, NODE)
    await broken.wait()
    assert await nodes(database) == 1


async def test_a_connection_is_given_back_without_a_word_to_the_server(
    proxy: PostgresProxy, database: Database
) -> None:
    """It would cost more than most statements, and nothing outlives its transaction here."""
    proxy.cut_next("before", at=b"RESET ALL")
    await insert(database)
    await nodes(database)
    assert proxy.cuts == 0


async def test_a_block_that_hides_a_failed_statement_is_not_taken_for_committed(database: Database) -> None:
    async def hide() -> None:
        async with database.transaction() as tx:
            await tx.execute(INSERT, NODE)
            with suppress(asyncpg.PostgresError):
                await tx.execute("select 1 / 0")

    with pytest.raises(Aborted):
        await hide()
    assert await nodes(database) == 0


async def test_without_certainty_a_cut_commit_counts_as_not_done(
    proxy: PostgresProxy, database: Database
) -> None:
    proxy.cut_next("after")
    with pytest.raises(Aborted):
        await insert(database, certain=False)
    assert await nodes(database) == 1


async def test_the_outcome_is_asked_until_the_database_is_back(
    proxy: PostgresProxy, database: Database
) -> None:
    async def commit() -> None:
        async with database.transaction(certain=True) as tx:
            await tx.execute(INSERT, NODE)
            proxy.cut_next("after", and_go_down=True)

    committing = asyncio.create_task(commit())
    done, _ = await asyncio.wait({committing}, timeout=0.5)
    assert not done
    proxy.come_up()
    await committing
    assert await nodes(database) == 1


async def test_a_transaction_in_progress_has_no_outcome_yet(database: Database) -> None:
    async with database.transaction(certain=True) as tx:
        assert tx.trace
        asking = asyncio.create_task(database.outcome_of(tx.trace))
        done, _ = await asyncio.wait({asking}, timeout=0.5)
        assert not done
    assert await asking is True


async def test_a_transaction_id_of_the_future_was_not_committed_here(database: Database) -> None:
    """The database was restored to a moment before it."""
    assert await database.outcome_of(Trace("9999999999")) is False


async def test_a_transaction_the_network_forgot_ends_by_itself(
    proxy: PostgresProxy, database: Database
) -> None:
    """The server is left with an open transaction and hears nothing more: its locks must not stay."""
    proxy.cut_next("silent")
    with pytest.raises(Aborted):
        await insert(database)
    assert await nodes(database) == 0


async def test_sessions_of_the_mail_path_are_durable_and_never_wait_for_ever(database: Database) -> None:
    for setting, value in {
        "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": "20s",
        "lock_timeout": "10s",
        "timezone": "UTC",
    }.items():
        assert await database.value(f"show {setting}") == value


async def test_sessions_never_wait_for_ever_either(database: Database) -> None:
    async with database.session() as session:
        shown = await (await session.connection()).exec_driver_sql("show lock_timeout")
        assert shown.scalar() == "10s"


async def test_a_pool_without_a_free_connection_counts_as_a_lost_one(database_url: str) -> None:
    database = await Database.open(database_url, size=1, patience=0.05)
    async with database.transaction():
        for asked in (
            nodes(database),
            insert(database),
            database.fetch("select 1"),
            database.row("select 1"),
        ):
            with pytest.raises(CONNECTION_LOST):
                await asked
    assert await nodes(database) == 0
    await database.close()


async def test_a_cut_connection_is_known_as_such(proxy: PostgresProxy, database: Database) -> None:
    proxy.go_down()
    with pytest.raises(CONNECTION_LOST):
        await nodes(database)
    with pytest.raises(CONNECTION_LOST):
        await insert(database)
    proxy.come_up()
    assert await nodes(database) == 0


async def insert_twice(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("set local lock_timeout = '10ms'")
        await tx.execute(INSERT, NODE)
        await tx.execute(INSERT, NODE)


async def test_a_lock_that_is_not_to_be_had_may_be_tried_again(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("lock table node")
        with pytest.raises(asyncpg.LockNotAvailableError) as locked:
            await insert_twice(database)
    assert is_transient(locked.value)
    with pytest.raises(asyncpg.UniqueViolationError) as wrong:
        await insert_twice(database)
    assert not is_transient(wrong.value)


async def test_what_is_deleted_in_batches_is_all_that_was_meant_and_nothing_else(database: Database) -> None:
    """Of a partitioned table as well, whose partitions hold rows of the same place."""
    async with database.transaction() as tx:
        await tx.execute("create table kept (n int, day int) partition by list (day)")
        for day in (1, 2, 3):
            await tx.execute(f"create table kept_{day} partition of kept for values in ({day})")
        await tx.execute(
            "insert into kept select n, day from generate_series(1, 10) n, (values (1), (2), (3)) d (day)"
        )
    assert await database.delete_in_batches("kept", "day < $1 and n <> $2", 3, 7, batch=4) == 18
    left = "select array_agg((day, n)::text order by day, n) from kept where day < 3"
    assert await database.value(left) == ["(1,7)", "(2,7)"]
    assert await database.value("select count(*) from kept where day = 3") == 10
    assert await database.delete_in_batches("kept", "day < $1 and n <> $2", 3, 7) == 0


async def test_a_batch_that_fails_takes_none_back_of_those_before(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("create table kept (n int)")
        await tx.execute("insert into kept select generate_series(1, 10)")
        await tx.execute(
            "create function refuse() returns trigger language plpgsql as "
            "$$ begin if old.n = 7 then raise 'no'; end if; return old; end $$"
        )
        await tx.execute("create trigger seven before delete on kept for each row execute function refuse()")
    with pytest.raises(asyncpg.RaiseError):
        await database.delete_in_batches("kept", "n > 0", batch=3)
    assert await database.value("select count(*) from kept") == 4


def test_both_doors_lead_to_the_same_database() -> None:
    assert sqlalchemy_url("postgresql://u:p@h:1/d") == "postgresql+asyncpg://u:p@h:1/d"
    assert sqlalchemy_url("postgres://u:p@h:1/d") == "postgresql+asyncpg://u:p@h:1/d"
