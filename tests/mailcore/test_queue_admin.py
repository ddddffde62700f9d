"""An operator's hand on the queue: only what was chosen changes, and nothing is sent or lost by it."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from mailcore import ledger, queue_admin
from mailcore.queue_admin import Choice
from mailcore.routing import Recipient
from mailcore.settlement import Result
from tests.support.ground import Ground, ground, settlement

EVERYTHING = Choice(domain="one.test")


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as opened:
        yield opened


async def accept(here: Ground, *recipients: Recipient) -> UUID:
    submission = here.submission(*recipients)
    assert not (await here.acceptance.accept(submission)).is_refusal
    return submission.id


@pytest.fixture
async def two(here: Ground) -> tuple[UUID, UUID]:
    """One message each for one.test and two.test."""
    return await accept(here, await here.recipient("one")), await accept(here, await here.recipient("two"))


async def states(here: Ground) -> dict[UUID, str]:
    rows = await here.database.fetch("select message_id, state from delivery")
    return {row["message_id"]: row["state"] for row in rows}


async def test_holding_a_domain_holds_its_deliveries_alone(here: Ground, two: tuple[UUID, UUID]) -> None:
    async with here.database.transaction() as tx:
        assert await queue_admin.hold(tx, EVERYTHING) == 1
    assert await states(here) == {two[0]: "held", two[1]: "waiting"}
    assert [claimed.message_id for claimed in await here.claim()] == [two[1]]


async def test_released_deliveries_are_due_now(here: Ground, two: tuple[UUID, UUID]) -> None:
    async with here.database.transaction() as tx:
        await queue_admin.hold(tx, EVERYTHING)
        await tx.execute("update delivery set next_attempt_at = now() + interval '1 hour'")
    async with here.database.transaction() as tx:
        assert await queue_admin.release(tx, EVERYTHING) == 1
        assert {(w.node_id, w.lane) for w in tx.woken} == {(here.spool.node_id, "standard")}
    assert [claimed.message_id for claimed in await here.claim()] == [two[0]]


async def test_retrying_hastens_what_waits_and_leaves_what_is_held(
    here: Ground, two: tuple[UUID, UUID]
) -> None:
    async with here.database.transaction() as tx:
        await queue_admin.hold(tx, Choice(ids=[two[1]]))
        await tx.execute("update delivery set next_attempt_at = now() + interval '1 hour', failures = 3")
    async with here.database.transaction() as tx:
        assert await queue_admin.retry(tx, Choice(ids=two)) == 1
    (claimed,) = await here.claim()
    assert (claimed.message_id, claimed.failures) == (two[0], 3)


async def test_a_provider_is_chosen_by_where_the_last_attempt_went(
    here: Ground, two: tuple[UUID, UUID]
) -> None:
    await here.world.execute("update delivery set provider = 'bad.test' where message_id = $1", two[1])
    async with here.database.transaction() as tx:
        assert await queue_admin.hold(tx, Choice(provider="bad.test")) == 1
    assert await states(here) == {two[0]: "waiting", two[1]: "held"}


async def test_conditions_add_up(here: Ground, two: tuple[UUID, UUID]) -> None:
    async with here.database.transaction() as tx:
        assert await queue_admin.hold(tx, Choice(ids=[two[1]], domain="one.test")) == 0


async def test_a_delivery_held_during_its_attempt_is_not_tried_again(
    here: Ground, two: tuple[UUID, UUID]
) -> None:
    first, second = sorted(await here.claim(), key=lambda claimed: two.index(claimed.message_id))
    async with here.database.transaction() as tx:
        assert await queue_admin.hold(tx, Choice(ids=two)) == 2
    await here.settler.settle(Result(settlement(first, "delivered")))
    await here.settler.settle(Result(settlement(second, "soft-bounced")))
    assert await states(here) == {two[1]: "held"}
    await here.world.execute("update delivery set next_attempt_at = now()")
    assert await here.claim() == []


async def test_failing_ends_on_the_ordinary_path(here: Ground, two: tuple[UUID, UUID]) -> None:
    async with here.database.transaction() as tx:
        await queue_admin.hold(tx, EVERYTHING)
    async with here.database.transaction() as tx:
        (claimed,) = await queue_admin.take(tx, EVERYTHING, here.spool.node_id, here.clock.new_id(), 10)
    assert (claimed.address, claimed.attempt) == ("", 1)
    await here.settler.settle(Result(queue_admin.failed(claimed)))
    assert await states(here) == {two[1]: "waiting"}
    (event,) = await here.world.logged_events("type = 'hard-bounced'")
    assert (event.code, event.attempt, event.message_id) == ("5.3.0", 1, two[0])
    assert event.response == "failed by the operator of this service"
    assert [line.difference for line in await ledger.balance(here.database)] == [0]
    assert await here.count("message") == 1


async def test_an_attempt_under_way_is_not_failed(here: Ground, two: tuple[UUID, UUID]) -> None:
    await here.claim()
    async with here.database.transaction() as tx:
        assert await queue_admin.take(tx, EVERYTHING, here.spool.node_id, here.clock.new_id(), 10) == []


async def test_another_node_s_mail_is_not_failed_here(here: Ground, two: tuple[UUID, UUID]) -> None:
    async with here.database.transaction() as tx:
        assert await queue_admin.take(tx, EVERYTHING, here.clock.new_id(), here.clock.new_id(), 10) == []
    assert await queue_admin.count(here.database, EVERYTHING) == 1


async def test_the_list_shows_ids_and_states(here: Ground, two: tuple[UUID, UUID]) -> None:
    async with here.database.transaction() as tx:
        await queue_admin.hold(tx, EVERYTHING)
    rows = await queue_admin.waiting(here.database, Choice())
    assert [(row.message_id, row.state, row.in_flight) for row in rows] == [
        (two[0], "held", False), (two[1], "waiting", False),
    ]  # fmt: skip
    (held,) = await queue_admin.waiting(here.database, Choice(), state="held")
    assert held.message_id == two[0]
    assert len(await queue_admin.waiting(here.database, Choice(), limit=1)) == 1
