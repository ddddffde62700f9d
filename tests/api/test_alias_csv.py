"""Aliases out and in as CSV, over HTTP."""

import json
from typing import Any

import pytest

from mailcore.plans import Plan
from tests.support.api import Tenant, World


async def bring(tenant: Tenant, text: str, **query: Any) -> Any:
    answer = await tenant.http.post(
        "/v1/aliases/import", content=text.encode(), params=query, headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_is_taken_out_can_be_brought_in(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    await tenant.alias(domain, "hello", destinations=["you@inbox.test", "other@inbox.test"], note="=1+1")
    await tenant.alias(domain, "*", enabled=False, note='a "b", c')
    before = (await tenant.http.get("/v1/aliases")).json()
    taken = await tenant.http.get("/v1/aliases/export")
    assert taken.headers["content-type"] == "text/csv; charset=utf-8"
    assert taken.headers["content-disposition"] == 'attachment; filename="aliases.csv"'
    assert taken.text.splitlines()[0] == "address,destinations,note,enabled"
    assert "'=1+1" in taken.text
    told = await bring(tenant, taken.text, update=True)
    assert told["counts"] == {"created": 0, "changed": 2, "deleted": 0, "refused": 0}
    assert (await tenant.http.get("/v1/aliases")).json() == before
    refused = await bring(tenant, taken.text)
    assert [(each["line"], each["code"]) for each in refused["results"]] == [
        (2, "alias_exists"),
        (3, "alias_exists"),
    ]


async def test_an_export_of_another_forwarder_is_brought_in(world: World, tenant: Tenant) -> None:
    await tenant.claim()
    text = (
        "alias,note,enabled,mailboxes,created\n"
        "a@example.test,For shops,True,x@inbox.test y@inbox.test,2020\n"
        "b@elsewhere.test,,True,x@inbox.test,2020\n"
        "c d@example.test,,True,x@inbox.test,2020\n"
        "e@example.test,,perhaps,x@inbox.test,2020\n"
        "f@example.test,,False,,2020\n"
        f"g@example.test,{'n' * 501},True,x@inbox.test,2020\n"
        "h@example.test,a\x00b,True,x@inbox.test,2020\n"
    )
    told = await bring(tenant, text)
    assert [(each["line"], each["status"], each["code"]) for each in told["results"]] == [
        (2, 201, None),
        (3, 404, "not_found"),
        (4, 422, "local_part_invalid"),
        (5, 422, "csv_invalid"),
        (6, 422, "destination_missing"),
        (7, 422, "validation_failed"),
        (8, 422, "validation_failed"),
    ]
    assert told["counts"] == {"created": 1, "changed": 0, "deleted": 0, "refused": 6}
    assert told["columns"] == {
        "address": "alias",
        "note": "note",
        "enabled": "enabled",
        "destinations": "mailboxes",
    }
    assert told["ignored_columns"] == ["created"]
    (alias,) = (await tenant.http.get("/v1/aliases")).json()["data"]
    assert (alias["address"], alias["note"]) == ("a@example.test", "For shops")
    assert len(alias["destinations"]) == 2
    row = await world.runtime.database.row("select * from audit_event where action = 'alias.imported'")
    assert json.loads(row["detail"])["created"] == 1


async def test_local_parts_alone_take_a_domain_and_a_destination(tenant: Tenant) -> None:
    domain = await tenant.claim()
    text = "alias\nfirst\nsecond\n"
    told = await bring(tenant, text, domain_id=domain["id"], destination="you@inbox.test")
    assert told["counts"]["created"] == 2
    assert (await bring(tenant, text))["counts"]["refused"] == 2


async def test_an_update_leaves_what_a_line_does_not_say(tenant: Tenant) -> None:
    domain = await tenant.claim()
    alias = await tenant.alias(domain, "a", note="kept", enabled=False)
    told = await bring(tenant, "address,destinations\nA@example.test,new@inbox.test\n", update=True)
    assert told["results"][0]["before"]["note"] == "kept"
    after = (await tenant.http.get(f"/v1/aliases/{alias['id']}")).json()
    assert (after["note"], after["enabled"]) == ("kept", False)
    assert [each["address"] for each in after["destinations"]] == ["new@inbox.test"]


@pytest.mark.parametrize("manner", [{"dry_run": True}, {"all_or_nothing": True}])
async def test_a_dry_run_and_a_refused_whole_change_nothing(tenant: Tenant, manner: dict[str, bool]) -> None:
    await tenant.claim()
    text = "address,destinations\na@example.test,x@inbox.test\nb@elsewhere.test,x@inbox.test\n"
    told = await bring(tenant, text, **manner)
    assert (told["applied"], told["counts"]["created"], told["counts"]["refused"]) == (False, 1, 1)
    assert (await tenant.http.get("/v1/aliases")).json()["data"] == []
    assert (await tenant.http.get("/v1/destinations")).json()["data"] == []


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"note\nx\n"])
async def test_what_is_no_table_is_refused_422(tenant: Tenant, content: bytes) -> None:
    answer = await tenant.http.post("/v1/aliases/import", content=content)
    assert (answer.status_code, answer.json()["code"]) == (422, "csv_invalid")


async def test_nobody_brings_in_or_takes_out_what_is_anothers(world: World, tenant: Tenant) -> None:
    other = await world.tenant("two")
    domain = await other.claim()
    await other.alias(domain)
    text = "address,destinations\nhello@example.test,x@inbox.test\n"
    told = await bring(tenant, text, update=True)
    assert told["results"][0]["status"] == 404
    told = await bring(tenant, "alias,to\nhello,x@inbox.test\n", update=True, domain_id=domain["id"])
    assert told["results"][0]["status"] == 404
    assert (await tenant.http.get("/v1/aliases/export")).text.count("\n") == 1


@pytest.mark.timeout(60)
async def test_more_than_a_page_is_taken_out_and_brought_in(world: World) -> None:
    tenant = await world.tenant("business", plan=Plan.BUSINESS)
    for number in range(3):
        await tenant.claim(f"many-{number}.test")
    rows = [f"a{at}@many-{at % 3}.test,x@inbox.test" for at in range(1400)]
    told = await bring(tenant, "\n".join(["address,destinations", *rows]))
    assert told["counts"]["created"] == 1400
    taken = (await tenant.http.get("/v1/aliases/export")).text.splitlines()[1:]
    assert {line.partition(",")[0] for line in taken} == {row.partition(",")[0] for row in rows}
