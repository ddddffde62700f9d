"""The audit log as the account reads it: found, exported, gone after 30 days, and never somebody else's."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

from customers import audit
from customers.callers import Scope
from tests.support.api import Tenant, World


async def lines(tenant: Tenant, **wanted: Any) -> list[dict[str, Any]]:
    answer = await tenant.http.get("/v1/audit", params=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]  # type: ignore[no-any-return]


async def test_a_change_is_listed_with_who_made_it_and_its_request(world: World, tenant: Tenant) -> None:
    answer = await tenant.http.post("/v1/keys", json={"name": "script", "scopes": ["logs:read"]})
    (line,) = await lines(tenant)
    assert (line["action"], line["subject"], line["subject_id"]) == (
        "key.created", "script", answer.json()["id"],
    )  # fmt: skip
    assert (line["actor_kind"], line["actor"]) == ("key", "test")
    assert line["detail"] == {"scopes": ["logs:read"]}
    assert line["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["secret"] not in json.dumps(await lines(tenant))


async def test_a_refused_change_leaves_no_line(world: World, tenant: Tenant) -> None:
    await tenant.http.delete(f"/v1/keys/{world.clock.new_id()}")
    await tenant.http.post("/v1/keys", json={"name": "", "scopes": []})
    assert await lines(tenant) == []


async def test_lines_are_found_by_action_actor_subject_and_time(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant, "owner", "ada@people.test")
    domain = await tenant.claim()
    since = world.clock.now() + timedelta(minutes=1)
    world.clock.step(timedelta(minutes=2))
    await person.http.patch(f"/v1/domains/{domain['id']}", json={"plus_addressing": False})
    assert [line["action"] for line in await lines(tenant)] == ["domain.changed", "domain.created"]
    (changed,) = await lines(tenant, action="domain.changed")
    assert changed["actor"] == "ada@people.test"
    assert await lines(tenant, actor="ada@people.test") == [changed]
    assert await lines(tenant, since=since.isoformat()) == [changed]
    assert len(await lines(tenant, action="domain", subject="example.test")) == 2
    assert len(await lines(tenant, until=since.isoformat())) == 1
    assert await lines(tenant, action="dom") == []
    assert await lines(tenant, action="domain%") == []


async def test_pages_go_from_new_to_old(world: World, tenant: Tenant) -> None:
    for number in range(5):
        await tenant.http.post("/v1/keys", json={"name": f"k{number}", "scopes": ["logs:read"]})
    first = (await tenant.http.get("/v1/audit", params={"limit": 3})).json()
    assert first["has_more"]
    second = await lines(tenant, limit=3, cursor=first["next_cursor"])
    assert [line["subject"] for line in first["data"] + second] == ["k4", "k3", "k2", "k1", "k0"]


async def test_lines_are_read_for_thirty_days_to_the_second_and_then_deleted(
    world: World, tenant: Tenant
) -> None:
    await tenant.claim()
    world.clock.step(timedelta(days=30) - timedelta(seconds=30))
    assert len(await lines(tenant)) == 1
    world.clock.step(timedelta(seconds=30))
    assert await lines(tenant) == []
    await tenant.http.post("/v1/keys", json={"name": "k", "scopes": ["logs:read"]})
    await audit.expire(world.runtime.database, world.clock.now())
    assert await world.runtime.database.value("select array_agg(action) from audit_event") == ["key.created"]


async def test_an_account_reads_its_own_lines_only(world: World, tenant: Tenant) -> None:
    await (await world.tenant("two")).claim("two.test")
    assert await lines(tenant) == []
    exported = await tenant.http.get("/v1/audit/export")
    assert "two.test" not in exported.text


async def test_the_whole_log_is_taken_out_as_csv_or_json_lines(world: World, tenant: Tenant) -> None:
    async with world.runtime.database.transaction() as tx:  # more than one portion
        await tx.execute(
            "insert into audit_event (id, account_id, actor_kind, actor, action, subject, at) "
            "select gen_random_uuid(), $1, 'service', 'clearpost', 'thing.done', n::text, $2 "
            "from generate_series(1, 1000) n",
            tenant.id,
            world.clock.now(),
        )
    await tenant.claim()
    answer = await tenant.http.get("/v1/audit/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 1001
    assert len({row["id"] for row in rows}) == 1001
    answer = await tenant.http.get("/v1/audit/export", params={"format": "jsonl", "action": "domain"})
    assert answer.headers["content-type"] == "application/jsonl"
    (line,) = [json.loads(text) for text in answer.text.splitlines()]
    assert line["action"] == "domain.created"


async def test_no_cell_of_the_csv_is_a_formula(world: World, tenant: Tenant) -> None:
    for name in ("=1+1", "+1", "-1", "@sum(a)", "\uff1d1", "'=1"):
        await tenant.http.post("/v1/keys", json={"name": name, "scopes": ["logs:read"]})
    rows = list(csv.DictReader(io.StringIO((await tenant.http.get("/v1/audit/export")).text)))
    assert [row["subject"] for row in rows] == ["''=1", "'\uff1d1", "'@sum(a)", "'-1", "'+1", "'=1+1"]


async def test_reading_it_takes_the_scope_and_the_whole_account(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    clients = {
        "scope_missing": await world.key(tenant, Scope.LOGS_READ),
        "domain_limited": await world.key(tenant, domain_ids=[domain["id"]]),
    }
    for code, client in clients.items():
        for path in ("/v1/audit", "/v1/audit/export", "/v1/requests"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, code), path
