"""Consent: staff see of a log what a live grant of its account covers, and the account sees each look."""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel

from api import staff_log
from customers import support_grants
from mailcore import service_counts
from mailcore.event_log import LoggedMessage, ensure_partitions
from mailcore.plans import Plan
from tests.support.api import Tenant, World
from tests.support.logged import write
from tests.support.oauth import App
from tests.support.on_staff import EMAIL, staff_browser
from tests.support.services import ROOT

HOUR = timedelta(hours=1)


@pytest.fixture
async def sam(world: World) -> httpx.AsyncClient:
    return await staff_browser(world)


@pytest.fixture
async def tenant(world: World) -> Tenant:
    """With room for more than one domain, and a log."""
    retention = world.runtime.settings.log_retention
    await ensure_partitions(world.runtime.database, world.clock.now(), retention)
    return await world.tenant(plan=Plan.BUSINESS)


async def let(http: httpx.AsyncClient, *domain_ids: str, hours: int = 1) -> dict[str, Any]:
    body = {"reason": "Mail from Ada is missing", "domain_ids": list(domain_ids) or None, "hours": hours}
    answer = await http.post("/v1/support/requests", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def log_of(tenant: Tenant) -> str:
    return f"/staff/v1/accounts/{tenant.id}/log/messages"


async def arrived(world: World, tenant: Tenant, name: str) -> tuple[str, LoggedMessage]:
    """A domain of this name, and a message to it."""
    domain = await tenant.claim(name)
    message = await write(
        world, tenant, alias=f"hello@{name}", subject=f"For {name}", domain_id=UUID(domain["id"])
    )
    return domain["id"], message


async def views(http: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await http.get("/v1/support/views", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]  # type: ignore[no-any-return]


async def counted(world: World) -> int:
    async with world.runtime.database.transaction() as tx:
        return (await service_counts.read(tx))["staff views"]


def refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json().get("code")) == (403, "no_grant")


# --- acceptance 13 ---


async def test_a_grant_of_an_hour_lets_staff_look_lists_each_look_and_ends_by_itself(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    _, message = await arrived(world, tenant, "shop.test")
    assert refused(await sam.get(log_of(tenant)))
    grant = await let(tenant.http)
    assert (await tenant.http.get("/v1/account")).json()["support_until"] == grant["expires_at"]

    (shown,) = (await sam.get(log_of(tenant), params={"q": "shop"})).json()["data"]
    one = await sam.get(f"{log_of(tenant)}/{message.id}")
    own = (await tenant.http.get(f"/v1/logs/messages/{message.id}")).json()
    assert shown == (await tenant.http.get("/v1/logs/messages")).json()["data"][0]
    assert one.json() == {name: own[name] for name in own if name != "unfinished"}

    world.clock.step(HOUR)
    assert refused(await sam.get(log_of(tenant)))
    assert refused(await sam.get(f"{log_of(tenant)}/{message.id}"))
    assert (await tenant.http.get("/v1/account")).json()["support_until"] is None
    (listed,) = (await tenant.http.get("/v1/support/requests")).json()["data"]
    assert (listed["live"], listed["views"], listed["revoked_at"]) == (False, 2, None)

    told = await views(tenant.http)
    assert [(each["state"], each["what"], each["filters"]) for each in told[::-1]] == [
        ("refused", "list", []),
        ("viewed", "list", ["text"]),
        ("viewed", "message", []),
        ("refused", "list", []),
        ("refused", "message", []),
    ]
    assert {each["staff"] for each in told} == {EMAIL}
    assert [each["message_ids"] for each in told[2:4]] == [[str(message.id)]] * 2
    assert [each["support_request_id"] for each in told[1:4]] == [None, grant["id"], grant["id"]]
    assert await views(tenant.http, support_request_id=grant["id"]) == told[2:4]
    assert await counted(world) == 2


async def test_revoking_counts_from_the_next_look_on(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    await arrived(world, tenant, "shop.test")
    grant = await let(tenant.http)
    assert (await sam.get(log_of(tenant))).status_code == 200
    path = f"/v1/support/requests/{grant['id']}"
    assert (await tenant.http.delete(path)).status_code == 204
    assert refused(await sam.get(log_of(tenant)))
    assert refused(await sam.get(log_of(tenant), params={"grant_id": grant["id"]}))
    assert (await sam.get("/staff/v1/grants")).json()["data"] == []
    (listed,) = (await tenant.http.get("/v1/support/requests")).json()["data"]
    assert (listed["live"], listed["revoked_at"] is None) == (False, False)
    assert (await tenant.http.delete(path)).status_code == 204, "it is over, and stays as it ended"
    assert (await tenant.http.get("/v1/support/requests")).json()["data"] == [listed]
    actions = [each["action"] for each in (await tenant.http.get("/v1/audit")).json()["data"]]
    assert actions.count("support.revoked") == 1


async def test_a_grant_of_one_domain_shows_nothing_of_another(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    shop, mine = await arrived(world, tenant, "shop.test")
    other, hidden = await arrived(world, tenant, "other.test")
    await let(tenant.http, shop)
    shown = await sam.get(log_of(tenant))
    assert [each["id"] for each in shown.json()["data"]] == [str(mine.id)]
    assert refused(await sam.get(log_of(tenant), params={"domain_id": other}))
    unseen = [await sam.get(f"{log_of(tenant)}/{each}") for each in (hidden.id, world.clock.new_id())]
    assert all(refused(each) for each in unseen), "what is hidden is told from what is not there by nobody"
    assert unseen[0].json()["detail"] == unseen[1].json()["detail"]
    assert (await views(tenant.http))[1]["message_ids"] == [str(hidden.id)]
    await let(tenant.http, other)
    for domain_id, message in ((shop, mine), (other, hidden)):
        found = (await sam.get(log_of(tenant), params={"domain_id": domain_id})).json()["data"]
        assert [each["id"] for each in found] == [str(message.id)], "the grant that covers it is found"


async def test_a_grant_of_one_account_opens_no_other(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    _, message = await arrived(world, tenant, "shop.test")
    other = await world.tenant("other")
    grant = await let(other.http)
    for query in ({}, {"grant_id": grant["id"]}):
        assert refused(await sam.get(log_of(tenant), params=query))
        assert refused(await sam.get(f"{log_of(tenant)}/{message.id}", params=query))
        assert refused(await sam.get(f"{log_of(other)}/{message.id}", params=query))


async def test_an_attempt_without_a_grant_is_told_in_both_logs_though_it_was_refused(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    answer = await sam.get(log_of(tenant), params={"alias": "ada@secret.test"})
    assert refused(answer)
    for http, path in ((tenant.http, "/v1/audit"), (sam, "/staff/v1/audit")):
        (line,) = [e for e in (await http.get(path)).json()["data"] if e["action"] == "support.refused"]
        assert (line["actor_kind"], line["actor"]) == ("staff", EMAIL)
        assert line["request_id"] == answer.headers["x-request-id"]
        assert line["detail"] == {"what": "list", "messages": [], "by": ["alias"]}
        assert "secret.test" not in json.dumps(line), "what was looked for could be an address"
    assert await counted(world) == 0
    kinds = await world.runtime.database.fetch("select account_id, kind from change where kind = 'support'")
    assert [tuple(row) for row in kinds] == [(tenant.id, "support")], "open pages hear of it"
    nobody = f"/staff/v1/accounts/{world.clock.new_id()}/log/messages"
    assert (await sam.get(nobody)).status_code == 404


async def test_only_what_a_page_shows_is_told_as_seen(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    domain_id, _ = await arrived(world, tenant, "shop.test")
    for _ in range(2):
        await write(world, tenant, domain_id=UUID(domain_id))
    await let(tenant.http)
    page = (await sam.get(log_of(tenant), params={"limit": 2})).json()
    rest = (await sam.get(log_of(tenant), params={"limit": 2, "cursor": page["next_cursor"]})).json()
    told = (await views(tenant.http))[::-1]
    assert [each["message_ids"] for each in told] == [
        [each["id"] for each in shown["data"]] for shown in (page, rest)
    ]
    assert (page["has_more"], rest["has_more"], len(rest["data"])) == (True, False, 1)


async def test_who_is_staff_no_more_sees_nothing_whatever_is_granted(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    await let(tenant.http)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update person set staff_since = null")
    assert (await sam.get(log_of(tenant))).status_code == 401
    assert (await sam.get("/staff/v1/grants")).status_code == 401
    assert await views(tenant.http) == []


# --- who lets them ---


async def test_a_request_says_what_it_lets_and_reaches_every_owner_by_mail(
    world: World, tenant: Tenant
) -> None:
    domain = await tenant.claim("shop.test")
    admin = await world.person(tenant, "admin", "ada@people.test")
    grant = await let(admin.http, domain["id"], hours=168)
    assert (grant["domain_ids"], grant["opened_by"], grant["live"]) == ([domain["id"]], admin.email, True)
    opened, expires = (datetime.fromisoformat(grant[name]) for name in ("opened_at", "expires_at"))
    assert expires - opened == support_grants.LONGEST
    rows = await world.runtime.database.fetch("select to_address, about from letter")
    (letter,) = [(row["to_address"], json.loads(row["about"])) for row in rows]
    assert letter[0] == "one@owners.test"
    assert (letter[1]["by"], letter[1]["domains"]) == (admin.email, "shop.test")
    assert "Ada is missing" not in json.dumps(letter), "nobody writes to owners in our name"
    line = (await tenant.http.get("/v1/audit")).json()["data"][0]
    assert (line["action"], line["actor"], line["subject"]) == (
        "support.opened",
        admin.email,
        "Mail from Ada is missing",
    )


@pytest.mark.parametrize(
    "wrong",
    [{"hours": 0}, {"hours": 169}, {"reason": ""}, {"reason": "a" * 501}, {"domain_ids": []}, {"until": "x"},
     {"hours": True}, {"hours": "24"}, {"hours": 1.5}],
)  # fmt: skip
async def test_a_request_has_a_reason_and_a_week_at_most(
    world: World, tenant: Tenant, wrong: dict[str, Any]
) -> None:
    body = {"reason": "Please look", **wrong}
    answer = await tenant.http.post("/v1/support/requests", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][:2] == ["body", *wrong]


async def test_a_domain_of_somebody_else_is_not_found(world: World, tenant: Tenant) -> None:
    other = await world.tenant("other")
    foreign = (await other.claim("other.test"))["id"]
    body = {"reason": "Please look", "domain_ids": [foreign]}
    assert (await tenant.http.post("/v1/support/requests", json=body)).status_code == 404
    assert (await tenant.http.get("/v1/support/requests")).json()["data"] == []


@pytest.mark.parametrize(("role", "code"), [("viewer", "scope_missing"), ("member", "scope_missing")])
async def test_who_does_not_run_the_account_sees_all_and_opens_nothing(
    world: World, tenant: Tenant, role: str, code: str
) -> None:
    grant = await let(tenant.http)
    person = await world.person(tenant, role)
    body = {"reason": "Please look"}
    answers = [
        await person.http.post("/v1/support/requests", json=body),
        await person.http.delete(f"/v1/support/requests/{grant['id']}"),
    ]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(403, code)] * 2
    assert len((await person.http.get("/v1/support/requests")).json()["data"]) == 1
    assert await views(person.http) == []


async def test_a_key_that_is_limited_to_a_domain_opens_nothing(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim("shop.test")
    limited = await world.key(tenant, domain_ids=[domain["id"]])
    answer = await limited.post("/v1/support/requests", json={"reason": "Please look"})
    assert (answer.status_code, answer.json()["code"]) == (403, "domain_limited")


async def test_what_ended_leaves_with_the_audit_log(world: World, tenant: Tenant) -> None:
    await let(tenant.http)
    world.clock.step(timedelta(days=30))
    await support_grants.expire(world.runtime.database, world.clock.now())
    assert len((await tenant.http.get("/v1/support/requests")).json()["data"]) == 1
    world.clock.step(HOUR)
    assert (await tenant.http.get("/v1/support/requests")).json()["data"] == [], "whatever upkeep did"
    await support_grants.expire(world.runtime.database, world.clock.now())
    assert await world.runtime.database.value("select count(*) from support_grant") == 0


# --- what staff hold ---


async def test_staff_see_who_asked_for_what_and_until_when(
    world: World, tenant: Tenant, sam: httpx.AsyncClient
) -> None:
    domain = await tenant.claim("shop.test")
    soon, late = await let(tenant.http, domain["id"]), await let(tenant.http, hours=24)
    found = (await sam.get("/staff/v1/grants")).json()["data"]
    assert [each["id"] for each in found] == [soon["id"], late["id"]]
    assert (found[0]["account"], found[0]["reason"]) == ("one", "Mail from Ada is missing")
    assert found[0]["domains"] == [{"id": domain["id"], "name": "shop.test"}]
    assert found[1]["domains"] is None
    world.clock.step(HOUR)
    assert [each["id"] for each in (await sam.get("/staff/v1/grants")).json()["data"]] == [late["id"]]


@pytest.mark.parametrize("shape", [staff_log.GrantOut, staff_log.GrantedDomainOut])
def test_the_portal_knows_the_fields_of_each_answer(shape: type[BaseModel]) -> None:
    client = (ROOT / "frontend/src/screens/staff/granted.ts").read_text(encoding="utf-8")
    name = shape.__name__.removesuffix("Out")
    body = client.split(f"export interface {name} {{")[1].split("\n}")[0]
    assert re.findall(r"^  (\w+):", body, re.MULTILINE) == list(shape.model_fields)


async def test_no_app_lets_anybody_look_and_any_may_end_it(world: World, tenant: Tenant) -> None:
    app = await App.registered(
        world, tenant, scopes=["account:write", "account:read"], homepage="https://app.test/"
    )
    owner = await world.person(tenant)
    tokens = await app.tokens(owner, scope="account:write account:read")
    as_app = world.client(Authorization=f"Bearer {tokens['access_token']}")
    answer = await as_app.post("/v1/support/requests", json={"reason": "Please look"})
    assert (answer.status_code, answer.json()["code"]) == (403, "outlives_caller")
    grant = await let(tenant.http)
    assert (await as_app.delete(f"/v1/support/requests/{grant['id']}")).status_code == 204
    await as_app.aclose()
