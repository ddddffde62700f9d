"""Whose a forward-path is: mail to the roles of a domain goes to an owner who wants mail from us."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailcore import suppression
from mailcore.envelope import Mailbox
from mailcore.keyring import Keyring
from mailcore.routing import NoSuchAlias, Resolution, Resolved, Routes
from tests.support.world import World, prepared_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


async def test_mail_to_postmaster_passes_by_owners_who_want_no_mail_from_us(
    world: World, tmp_path: Path
) -> None:
    keyring = Keyring(tmp_path / "keys")
    account = await world.account("one")
    await world.domain(account, "shop.test")
    person = world.clock.new_id()
    await world.execute("insert into person (id, email) values ($1, 'bea@owners.test')", person)
    await world.execute(
        "insert into membership (id, account_id, person_id, role) values ($1, $2, $3, 'owner')",
        *(world.clock.new_id(), account.id, person),
    )

    async def reached() -> Resolution:
        mailbox = Mailbox("postmaster", "shop.test")
        return await Routes(world.database, keyring).resolve(mailbox, world.clock.now())

    async def stop(address: str) -> None:
        async with world.database.session() as session:
            await suppression.add(session, keyring, address)

    for owner in ("one@owners.test", "bea@owners.test"):
        found = await reached()
        assert isinstance(found, Resolved)
        assert [each.address for each in found.recipient.destinations] == [owner]
        await stop(owner)
    assert isinstance(await reached(), NoSuchAlias)


async def test_those_who_take_reports_of_spam_take_them_whatever_they_hold(
    world: World, tmp_path: Path
) -> None:
    """An alias of that name as well."""
    domain = await world.domain(await world.account("one"), "shop.test")
    await world.alias(domain, "abuse", "you@inbox.test")
    await world.alias(domain, "hello", "you@inbox.test")
    keyring = Keyring(tmp_path / "keys")
    routes, thresholds = Routes(world.database, keyring), []
    for name in ("hello", "Abuse", "postmaster"):
        found = await routes.resolve(Mailbox(name, "shop.test"), world.clock.now())
        assert isinstance(found, Resolved)
        thresholds.append(found.recipient.rules.spam_threshold)
    assert thresholds == [15.0, None, None]
