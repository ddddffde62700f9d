"""Staff: marked on the server, in by passkey only, reading figures and no log; each look is written down."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from api import staff as api_staff
from customers import staff
from customers.suspension_letters import REASONS
from mailcore.database import Staff
from tests.support.api import SignedInPerson, Tenant, World
from tests.support.authenticator import Authenticator
from tests.support.logged import put_in_queue, write
from tests.support.on_staff import EMAIL, OPERATOR, add_passkey, mark, sign_in, staff_browser
from tests.support.services import ROOT


@pytest.fixture
async def sam(world: World) -> httpx.AsyncClient:
    return await staff_browser(world)


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


async def test_an_account_is_shown_with_its_plan_owners_and_use(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    async with world.runtime.database.transaction() as tx:
        day = world.clock.now().date()
        for age, forwarded in ((0, 5), (2, 7), (9, 100)):
            await tx.execute(
                "insert into usage_day (account_id, day, forwarded, refused) values ($1, $2, $3, 1)",
                *(tenant.id, day - timedelta(days=age), forwarded),
            )
        await tx.execute(
            "insert into subscription (account_id, customer_id, status, plan, past_due_since) "
            "values ($1, 'cus_secret', 'past_due', 'premium', now())",
            tenant.id,
        )
    answer = await sam.get(f"/staff/v1/accounts/{tenant.id}")
    seen = answer.json()
    assert (seen["owners"], seen["suspended"]) == (["one@owners.test"], None)
    assert seen["limits"]["domains"] == 1
    assert ([each["forwarded"] for each in seen["usage"]], seen["forwarded"], seen["refused"]) == (
        [5, 7],
        12,
        2,
    )
    assert (seen["subscription"]["status"], seen["subscription"]["plan"]) == ("past_due", "premium")
    assert "cus_secret" not in answer.text


# --- suspending ---


async def suspended(sam: httpx.AsyncClient, tenant: Tenant, **body: str) -> dict[str, Any]:
    wanted = {"reason": "phishing", "note": "Three reports.\nWrite to us."} | body
    answer = await sam.post(f"/staff/v1/accounts/{tenant.id}/suspend", json=wanted)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def letters(world: World) -> list[Any]:
    rows = await world.runtime.database.fetch("select kind, to_address, about from letter order by id")
    return [(row["kind"], row["to_address"], json.loads(row["about"])) for row in rows]


async def test_an_owner_reads_why_in_the_portal_in_a_letter_and_in_the_audit_log(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    shown = await suspended(sam, tenant)
    told = (await tenant.http.get("/v1/account")).json()["suspended"]
    assert shown["suspended"] == told
    assert (told["reason"], told["note"]) == ("phishing", "Three reports.\nWrite to us.")
    assert told["explanation"] == "its addresses are used to deceive people"
    since = datetime.fromisoformat(told["since"])
    assert datetime.fromisoformat(told["refused_from"]) - since == timedelta(hours=48)
    assert [(kind, to) for kind, to, _ in await letters(world)] == [("account-suspended", "one@owners.test")]
    own = (await tenant.http.get("/v1/audit")).json()["data"]
    (line,) = [each for each in own if each["action"] == "account.suspended"]
    assert (line["actor"], line["subject"], line["detail"]) == (EMAIL, "one", {"reason": "phishing"})
    ours = (await sam.get("/staff/v1/audit")).json()["data"]
    (line,) = [each for each in ours if each["action"] == "account.suspended"]
    assert (line["subject_id"], line["subject"]) == (str(tenant.id), "")
    kinds = await world.runtime.database.fetch(
        "select kind, data from change where account_id = $1", tenant.id
    )
    assert [(row["kind"], json.loads(row["data"])) for row in kinds] == [("account", {"suspended": True})]


async def test_a_suspended_account_is_read_taken_out_and_closed_but_not_changed(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    await tenant.claim()
    person = await world.person(tenant)
    key = (await person.http.post("/v1/keys", json={"name": "k", "scopes": ["aliases:write"]})).json()
    await suspended(sam, tenant)
    for http in (tenant.http, person.http):
        assert (await http.get("/v1/domains")).status_code == 200
        refused = await http.post("/v1/domains", json={"name": "more.test"})
        assert (refused.status_code, refused.json()["code"]) == (403, "account_suspended")
        refused = await http.patch("/v1/account", json={"name": "Other"})
        assert refused.json()["code"] == "account_suspended"
    assert (await person.http.get("/v1/account/export")).status_code == 200
    assert (await person.http.delete(f"/v1/keys/{key['id']}")).status_code == 204
    assert (await person.http.get("/v1/me")).status_code == 200
    billing = await person.http.post("/v1/billing/portal")
    assert billing.json()["code"] == "billing_off", "reached: who is suspended ends a subscription"
    gone = await person.http.request("DELETE", "/v1/account", json={"name": "one"})
    assert gone.status_code == 200, gone.text


async def test_who_is_resumed_works_as_before(world: World, tenant: Tenant, sam: httpx.AsyncClient) -> None:
    await suspended(sam, tenant, note="")
    answer = await sam.post(f"/staff/v1/accounts/{tenant.id}/resume", json={"note": "Our mistake."})
    assert (answer.status_code, answer.json()["suspended"]) == (200, None)
    assert (await tenant.http.get("/v1/account")).json()["suspended"] is None
    await tenant.claim()
    assert (await letters(world))[1][0] == "account-resumed"
    assert {"account.suspended", "account.resumed"} <= {line[2] for line in await lines(world, tenant.id)}


async def test_what_is_so_already_is_a_conflict_and_nobodys_account_is_not_found(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    path = f"/staff/v1/accounts/{tenant.id}"
    assert (await sam.post(f"{path}/resume", json={})).status_code == 409
    await suspended(sam, tenant)
    again = await sam.post(f"{path}/suspend", json={"reason": "spam"})
    assert (again.status_code, len(await letters(world))) == (409, 1)
    nobody = f"/staff/v1/accounts/{world.clock.new_id()}/suspend"
    assert (await sam.post(nobody, json={"reason": "spam"})).status_code == 404
    for wrong in ({"reason": "because"}, {"reason": "spam", "note": "a\u202eb\x00"}):
        assert (await sam.post(f"{path}/suspend", json=wrong)).status_code == 422


async def test_another_site_and_a_customer_suspend_nobody(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    path, body = f"/staff/v1/accounts/{tenant.id}/suspend", {"reason": "spam"}
    cross = await sam.post(path, json=body, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403
    person = await world.person(tenant)
    for http in (tenant.http, person.http, world.anonymous):
        assert (await http.post(path, json=body)).status_code in (401, 403)
    assert (await tenant.http.get("/v1/account")).json()["suspended"] is None


# --- the queue's health ---


async def test_the_queue_is_told_by_lane_and_a_provider_only_where_many_send_to_it(
    world: World, sam: httpx.AsyncClient
) -> None:
    database = world.runtime.database
    for number, providers in enumerate([("large.test", "own.test"), ("large.test",), ("large.test",)]):
        tenant = await world.tenant(f"account-{number}")
        for provider in providers:
            message = await write(world, tenant, delivered=False)
            await put_in_queue(world, message, provider=provider, failures=1)
    async with database.transaction() as tx:
        await tx.execute("insert into provider_pause values ('large.test', now() + interval '1 hour')")
    found = (await sam.get("/staff/v1/queue")).json()
    lanes = {each["lane"]: (each["waiting"], each["deferred"]) for each in found["lanes"]}
    assert lanes == {"standard": (4, 4), "fast": (0, 0)}
    assert [(each["provider"], each["waiting"], each["deferred"]) for each in found["providers"]] == [
        ("large.test", 3, 3),
        ("", 1, 1),
    ]
    assert [each["paused_until"] is None for each in found["providers"]] == [False, True]


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
        "select address from destination",
        "select local_part from alias",
        "select secret_hash from api_key",
        "select verification_token from account",
        "select public_key from passkey",
        "update account set name = 'mine'",
        "delete from person",
        "update account set plan = 'business'",
        "insert into letter (id, kind, to_address, about) "
        "values (gen_random_uuid(), 'sign-in-link', 'a', '{}')",
        "insert into change (account_id, kind, data) values (gen_random_uuid(), 'plan', '{}')",
        "select to_address from letter",
        "select node_id from delivery",
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


# --- the portal's shapes of all this, written by hand ---


@pytest.mark.parametrize(
    "shape",
    [
        api_staff.StaffMeOut,
        api_staff.FoundOut,
        api_staff.UsedOut,
        api_staff.PaidOut,
        api_staff.OverviewOut,
        api_staff.LaneHealthOut,
        api_staff.ProviderHealthOut,
        api_staff.QueueHealthOut,
    ],
)
def test_the_portal_knows_the_fields_of_each_answer(shape: type[BaseModel]) -> None:
    client = (ROOT / "frontend/src/screens/staff/client.ts").read_text(encoding="utf-8")
    name = shape.__name__.removesuffix("Out")
    body = client.split(f"export interface {name} {{")[1].split("\n}")[0]
    assert re.findall(r"^  (\w+):", body, re.MULTILINE) == list(shape.model_fields)


def test_the_portal_knows_the_reasons() -> None:
    client = (ROOT / "frontend/src/screens/staff/client.ts").read_text(encoding="utf-8")
    said = client.split("REASONS = [")[1].split("]")[0]
    assert re.findall(r'"(\w+)"', said) == list(REASONS)
