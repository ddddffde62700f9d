"""Before the first domain an account is told what is logged; its name; one more account for a person."""

from pathlib import Path

import pytest

from customers import accounts
from mailcore.models import LogEvent, LogMessage
from tests.support.api import Tenant, World, running_api


async def untold(world: World, tenant: Tenant) -> None:
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update account set policy_told_at = null where id = $1", tenant.id)


async def test_no_domain_before_the_policy_was_read(world: World, tenant: Tenant) -> None:
    await untold(world, tenant)
    person = await world.person(tenant)
    for http in (tenant.http, person.http):
        refused = await http.post("/v1/domains", json={"name": "example.test"})
        assert (refused.status_code, refused.json()["code"]) == (403, "policy_unread")
        assert "/v1/account/policy" in refused.json()["detail"]
    assert (await person.http.post("/v1/account/policy", json={"read": True})).status_code == 200
    await tenant.claim("example.test")


async def test_an_account_made_for_nobody_told_is_untold(world: World) -> None:
    async with world.runtime.database.session() as session:
        made = await accounts.create(session, world.clock, name="new", owner_email="new@people.test")
        with pytest.raises(Exception, match="GET /v1/account/policy"):
            accounts.require_told(made)


async def test_the_policy_names_every_column_of_the_log(tenant: Tenant) -> None:
    told = (await tenant.http.get("/v1/account/policy")).json()
    for columns, table in ((told["message"], LogMessage), (told["event"], LogEvent)):
        assert {column["name"] for column in columns} >= table.model_fields.keys() - {"sealed"}
    sealed = [each["name"] for each in told["message"] if each["meaning"].startswith("sealed: ")]
    assert sealed == ["client_ip", "client_name", "subject", "sender", "alias", "verdicts"]
    assert all(column["meaning"] for column in [*told["message"], *told["event"]])
    assert told["days"] == 7


async def test_only_yes_says_that_it_was_read_and_the_first_time_counts(world: World, tenant: Tenant) -> None:
    await untold(world, tenant)
    assert (await tenant.http.post("/v1/account/policy", json={"read": False})).status_code == 422
    first = (await tenant.http.post("/v1/account/policy", json={"read": True})).json()["told_at"]
    again = (await tenant.http.post("/v1/account/policy", json={"read": True})).json()["told_at"]
    assert first == again
    actions = await world.runtime.database.fetch("select action from audit_event")
    assert [row["action"] for row in actions] == ["policy.read"]


async def test_an_admin_renames_the_account_a_member_does_not(world: World, tenant: Tenant) -> None:
    admin = await world.person(tenant, role="admin", email="adam@people.test")
    member = await world.person(tenant, role="member", email="mia@people.test")
    assert (await admin.http.patch("/v1/account", json={"name": "Shop"})).json()["name"] == "Shop"
    refused = await member.http.patch("/v1/account", json={"name": "Mine"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


async def test_a_person_opens_one_more_account_where_sign_up_is_open(world: World) -> None:
    person = await world.person()
    made = await person.http.post("/v1/accounts", json={"name": "Second"})
    assert (made.status_code, made.json()["role"]) == (201, "owner")
    row = await world.runtime.database.row("select name, policy_told_at from account")
    assert (row["name"], row["policy_told_at"]) == ("Second", None)


@pytest.mark.parametrize("rule", ["invitation", "closed"])
async def test_nobody_opens_one_where_sign_up_is_not_open(
    database_url: str, tmp_path: Path, rule: str
) -> None:
    async with running_api(database_url, tmp_path, sign_up=rule) as world:
        person = await world.person()
        refused = await person.http.post("/v1/accounts", json={"name": "Second"})
        assert (refused.status_code, refused.json()["code"]) == (403, "sign_up_closed")


async def test_a_person_owns_ten_accounts_at_most(world: World) -> None:
    person = await world.person()
    made = [await person.http.post("/v1/accounts", json={"name": f"A{number}"}) for number in range(11)]
    assert [answer.status_code for answer in made] == [201] * 10 + [403]
    assert made[-1].json()["code"] == "limit_reached"


async def test_a_key_opens_no_account(tenant: Tenant) -> None:
    assert (await tenant.http.post("/v1/accounts", json={"name": "Second"})).status_code == 403
