"""Destinations over HTTP: asked, confirmed, stopped; and who may ask how often."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

import workers.destinations
from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.ports import free_port
from customers import destinations, signed_links
from customers.letter_texts import ANSWER, EVEN_IF_STOPPED, STOP, WRITERS, Desk
from mailcore.rates import Rates
from tests.support.api import Tenant, World, running_api

ADDRESS = "you@inbox.test"


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "own", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def counting(database_url: str, tmp_path: Path, own_valkey: EmbeddedValkey) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path, redis_url=SecretStr(own_valkey.url)) as world:
        yield world


async def add(tenant: Tenant, address: str = ADDRESS) -> dict[str, Any]:
    answer = await tenant.http.post("/v1/destinations", json={"address": address})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def link(world: World, destination: dict[str, Any], purpose: str = ANSWER, days: float = 7) -> str:
    end = world.clock.now() + timedelta(days=days)
    return f"/destinations/{signed_links.make(world.runtime.keyring, purpose, UUID(destination['id']), end)}"


async def state(tenant: Tenant, destination: dict[str, Any]) -> str:
    return str((await tenant.http.get(f"/v1/destinations/{destination['id']}")).json()["state"])


async def letters(world: World) -> list[tuple[str, str]]:
    rows = await world.runtime.database.fetch("select kind, to_address from letter order by id")
    return [(row["kind"], row["to_address"]) for row in rows]


async def ask_new(world: World) -> None:
    """As upkeep does."""
    await workers.destinations.ask_new(world.runtime.database, world.clock, world.runtime.rates)


# --- confirming ---


async def test_a_new_destination_waits_for_the_yes_of_its_inbox(world: World, tenant: Tenant) -> None:
    made = await add(tenant)
    assert (made["state"], made["confirmed_at"], made["failing_since"]) == ("unconfirmed", None, None)
    await ask_new(world)
    await ask_new(world)
    assert await letters(world) == [("confirm-destination", ADDRESS)]
    page = await world.anonymous.get(link(world, made))
    assert page.status_code == 200
    assert await state(tenant, made) == "unconfirmed"
    assert (await world.anonymous.post(link(world, made), data={"answer": "confirm"})).status_code == 200
    assert await state(tenant, made) == "confirmed"
    told = "select data ->> 'state' from change where subject_id = $1 order by id desc limit 1"
    assert await world.runtime.database.value(told, UUID(made["id"])) == "confirmed"
    noted = "select action from audit_event where subject_id = $1 order by id"
    rows = await world.runtime.database.fetch(noted, UUID(made["id"]))
    assert [row["action"] for row in rows] == ["destination.created", "destination.confirmed"]


async def test_an_address_that_its_owner_signs_in_with_needs_no_asking(world: World, tenant: Tenant) -> None:
    made = await add(tenant, "ONE@owners.test")
    assert made["state"] == "confirmed"
    await ask_new(world)
    assert await letters(world) == []
    other = await world.tenant("two")
    assert (await add(other, "one@owners.test"))["state"] == "unconfirmed"


@pytest.mark.parametrize("token", ["x", "A" * 50, "%00"])
async def test_a_link_that_is_not_ours_does_nothing(world: World, token: str) -> None:
    for answer in (
        await world.anonymous.get(f"/destinations/{token}"),
        await world.anonymous.post(f"/destinations/{token}", data={"answer": "confirm"}),
    ):
        assert answer.status_code == 404
        assert "Traceback" not in answer.text


async def test_a_link_ends_after_its_time_and_with_its_destination(world: World, tenant: Tenant) -> None:
    made = await add(tenant)
    question = link(world, made)
    assert (await world.anonymous.post(question, data={"answer": "sing"})).status_code == 422
    world.clock.step(timedelta(days=7, seconds=1))
    assert (await world.anonymous.post(question, data={"answer": "confirm"})).status_code == 404
    assert await state(tenant, made) == "unconfirmed"
    fresh = link(world, made)
    await tenant.http.delete(f"/v1/destinations/{made['id']}")
    assert (await world.anonymous.post(fresh, data={"answer": "confirm"})).status_code == 404


async def test_the_link_to_stop_confirms_nothing(world: World, tenant: Tenant) -> None:
    made = await add(tenant)
    stop = link(world, made, STOP, days=3650)
    assert "Yes, forward" not in (await world.anonymous.get(stop)).text
    await world.anonymous.post(stop, data={"answer": "confirm"})
    assert await state(tenant, made) == "unconfirmed"


# --- stopping ---


async def test_stop_holds_for_all_accounts_and_for_good(world: World, tenant: Tenant) -> None:
    other = await world.tenant("two")
    made, theirs = await add(tenant), await add(other, "You@inbox.test")
    await world.anonymous.post(link(world, made), data={"answer": "stop"})
    assert (await state(tenant, made), await state(other, theirs)) == ("stopped", "stopped")
    await world.anonymous.post(link(world, theirs), data={"answer": "confirm"})
    assert await state(other, theirs) == "stopped"
    third = await world.tenant("three")
    refused = await third.http.post("/v1/destinations", json={"address": "YOU@inbox.test"})
    assert (refused.status_code, refused.json()["code"]) == (422, "destination_suppressed")
    domain = await third.claim("third.test")
    body = {"local_part": "hello", "destinations": [ADDRESS]}
    refused = await third.http.post(f"/v1/domains/{domain['id']}/aliases", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "destination_suppressed")
    assert made["id"] not in refused.text
    row = await world.runtime.database.row("select * from suppression")
    assert "inbox" not in str(dict(row))


async def test_a_stop_leaves_what_its_reader_forwards_to_themselves(world: World, tenant: Tenant) -> None:
    mine = await add(tenant, "one@owners.test")
    tagged = await add(tenant, "one+shop@owners.test")
    stranger = await add(await world.tenant("two"), "One+x@owners.test")
    page = await world.anonymous.post(link(world, stranger), data={"answer": "stop"})
    assert "accounts that you sign in to" in page.text
    assert (await state(tenant, mine), await state(tenant, tagged)) == ("confirmed", "stopped")
    third = await world.tenant("three")
    refused = await third.http.post("/v1/destinations", json={"address": "one+other@owners.test"})
    assert refused.json()["code"] == "destination_suppressed"
    stopped = "select address from destination where stopped_at is not null order by address"
    rows = await world.runtime.database.fetch(stopped)
    assert [row["address"] for row in rows] == ["One+x@owners.test", "one+shop@owners.test"]


async def test_whoever_signs_in_with_the_address_takes_a_stop_back(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant, email=ADDRESS)
    mine = await add(tenant)
    other = await world.tenant("two")
    theirs = await add(other)
    await world.anonymous.post(link(world, mine), data={"answer": "stop"})
    assert (await state(tenant, mine), await state(other, theirs)) == ("stopped", "stopped")
    assert (await person.http.delete("/v1/me/suppression")).status_code == 204
    assert (await state(tenant, mine), await state(other, theirs)) == ("confirmed", "stopped")
    assert await world.runtime.database.value("select count(*) from suppression") == 0
    query = "select action from audit_event where account_id = $1 order by id desc limit 2"
    rows = await world.runtime.database.fetch(query, tenant.id)
    assert [row["action"] for row in rows] == ["person.suppression-lifted", "destination.resumed"]
    refused = await tenant.http.delete("/v1/me/suppression")
    assert (refused.status_code, refused.json()["code"]) == (403, "person_needed")


def test_letters_about_the_safety_of_an_account_go_out_even_if_stopped() -> None:
    assert {"address-changed", "address-left", "account-claim", "account-deleted"} <= EVEN_IF_STOPPED


# --- asking again ---


async def test_asking_again_is_bounded_by_destination(counting: World) -> None:
    tenant = await counting.tenant()
    made = await add(tenant)
    path = f"/v1/destinations/{made['id']}/confirmation"
    codes = [(await tenant.http.post(path)).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    refused = await tenant.http.post(path)
    assert int(refused.headers["retry-after"]) > 3600
    assert len(await letters(counting)) == 3


async def test_asking_is_bounded_by_address_over_all_accounts(counting: World) -> None:
    for number in range(7):
        await add(await counting.tenant(f"n{number}"))
    await ask_new(counting)
    assert len(await letters(counting)) == 5
    await ask_new(counting)
    assert len(await letters(counting)) == 5, "it is not its turn yet"
    rows = await counting.runtime.database.fetch(
        "select asked_at is null as unasked, ask_after > now() + interval '1 hour' as later from destination "
        "order by 1, 2"
    )
    assert [tuple(row) for row in rows] == [(False, False)] * 5 + [(True, True)] * 2
    await counting.runtime.database.fetch("update destination set ask_after = now() returning id")
    await workers.destinations.ask_new(
        counting.runtime.database, counting.clock, Rates(None, counting.runtime.keyring)
    )
    assert len(await letters(counting)) == 7, "they are asked by themselves when it is"


async def test_one_that_cannot_be_asked_keeps_no_other(world: World, tenant: Tenant) -> None:
    for name in ("first", "second"):
        await add(tenant, f"{name}@inbox.test")
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "create function fail() returns trigger language plpgsql as $$ begin raise 'broken'; end $$"
        )
        await tx.execute(
            "create trigger broken before insert on letter for each row "
            "when (new.to_address = 'first@inbox.test') execute function fail()"
        )
    await ask_new(world)
    assert await letters(world) == [("confirm-destination", "second@inbox.test")]
    query = "select ask_after > now() from destination where address = 'first@inbox.test'"
    assert await world.runtime.database.value(query), "it is put off"


async def test_two_at_once_ask_once_and_count_once(counting: World) -> None:
    tenant = await counting.tenant()
    made = await add(tenant)
    await asyncio.gather(*(ask_new(counting) for _ in range(4)))
    assert await letters(counting) == [("confirm-destination", ADDRESS)]
    path = f"/v1/destinations/{made['id']}/confirmation"
    codes = [(await tenant.http.post(path)).status_code for _ in range(3)]
    assert codes == [200, 200, 429], "three a day, and one was asked"


async def test_only_who_has_not_answered_is_asked(world: World, tenant: Tenant) -> None:
    made = await add(tenant)
    await world.confirm()
    refused = await tenant.http.post(f"/v1/destinations/{made['id']}/confirmation")
    assert (refused.status_code, refused.json()["code"]) == (409, "destination_answered")
    foreign = await (await world.tenant("two")).http.post(f"/v1/destinations/{made['id']}/confirmation")
    assert foreign.status_code == 404


# --- letters ---


def desk(world: World) -> Desk:
    return Desk(world.runtime.keyring, "http://localhost:8025", world.clock.now())


def test_the_letter_names_at_most_five_aliases_and_is_short(world: World) -> None:
    named = "\n".join(f"a{number}@shop.test" for number in range(5))
    about = {"id": str(UUID(int=1)), "account": "Shop", "aliases": named, "more": 1}
    written = WRITERS["confirm-destination"](desk(world), about)
    text = "\n".join(written.lines)
    assert "a4@shop.test" in text
    assert "and others" in text
    assert text.count("http://localhost:8025/destinations/") == 2
    assert len(written.lines) <= 25


async def test_owners_hear_once_a_day_of_inboxes_that_fail(world: World, tenant: Tenant) -> None:
    await add(tenant)
    await world.confirm()
    database = world.runtime.database
    async with database.transaction() as tx:
        await tx.execute("update destination set failing_since = now()")

    async def tell() -> None:
        async with database.session() as session:
            for account_id in await destinations.accounts_to_tell(session):
                await destinations.tell_failing(session, world.clock, account_id)

    await tell()
    await tell()
    assert await letters(world) == [("destination-failing", "one@owners.test")]
    async with database.transaction() as tx:
        await tx.execute("update destination set told_failing_at = now() - interval '25 hours'")
    await tell()
    assert len(await letters(world)) == 2


async def test_the_list_says_how_many_aliases_forward_there(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    await tenant.alias(domain, "one")
    await tenant.alias(domain, "two", destinations=["you@inbox.test", "other@inbox.test"])
    await tenant.http.post("/v1/destinations", json={"address": "unused@inbox.test"})
    listed = (await tenant.http.get("/v1/destinations")).json()["data"]
    counts = {each["address"]: each["alias_count"] for each in listed}
    assert counts == {"you@inbox.test": 2, "other@inbox.test": 1, "unused@inbox.test": 0}
