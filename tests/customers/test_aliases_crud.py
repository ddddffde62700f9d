"""Aliases and destinations below HTTP: what deleting does to mail that waits, and what the mx then sees."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from mailcore.database import LaneOfNode
from mailcore.envelope import Mailbox
from mailcore.plans import Lane
from mailcore.routing import NoSuchAlias, NotServed, Resolved, Routes
from tests.support.api import Tenant, World, running_api

NAME = "example.test"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def tenant(world: World) -> Tenant:
    return await world.tenant()


async def verified(world: World, tenant: Tenant) -> dict[str, Any]:
    domain = await tenant.claim(NAME)
    world.publish(NAME, tenant)
    checked: dict[str, Any] = (await tenant.http.post(f"/v1/domains/{domain['id']}/check")).json()
    assert checked["state"] == "verified"
    return checked


async def seen(world: World, local_part: str) -> Any:
    routes = Routes(world.runtime.database, world.runtime.keyring)
    return await routes.resolve(Mailbox(local_part, NAME), world.clock.now())


_MESSAGE = """
insert into message (id, account_id, domain_id, alias_id, recipient, lane, node_id, segment, record_offset,
    record_length, origin)
values ($1, $2, $3, $4, 0, $5, $6, $1, 0, 1, 'smtp')
"""

_DELIVERY = """
insert into delivery (id, message_id, account_id, destination_id, node_id, lane, origin,
    lease_owner, next_attempt_at)
values ($1, $2, $3, $4, $5, $6, 'smtp', $7, now() + interval '1 hour')
"""


async def waiting(
    world: World, alias: dict[str, Any], lane: Lane, *, leased: bool = False
) -> tuple[UUID, UUID]:
    """A message to the alias that waits an hour for each of its destinations: its node and its id."""
    node, message, account = uuid4(), uuid4(), await world.runtime.database.value("select id from account")
    domain, owner = UUID(alias["domain_id"]), uuid4() if leased else None
    async with world.runtime.database.transaction() as tx:
        await tx.execute("insert into node (id) values ($1)", node)
        await tx.execute(_MESSAGE, message, account, domain, UUID(alias["id"]), lane, node)
        for destination in alias["destinations"]:
            inbox = UUID(destination["id"])
            await tx.execute(_DELIVERY, uuid4(), message, account, inbox, node, lane, owner)
    return node, message


async def due(world: World, message: UUID) -> list[bool]:
    rows = await world.runtime.database.fetch(
        "select next_attempt_at <= now() as due from delivery where message_id = $1", message
    )
    return [row["due"] for row in rows]


async def test_the_mx_sees_every_change_at_once(world: World, tenant: Tenant) -> None:
    domain = await verified(world, tenant)
    alias = await tenant.alias(domain, "Hello")
    await world.confirm()
    found = await seen(world, "HELLO+tag")
    assert isinstance(found, Resolved)
    assert [each.address for each in found.recipient.destinations] == ["you@inbox.test"]
    await tenant.http.patch(f"/v1/aliases/{alias['id']}", json={"enabled": False})
    paused = await seen(world, "hello")
    assert isinstance(paused, Resolved)
    assert not paused.enabled
    await tenant.http.delete(f"/v1/aliases/{alias['id']}")
    assert isinstance(await seen(world, "hello"), NoSuchAlias)
    await tenant.http.delete(f"/v1/domains/{domain['id']}")
    assert isinstance(await seen(world, "hello"), NotServed)


async def test_an_alias_without_destinations_forwards_nowhere(world: World, tenant: Tenant) -> None:
    alias = await tenant.alias(await verified(world, tenant))
    path = f"/v1/destinations/{alias['destinations'][0]['id']}"
    assert (await tenant.http.delete(path)).status_code == 409  # the API leaves none so
    async with world.runtime.database.transaction() as tx:
        await tx.execute("delete from destination")
    found = await seen(world, "hello")
    assert isinstance(found, Resolved)
    assert (found.recipient.destinations, found.expected) == ((), False)


@pytest.mark.parametrize("what", ["aliases", "domains"])
async def test_deleting_makes_waiting_mail_due_and_wakes_its_lanes(
    world: World, tenant: Tenant, what: str
) -> None:
    alias = await tenant.alias(await tenant.claim(NAME), destinations=["a@inbox.test", "b@inbox.test"])
    first, one = await waiting(world, alias, Lane.STANDARD)
    second, two = await waiting(world, alias, Lane.FAST)
    world.woken.clear()
    identifier = alias["id"] if what == "aliases" else alias["domain_id"]
    assert (await tenant.http.delete(f"/v1/{what}/{identifier}")).status_code == 204
    assert await due(world, one) == await due(world, two) == [True, True]
    assert world.woken == [frozenset({LaneOfNode(first, Lane.STANDARD), LaneOfNode(second, Lane.FAST)})]


async def test_deleting_a_destination_hastens_only_its_own_deliveries(world: World, tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim(NAME), destinations=["a@inbox.test", "b@inbox.test"])
    node, message = await waiting(world, alias, Lane.STANDARD)
    world.woken.clear()
    await tenant.http.delete(f"/v1/destinations/{alias['destinations'][0]['id']}")
    assert sorted(await due(world, message)) == [False, True]
    assert world.woken == [frozenset({LaneOfNode(node, Lane.STANDARD)})]


async def test_a_delivery_under_way_is_left_to_its_owner(world: World, tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim(NAME))
    _, message = await waiting(world, alias, Lane.STANDARD, leased=True)
    world.woken.clear()
    await tenant.http.delete(f"/v1/aliases/{alias['id']}")
    assert await due(world, message) == [False]
    assert world.woken == []


async def test_nothing_is_woken_when_nothing_was_committed(world: World, tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim(NAME))
    await waiting(world, alias, Lane.STANDARD)
    other = await world.tenant("two")
    world.woken.clear()
    assert (await other.http.delete(f"/v1/aliases/{alias['id']}")).status_code == 404
    assert world.woken == []
