"""Another address to sign in with: proved by its mail, where it was asked for, and undone by the old one."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from customers import people, sign_up, signed_links
from customers.letter_texts import WRITERS, Desk
from tests.support.api import SignedInPerson, Tenant, World

NEW = "new@people.test"


@pytest.fixture
async def person(world: World, tenant: Tenant) -> SignedInPerson:
    return await world.person(tenant, role="admin", email="old@people.test")


async def link_to(world: World, address: str) -> str:
    """The path of the link in the newest letter to this address."""
    row = await world.runtime.database.row(
        "select * from letter where to_address = $1 order by id desc limit 1", address
    )
    desk = Desk(world.runtime.keyring, world.runtime.settings.web_url, row["created_at"])
    lines = WRITERS[row["kind"]](desk, json.loads(row["about"])).lines
    url = next(line.strip() for line in lines if "/auth/address/" in line)
    return url.removeprefix(world.runtime.settings.web_url)


async def ask(person: SignedInPerson, email: str = NEW) -> None:
    answer = await person.http.post("/v1/me/email", json={"email": email})
    assert answer.status_code == 204, answer.text


async def address_of(world: World, person: SignedInPerson) -> str:
    return str(await world.runtime.database.value("select email from person where id = $1", person.id))


async def test_the_link_to_the_new_address_changes_it_and_opening_does_not(
    world: World, tenant: Tenant, person: SignedInPerson
) -> None:
    elsewhere = await world.person(tenant, email="old@people.test")
    await ask(person)
    path = await link_to(world, NEW)
    assert NEW in (await person.http.get(path)).text
    assert await address_of(world, person) == "old@people.test"
    assert (await person.http.post(path)).status_code == 200
    assert await address_of(world, person) == NEW
    assert (await person.http.post(path)).status_code == 410
    assert (await elsewhere.http.get("/v1/me")).status_code == 401
    assert (await person.http.get("/v1/me")).json()["email"] == NEW
    audited = await world.runtime.database.row("select actor, action, subject from audit_event")
    assert tuple(audited) == ("old@people.test", "person.address-changed", NEW)


async def test_the_link_works_only_in_the_session_that_asked(
    world: World, tenant: Tenant, person: SignedInPerson
) -> None:
    await ask(person)
    path = await link_to(world, NEW)
    other = await world.person(tenant, email="other@people.test")
    for browser in (other.http, world.browser()):
        assert (await browser.get(path)).status_code == 410
        assert (await browser.post(path)).status_code == 410
    assert await address_of(world, person) == "old@people.test"


async def test_an_address_that_somebody_has_is_not_taken_from_them(
    world: World, tenant: Tenant, person: SignedInPerson
) -> None:
    await ask(person, "one@owners.test")
    refused = await person.http.post(await link_to(world, "one@owners.test"))
    assert refused.status_code == 410
    assert await address_of(world, person) == "old@people.test"


async def test_the_old_address_takes_it_back_for_a_week(
    world: World, tenant: Tenant, person: SignedInPerson
) -> None:
    await ask(person)
    await person.http.post(await link_to(world, NEW))
    undo = await link_to(world, "old@people.test")
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "insert into identity (id, person_id, issuer, subject) values ($1, $2, 'https://id.test', 's')",
            world.clock.new_id(),
            person.id,
        )
    world.clock.step(timedelta(days=6))
    visitor = world.browser()
    assert "old@people.test" in (await visitor.get(undo)).text
    assert (await visitor.post(undo)).status_code == 200
    assert await address_of(world, person) == "old@people.test"
    assert (await person.http.get("/v1/me")).status_code == 401
    assert await world.runtime.database.value("select count(*) from identity") == 0
    assert (await visitor.post(undo)).status_code == 410


async def test_both_links_end(world: World, person: SignedInPerson) -> None:
    await ask(person)
    path = await link_to(world, NEW)
    world.clock.step(timedelta(hours=1))
    assert (await person.http.post(path)).status_code == 410


async def test_a_link_of_one_kind_is_none_of_the_other(world: World, person: SignedInPerson) -> None:
    await ask(person)
    token = (await link_to(world, NEW)).rpartition("/")[2]
    assert (await person.http.post(f"/auth/address/undo/{token}")).status_code == 410


async def test_a_session_that_signed_in_long_ago_asks_for_nothing(
    world: World, person: SignedInPerson
) -> None:
    world.clock.step(timedelta(minutes=11))
    refused = await person.http.post("/v1/me/email", json={"email": NEW})
    assert (refused.status_code, refused.json()["code"]) == (403, "sign_in_again")


@pytest.mark.parametrize("email", ["nobody", "old@people.test", "OLD@people.test"])
async def test_what_is_no_other_address_is_refused(person: SignedInPerson, email: str) -> None:
    refused = await person.http.post("/v1/me/email", json={"email": email})
    assert (refused.status_code, refused.json()["code"]) == (422, "address_invalid")


async def test_an_address_that_was_left_waits_a_week_for_whoever_left_it(
    world: World, tenant: Tenant, person: SignedInPerson
) -> None:
    await ask(person)
    await person.http.post(await link_to(world, NEW))
    victim = world.browser()
    assert (await victim.post("/auth/link", data={"email": "old@people.test"})).status_code == 200
    undo = await link_to(world, "old@people.test")
    assert undo.startswith("/auth/address/undo/")
    invited = await person.http.post("/v1/invitations", json={"email": "old@people.test"})
    end = world.clock.now() + timedelta(days=7)
    token = signed_links.make(world.runtime.keyring, "invitation", UUID(invited.json()["id"]), end)
    assert (await victim.post(f"/invitations/{token}")).status_code == 410
    async with world.runtime.database.session() as session:
        assert await sign_up.admit(session, world.clock, "open", email="old@people.test") is None
    assert (await victim.post(undo)).status_code == 200
    assert await address_of(world, person) == "old@people.test"


async def test_an_undo_that_is_refused_works_later(world: World, person: SignedInPerson) -> None:
    await ask(person)
    await person.http.post(await link_to(world, NEW))
    undo = await link_to(world, "old@people.test")
    async with world.runtime.database.session() as session:
        other = await people.ensure(session, world.clock, "old@people.test")
    assert (await world.browser().post(undo)).status_code == 410
    async with world.runtime.database.transaction() as tx:
        await tx.execute("delete from person where id = $1", other.id)
    assert (await world.browser().post(undo)).status_code == 200
    assert await address_of(world, person) == "old@people.test"
