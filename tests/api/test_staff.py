"""Staff: marked on the server, in by passkey only, reading figures and no log; each look is written down."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from customers import staff
from customers.audit import Actor
from mailcore.database import Staff
from tests.support.api import SignedInPerson, Tenant, World
from tests.support.authenticator import Authenticator

EMAIL = "sam@staff.test"
OPERATOR = Actor("service", "operator")


async def add_passkey(person: SignedInPerson, key: Authenticator) -> httpx.Response:
    asked = await person.http.post("/v1/me/passkeys/options")
    if asked.status_code != 200:
        return asked
    body = {"name": "Key", "credential": key.create(asked.json())}
    return await person.http.post("/v1/me/passkeys", json=body)


async def sign_in(browser: httpx.AsyncClient, key: Authenticator) -> httpx.Response:
    options = (await browser.post("/staff/v1/session/options")).json()
    return await browser.post("/staff/v1/session", json={"credential": key.get(options)})


async def mark(world: World, email: str = EMAIL) -> None:
    async with world.runtime.database.session() as session:
        await staff.add(session, world.clock, email, OPERATOR)


@pytest.fixture
async def sam(world: World) -> httpx.AsyncClient:
    """A browser of staff who is signed in."""
    await mark(world)
    key = Authenticator()
    assert (await add_passkey(await world.person(email=EMAIL), key)).status_code == 201
    browser = world.browser()
    done = await sign_in(browser, key)
    assert done.status_code == 204, done.text
    return browser


async def lines(world: World, account: Any = None) -> list[tuple[str, str, str]]:
    rows = await world.runtime.database.fetch(
        "select actor_kind, actor, action from audit_event where account_id is not distinct from $1 "
        "order by id",
        account,
    )
    return [tuple(row) for row in rows]


async def test_staff_find_an_account_by_name_domain_and_member(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    await world.tenant("other")
    await tenant.claim("shop.test")
    for wanted in ("one", "SHOP.te", "one@owners.test"):
        found = await sam.get("/staff/v1/accounts", params={"q": wanted})
        assert [each["id"] for each in found.json()["data"]] == [str(tenant.id)], wanted
    assert (await sam.get("/staff/v1/accounts", params={"q": "%%"})).json()["data"] == []


async def test_each_look_at_an_account_is_in_its_audit_log_and_in_the_services(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    seen = await sam.get(f"/staff/v1/accounts/{tenant.id}")
    assert seen.status_code == 200
    assert seen.json()["account"]["name"] == "one"
    assert seen.json()["members"] == 1
    own = (await tenant.http.get("/v1/audit")).json()["data"]
    assert [(each["actor_kind"], each["actor"], each["action"]) for each in own] == [
        ("staff", EMAIL, "account.viewed")
    ]
    listed = (await sam.get("/staff/v1/audit")).json()["data"]
    assert [each["action"] for each in listed] == [
        "account.viewed",
        "staff.signed-in",
        "passkey.added",
        "staff.added",
    ]


async def test_a_search_is_written_down_without_its_words(world: World, sam: httpx.AsyncClient) -> None:
    await sam.get("/staff/v1/accounts", params={"q": "secret@person.test"})
    row = await world.runtime.database.row("select * from audit_event where action = 'accounts.searched'")
    assert "secret@person.test" not in str(dict(row))


async def test_a_persons_own_pages_list_no_session_of_staff(world: World, sam: httpx.AsyncClient) -> None:
    world.clock.step(timedelta(seconds=1))
    person = await world.person(email=EMAIL)
    listed = (await person.http.get("/v1/me/sessions")).json()["data"]
    assert [each["method"] for each in listed] == ["link", "link"], "the passkey of their staff session"


async def test_nothing_of_a_customer_opens_the_staffs_door(world: World, tenant: Tenant) -> None:
    await mark(world)
    person = await world.person(tenant, email=EMAIL)  # staff, but signed in as a customer
    paths = ("/me", "/accounts?q=one", f"/accounts/{tenant.id}", "/audit")
    for http in (person.http, tenant.http, world.anonymous):
        for path in paths:
            assert (await http.get(f"/staff/v1{path}")).status_code == 401, path
    cookie = {"Cookie": f"clearpost_staff={person.secret}"}
    assert (await world.browser().get("/staff/v1/me", headers=cookie)).status_code == 401


async def test_the_staffs_cookie_opens_nothing_of_a_customer(world: World, sam: httpx.AsyncClient) -> None:
    secret = sam.cookies["clearpost_staff"]
    cookie = {"Cookie": f"clearpost_session={secret}"}
    assert (await world.browser().get("/v1/me", headers=cookie)).status_code == 401
    assert (await sam.get("/v1/me")).status_code == 401


async def test_a_passkey_of_somebody_who_is_not_staff_is_refused(world: World) -> None:
    key = Authenticator()
    await add_passkey(await world.person(), key)
    refused = await sign_in(world.browser(), key)
    assert (refused.status_code, refused.json()["code"]) == (403, "passkey_refused")


async def test_a_session_of_staff_ends_after_eight_hours_and_with_the_mark(
    world: World, sam: httpx.AsyncClient
) -> None:
    world.clock.step(timedelta(hours=7, minutes=59))
    assert (await sam.get("/staff/v1/me")).status_code == 200
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update person set staff_since = null")  # whatever became of the session
    assert (await sam.get("/staff/v1/me")).status_code == 401
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update person set staff_since = now()")
    world.clock.step(timedelta(minutes=2))
    assert (await sam.get("/staff/v1/me")).status_code == 401


async def test_staff_sign_out(sam: httpx.AsyncClient) -> None:
    assert (await sam.delete("/staff/v1/session")).status_code == 204
    assert (await sam.get("/staff/v1/me")).status_code == 401


async def test_a_first_passkey_is_added_within_a_day_and_more_with_a_passkey_only(world: World) -> None:
    await mark(world)
    world.clock.step(timedelta(hours=23))
    key = Authenticator()
    assert (await add_passkey(await world.person(email=EMAIL), key)).status_code == 201
    world.clock.step(timedelta(hours=2))
    refused = await add_passkey(await world.person(email=EMAIL), Authenticator())
    assert (refused.status_code, refused.json()["code"]) == (403, "passkey_needed")
    browser = world.browser()
    options = (await browser.post("/auth/passkey/options")).json()
    await browser.post("/auth/passkey", json={"credential": key.get(options), "next": ""})
    by_passkey = SignedInPerson(world.clock.new_id(), EMAIL, "", browser)
    assert (await add_passkey(by_passkey, Authenticator())).status_code == 201


async def test_reset_passkeys_end_all_and_open_the_day_again(world: World, sam: httpx.AsyncClient) -> None:
    world.clock.step(timedelta(hours=5))
    async with world.runtime.database.session() as session:
        await staff.reset_passkeys(session, world.clock, EMAIL, OPERATOR)
    assert (await sam.get("/staff/v1/me")).status_code == 401
    assert await world.runtime.database.value("select count(*) from passkey") == 0
    assert (await add_passkey(await world.person(email=EMAIL), Authenticator())).status_code == 201
    assert ("service", "operator", "staff.passkeys-reset") in await lines(world)


async def test_another_site_signs_no_staff_in(world: World, sam: httpx.AsyncClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert (await sam.post("/staff/v1/session/options", headers=headers)).status_code == 403
    assert (await sam.delete("/staff/v1/session", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "statement",
    [
        "select subject from log_message",
        "select response from log_event",
        "select address from destination",
        "select local_part from alias",
        "select secret_hash from api_key",
        "select verification_token from account",
        "select public_key from passkey",
        "update account set name = 'mine'",
        "delete from person",
        "insert into membership (id, account_id, person_id, role) select id, id, id, 'owner' from account",
    ],
)
async def test_the_database_itself_keeps_staff_from_the_rest(world: World, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused:
        async with world.runtime.database.session(Staff()) as session:
            await (await session.connection()).execute(text(statement))
    assert isinstance(refused.value.orig.__cause__, asyncpg.InsufficientPrivilegeError)  # type: ignore[union-attr]


async def test_the_database_shows_staff_no_accounts_audit_log(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    await person.http.patch("/v1/account", json={"name": "Renamed"})
    async with world.runtime.database.session(Staff()) as session:
        connection = await session.connection()
        assert (await connection.execute(text("select count(*) from audit_event"))).scalar_one() == 0
