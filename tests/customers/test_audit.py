"""What the audit log holds of a change, and that it comes and goes with the change."""

from collections.abc import AsyncIterator

import pytest

from customers import audit
from customers.audit import SERVICE, Actor, Subject
from customers.callers import Caller
from mailcore.clock import Clock
from mailcore.database import Tenant
from tests.support.world import World, prepared_world

CLOCK = Clock()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


async def test_a_line_says_who_did_what_to_what(world: World) -> None:
    account, key, subject = await world.account(), CLOCK.new_id(), CLOCK.new_id()
    doer = Actor.of(Caller(account.id, "key", key, "backup script"), "request-1")
    async with world.database.session(Tenant(account.id)) as session:
        audit.record(
            session, CLOCK, account.id, doer, "alias.changed", Subject(subject, "hello@shop.test"),
            enabled=False, note=None,
        )  # fmt: skip
    row = await world.database.row("select * from audit_event")
    assert (row["actor_kind"], row["actor_id"], row["actor"]) == ("key", key, "backup script")
    assert (row["action"], row["subject_id"], row["subject"]) == ("alias.changed", subject, "hello@shop.test")
    assert (row["account_id"], row["request_id"]) == (account.id, "request-1")
    assert row["detail"] == '{"enabled": false}', "what was not given is not told"


async def test_a_line_is_lost_with_its_change(world: World) -> None:
    account = await world.account()

    async def fail() -> None:
        async with world.database.session(Tenant(account.id)) as session:
            audit.record(session, CLOCK, account.id, SERVICE, "account.changed", Subject(account.id))
            await session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await world.count("audit_event") == 0


async def test_the_services_own_log_belongs_to_no_account(world: World) -> None:
    async with world.database.session() as session:
        audit.record(session, CLOCK, None, SERVICE, "staff.added", Subject(None, "ada@staff.test"))
    account = await world.account()
    async with world.database.transaction(tenant=Tenant(account.id)) as tx:
        assert await tx.value("select count(*) from audit_event") == 0
    assert await world.count("audit_event") == 1
