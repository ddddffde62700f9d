"""Passkeys: added by somebody who has just signed in, then a way in; refused if copied, stale or foreign."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.api import SignedInPerson, Tenant, World
from tests.support.authenticator import Authenticator
from tests.support.signing_in import cookie_of


async def add(person: SignedInPerson, key: Authenticator, name: str = "Phone") -> httpx.Response:
    options = (await person.http.post("/v1/me/passkeys/options")).json()
    body = {"name": name, "credential": key.create(options)}
    return await person.http.post("/v1/me/passkeys", json=body)


async def sign_in(browser: httpx.AsyncClient, key: Authenticator, there: str = "") -> httpx.Response:
    options = (await browser.post("/auth/passkey/options")).json()
    return await browser.post("/auth/passkey", json={"credential": key.get(options), "next": there})


async def test_a_passkey_signs_its_person_in(world: World, tenant: Tenant) -> None:
    person, key = await world.person(tenant), Authenticator()
    made = await add(person, key)
    assert (made.status_code, made.json()["name"], made.json()["last_used_at"]) == (201, "Phone", None)
    browser = world.browser()
    done = await sign_in(browser, key, "/docs")
    assert (done.status_code, done.json()) == (200, {"next": "/docs"})
    me = (await browser.get("/v1/me")).json()
    assert (me["id"], me["method"], me["account_id"]) == (str(person.id), "passkey", str(tenant.id))
    (listed,) = (await person.http.get("/v1/me/passkeys")).json()["data"]
    assert listed["last_used_at"] is not None


async def test_options_ask_for_a_key_that_verifies_its_person(world: World) -> None:
    person = await world.person()
    options = (await person.http.post("/v1/me/passkeys/options")).json()
    assert options["rp"]["id"] == "localhost"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    asked = (await world.browser().post("/auth/passkey/options")).json()
    assert (asked["userVerification"], asked.get("allowCredentials", [])) == ("required", [])


@pytest.mark.parametrize(
    "changes", [{"origin": "https://evil.test"}, {"party": "evil.test"}, {"verifies": False}]
)
async def test_an_answer_given_elsewhere_or_without_its_person_is_refused(
    world: World, changes: dict[str, Any]
) -> None:
    person = await world.person()
    refused = await add(person, Authenticator(**changes))
    assert (refused.status_code, refused.json()["code"]) == (422, "passkey_invalid")
    key = Authenticator()
    await add(person, key)
    for name, value in changes.items():
        setattr(key, name, value)
    answer = await sign_in(world.browser(), key)
    assert (answer.status_code, answer.json()["code"]) == (403, "passkey_refused")


async def test_a_counter_that_goes_back_is_refused_and_told(world: World, tenant: Tenant) -> None:
    person, key = await world.person(tenant), Authenticator(counter=5)
    await add(person, key)
    assert (await sign_in(world.browser(), key)).status_code == 200
    key.counter = 3
    browser = world.browser()
    assert (await sign_in(browser, key)).status_code == 403
    assert cookie_of(world, browser) is None
    actions = await world.runtime.database.fetch("select action, subject from audit_event order by id")
    assert [tuple(row) for row in actions][-1] == ("passkey.refused", "Phone")


async def test_only_a_signed_answer_can_raise_that_alarm(world: World, tenant: Tenant) -> None:
    person, key = await world.person(tenant), Authenticator(counter=5)
    await add(person, key)
    forged = Authenticator(credential_id=key.credential_id, user_handle=key.user_handle)
    assert (await sign_in(world.browser(), forged)).status_code == 403
    count = "select count(*) from audit_event where action = 'passkey.refused'"
    assert await world.runtime.database.value(count) == 0


async def test_a_key_without_a_counter_signs_in_again_and_again(world: World) -> None:
    person, key = await world.person(), Authenticator()
    await add(person, key)
    for _ in range(2):
        key.counter = -1
        assert (await sign_in(world.browser(), key)).status_code == 200


async def test_a_challenge_is_good_once(world: World) -> None:
    person, key, browser = await world.person(), Authenticator(), world.browser()
    await add(person, key)
    options = (await browser.post("/auth/passkey/options")).json()
    assert (await browser.post("/auth/passkey", json={"credential": key.get(options)})).status_code == 200
    assert (await browser.post("/auth/passkey", json={"credential": key.get(options)})).status_code == 403


async def test_a_failed_try_uses_the_challenge_up(world: World) -> None:
    person, key, browser = await world.person(), Authenticator(), world.browser()
    await add(person, key)
    options = (await browser.post("/auth/passkey/options")).json()
    wrong = Authenticator(credential_id=key.credential_id, user_handle=key.user_handle)
    assert (await browser.post("/auth/passkey", json={"credential": wrong.get(options)})).status_code == 403
    assert (await browser.post("/auth/passkey", json={"credential": key.get(options)})).status_code == 403


async def test_a_browser_that_asks_twice_at_once_has_one_challenge(world: World) -> None:
    browser = world.browser()
    await browser.post("/auth/passkey/options")
    asked = await asyncio.gather(*(browser.post("/auth/passkey/options") for _ in range(4)))
    assert [answer.status_code for answer in asked] == [200] * 4
    assert await world.runtime.database.value("select count(*) from passkey_challenge") == 1


async def test_a_challenge_is_for_the_browser_that_asked(world: World) -> None:
    person, key = await world.person(), Authenticator()
    await add(person, key)
    options = (await world.browser().post("/auth/passkey/options")).json()
    other = world.browser()
    await other.post("/auth/passkey/options")
    assert (await other.post("/auth/passkey", json={"credential": key.get(options)})).status_code == 403


async def test_a_challenge_ends_after_five_minutes(world: World) -> None:
    person, key, browser = await world.person(), Authenticator(), world.browser()
    await add(person, key)
    options = (await browser.post("/auth/passkey/options")).json()
    world.clock.step(timedelta(minutes=5))
    assert (await browser.post("/auth/passkey", json={"credential": key.get(options)})).status_code == 403


async def test_a_challenge_to_register_is_no_challenge_to_sign_in(world: World) -> None:
    person, key = await world.person(), Authenticator()
    await add(person, key)
    options = (await person.http.post("/v1/me/passkeys/options")).json()
    assert (await person.http.post("/auth/passkey", json={"credential": key.get(options)})).status_code == 403


async def test_one_persons_key_under_anothers_name_is_refused(world: World) -> None:
    person, eve = await world.person(), await world.person(email="eve@example.org")
    key, hers = Authenticator(), Authenticator()
    await add(person, key)
    await add(eve, hers)
    hers.user_handle = key.user_handle
    assert (await sign_in(world.browser(), hers)).status_code == 403


@pytest.mark.parametrize(
    "credential", [{}, {"id": 1}, {"id": "x", "rawId": "!", "response": []}, {"response": {}}]
)
async def test_nonsense_is_refused_and_no_fault_of_ours(world: World, credential: dict[str, Any]) -> None:
    person = await world.person()
    browser = world.browser()
    await browser.post("/auth/passkey/options")
    assert (await browser.post("/auth/passkey", json={"credential": credential})).status_code == 403
    await person.http.post("/v1/me/passkeys/options")
    body = {"name": "x", "credential": credential}
    assert (await person.http.post("/v1/me/passkeys", json=body)).status_code == 422


async def test_adding_and_removing_take_a_fresh_sign_in(world: World) -> None:
    person, key = await world.person(), Authenticator()
    made = (await add(person, key)).json()
    world.clock.step(timedelta(minutes=10))
    for answer in (
        await person.http.post("/v1/me/passkeys/options"),
        await person.http.post("/v1/me/passkeys", json={"name": "x", "credential": {}}),
        await person.http.delete(f"/v1/me/passkeys/{made['id']}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "sign_in_again")


async def test_a_removed_key_signs_nobody_in(world: World, tenant: Tenant) -> None:
    person, key = await world.person(tenant), Authenticator()
    made = (await add(person, key)).json()
    assert (await person.http.delete(f"/v1/me/passkeys/{made['id']}")).status_code == 204
    assert (await sign_in(world.browser(), key)).status_code == 403
    rows = await world.runtime.database.fetch("select action from audit_event order by id")
    assert [row["action"] for row in rows] == ["passkey.added", "passkey.removed"]


async def test_what_somebody_without_an_account_changes_is_in_the_services_log(world: World) -> None:
    person = await world.person()
    made = (await add(person, Authenticator())).json()
    await person.http.delete(f"/v1/me/passkeys/{made['id']}")
    rows = await world.runtime.database.fetch("select account_id, actor, action from audit_event order by id")
    assert [tuple(row) for row in rows] == [
        (None, person.email, "passkey.added"),
        (None, person.email, "passkey.removed"),
    ]


async def test_a_key_is_renamed_by_its_person_only(world: World) -> None:
    person, eve = await world.person(), await world.person(email="eve@example.org")
    made = (await add(person, Authenticator())).json()
    path = f"/v1/me/passkeys/{made['id']}"
    assert (await person.http.patch(path, json={"name": "Old phone"})).json()["name"] == "Old phone"
    assert (await eve.http.patch(path, json={"name": "mine"})).status_code == 404
    assert (await eve.http.delete(path)).status_code == 404
    (listed,) = (await person.http.get("/v1/me/passkeys")).json()["data"]
    assert listed["name"] == "Old phone"


async def test_a_key_belongs_to_one_person(world: World) -> None:
    person, eve, key = await world.person(), await world.person(email="eve@example.org"), Authenticator()
    await add(person, key)
    assert (await add(eve, key)).status_code == 422


async def test_another_sites_page_gets_no_challenge(world: World) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/auth/passkey/options", "/auth/passkey"):
        answer = await world.browser().post(path, json={"credential": {}}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
