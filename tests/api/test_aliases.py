"""Aliases over HTTP: create, limits, change, find, delete."""

import asyncio
from typing import Any

import pytest

from mailcore.plans import Plan
from tests.support.api import Tenant, World


async def create(tenant: Tenant, domain: dict[str, Any], **body: object) -> Any:
    return await tenant.http.post(f"/v1/domains/{domain['id']}/aliases", json=body)


async def test_an_alias_has_its_address_and_destinations(tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim(), "Hello", note="For shops")
    assert (alias["local_part"], alias["address"]) == ("hello", "hello@example.test")
    assert [each["address"] for each in alias["destinations"]] == ["you@inbox.test"]
    assert (alias["note"], alias["enabled"]) == ("For shops", True)
    assert (await tenant.http.get(f"/v1/aliases/{alias['id']}")).json() == alias


async def test_star_is_the_catch_all(tenant: Tenant) -> None:
    assert (await tenant.alias(await tenant.claim(), "*"))["local_part"] == "*"


@pytest.mark.parametrize(
    "local_part", ["", "a b", "a@b", '"a"', ".a", "a.", "a..b", "<a>", "a" * 65, "ü" * 33, "a(b)"]
)
async def test_what_no_mailbox_is_called_is_refused(tenant: Tenant, local_part: str) -> None:
    answer = await create(
        tenant, await tenant.claim(), local_part=local_part, destinations=["you@inbox.test"]
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "local_part_invalid")


async def test_case_and_composition_do_not_make_another_alias(tenant: Tenant) -> None:
    domain = await tenant.claim()
    await tenant.alias(domain, "ÉTÉ")
    again = await create(tenant, domain, local_part="e\u0301te\u0301", destinations=["you@inbox.test"])
    assert (again.status_code, again.json()["code"]) == (409, "alias_exists")


async def test_duplicate_destinations_are_folded(tenant: Tenant) -> None:
    domain = await tenant.claim()
    wanted = ["you@inbox.test", " You@INBOX.test ", "other@inbox.test"]
    alias = await tenant.alias(domain, destinations=wanted)
    by_address = {each["address"]: each["id"] for each in alias["destinations"]}
    assert sorted(by_address) == ["other@inbox.test", "you@inbox.test"]
    first = by_address["you@inbox.test"]
    second = await tenant.alias(domain, "second", destinations=[first, "YOU@inbox.test"])
    assert [each["id"] for each in second["destinations"]] == [first]


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        ("nobody", "destination_invalid"),
        ("a@b@c.test", "destination_invalid"),
        ("a@[127.0.0.1]", "destination_invalid"),
        ("a@localhost", "destination_invalid"),
        ("=?utf-8?q?a?=@inbox.test,b@inbox.test", "destination_invalid"),
        ("other@example.test", "destination_loops"),
        ("srs0=x@clearpost.test", "destination_loops"),
    ],
)
async def test_a_destination_must_lead_elsewhere(tenant: Tenant, destination: str, code: str) -> None:
    answer = await create(tenant, await tenant.claim(), local_part="a", destinations=[destination])
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_domain_served_for_another_account_is_no_destination(world: World, tenant: Tenant) -> None:
    other = await world.tenant("two")
    theirs = await other.claim("theirs.test")
    mine = await tenant.claim()
    before = await create(tenant, mine, local_part="a", destinations=["x@theirs.test"])
    assert before.status_code == 201, "a claim alone must not keep anybody from an inbox there"
    world.publish("theirs.test", other)
    await other.http.post(f"/v1/domains/{theirs['id']}/check")
    after = await create(tenant, mine, local_part="b", destinations=["y@theirs.test"])
    assert after.json()["code"] == "destination_loops"


async def test_a_foreign_destination_id_is_not_found(world: World, tenant: Tenant) -> None:
    other = await world.tenant("two")
    theirs = (await other.http.post("/v1/destinations", json={"address": "secret@inbox.test"})).json()
    domain = await tenant.claim()
    answer = await create(tenant, domain, local_part="a", destinations=[theirs["id"]])
    absent = await create(
        tenant, domain, local_part="a", destinations=["0192f0c1-8b1e-7c3a-9d59-2f6f5d0b7a11"]
    )
    assert answer.status_code == absent.status_code == 404
    assert (await tenant.http.get("/v1/aliases")).json()["data"] == []


async def test_the_plan_bounds_destinations_of_an_alias_and_keeps_nothing(tenant: Tenant) -> None:
    many = [f"d{number}@inbox.test" for number in range(6)]
    answer = await create(tenant, await tenant.claim(), local_part="a", destinations=many)
    assert answer.status_code == 403
    assert (answer.json()["resource"], answer.json()["limit"]) == ("destinations_per_alias", 5)
    assert (await tenant.http.get("/v1/aliases")).json()["data"] == []
    assert (await tenant.http.get("/v1/destinations")).json()["data"] == []


async def test_forty_at_once_leave_exactly_the_limit(tenant: Tenant) -> None:
    domain = await tenant.claim()
    answers = await asyncio.gather(
        *(create(tenant, domain, local_part=f"a{n}", destinations=["you@inbox.test"]) for n in range(40))
    )
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(403)) == (25, 15)
    told = next(answer.json() for answer in answers if answer.status_code == 403)
    assert (told["resource"], told["limit"], told["plan"]) == ("aliases_per_domain", 25, "free")
    assert len((await tenant.http.get("/v1/aliases", params={"limit": 100})).json()["data"]) == 25


async def test_a_change_touches_only_what_it_names(tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim(), note="old")
    path = f"/v1/aliases/{alias['id']}"
    paused = (await tenant.http.patch(path, json={"enabled": False})).json()
    assert (paused["enabled"], paused["note"], paused["destinations"]) == (
        False,
        "old",
        alias["destinations"],
    )
    moved = (await tenant.http.patch(path, json={"destinations": ["new@inbox.test"], "note": ""})).json()
    assert [each["address"] for each in moved["destinations"]] == ["new@inbox.test"]
    assert (moved["note"], moved["enabled"]) == ("", False)
    assert (await tenant.http.patch(path, json={"destinations": []})).status_code == 422
    assert (await tenant.http.get(path)).json() == moved


async def test_aliases_are_found_by_domain_and_text(world: World) -> None:
    tenant = await world.tenant(plan=Plan.PREMIUM)
    first, second = await tenant.claim("a.test"), await tenant.claim("b.test")
    await tenant.alias(first, "shop", note="100%_off")
    await tenant.alias(first, "bank")
    await tenant.alias(second, "shop")

    async def found(**params: str) -> list[str]:
        return [
            each["address"] for each in (await tenant.http.get("/v1/aliases", params=params)).json()["data"]
        ]

    assert await found() == ["shop@a.test", "bank@a.test", "shop@b.test"]
    assert await found(q="SHO") == ["shop@a.test", "shop@b.test"]
    assert await found(q="SHO", domain_id=second["id"]) == ["shop@b.test"]
    assert await found(q="100%_") == ["shop@a.test"]
    assert await found(q="%") == ["shop@a.test"]
    listed = (await tenant.http.get(f"/v1/domains/{first['id']}/aliases")).json()["data"]
    assert [each["local_part"] for each in listed] == ["shop", "bank"]


async def test_text_is_found_across_the_at_of_the_address(world: World) -> None:
    tenant = await world.tenant(plan=Plan.BUSINESS)
    for name in ("shop.test", "club.test"):
        domain = await tenant.claim(name)
        await tenant.alias(domain, "hello")
        await tenant.alias(domain, "news", note="club@shop")

    async def found(q: str) -> list[str]:
        return [
            each["address"] for each in (await tenant.http.get("/v1/aliases", params={"q": q})).json()["data"]
        ]

    assert await found("hello@shop.test") == ["hello@shop.test"]
    assert await found("LO@CLUB") == ["hello@club.test"]
    assert await found("club.te") == ["hello@club.test", "news@club.test"]
    assert await found("@club") == ["hello@club.test", "news@club.test"]
    assert await found("b@sh") == ["news@shop.test", "news@club.test"]
    assert await found("lo@shop.test.") == await found("%@shop.test") == []


async def test_the_newest_may_come_first_over_all_pages(tenant: Tenant) -> None:
    domain = await tenant.claim()
    for number in range(5):
        await tenant.alias(domain, f"a{number}")
    names: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        asked = {"order": "newest", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await tenant.http.get("/v1/aliases", params=asked)).json()
        names += [each["local_part"] for each in page["data"]]
        cursor = page["next_cursor"]
    assert (names, cursor) == (["a4", "a3", "a2", "a1", "a0"], None)


async def test_a_deleted_alias_keeps_the_destination(tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim())
    assert (await tenant.http.delete(f"/v1/aliases/{alias['id']}")).status_code == 204
    assert (await tenant.http.delete(f"/v1/aliases/{alias['id']}")).status_code == 404
    assert len((await tenant.http.get("/v1/destinations")).json()["data"]) == 1


async def test_a_deleted_destination_leaves_its_aliases(tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim(), destinations=["a@inbox.test", "b@inbox.test"])
    gone, stays = alias["destinations"]
    assert (await tenant.http.delete(f"/v1/destinations/{gone['id']}")).status_code == 204
    assert (await tenant.http.get(f"/v1/aliases/{alias['id']}")).json()["destinations"] == [stays]


async def test_the_same_destination_twice_is_a_conflict(tenant: Tenant) -> None:
    assert (await tenant.http.post("/v1/destinations", json={"address": "you@inbox.test"})).status_code == 201
    again = await tenant.http.post("/v1/destinations", json={"address": "YOU@inbox.test"})
    assert (again.status_code, again.json()["code"]) == (409, "destination_exists")


# An ideographic space, a family joined by zero-width joiners, a word with a zero-width non-joiner.
SCRIPTS = [
    "\u5bb6\u3000\u65cf",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u0645\u06cc\u200c\u062e",
    "<b>&amp;'\\ %_",
]


@pytest.mark.parametrize("note", SCRIPTS)
async def test_a_note_may_be_in_any_script(tenant: Tenant, note: str) -> None:
    assert (await tenant.alias(await tenant.claim(), note=note))["note"] == note


async def test_a_destination_deleted_meanwhile_never_breaks_an_alias(tenant: Tenant) -> None:
    domain = await tenant.claim()
    alias = await tenant.alias(domain, destinations=["stays@inbox.test"])
    for _ in range(10):
        inbox = (await tenant.http.post("/v1/destinations", json={"address": "goes@inbox.test"})).json()
        wanted = {"destinations": ["stays@inbox.test", "goes@inbox.test"]}
        answers = await asyncio.gather(
            tenant.http.patch(f"/v1/aliases/{alias['id']}", json=wanted),
            tenant.http.delete(f"/v1/destinations/{inbox['id']}"),
            tenant.http.patch(f"/v1/aliases/{alias['id']}", json=wanted),
        )
        assert [answer.status_code for answer in answers] == [200, 204, 200]
        for left in (await tenant.http.get("/v1/destinations")).json()["data"]:
            if left["address"] == "goes@inbox.test":
                await tenant.http.delete(f"/v1/destinations/{left['id']}")


async def test_a_destination_that_an_alias_depends_on_is_in_use_409(tenant: Tenant) -> None:
    domain = await tenant.claim()
    alone = await tenant.alias(domain)
    await tenant.alias(domain, "two", destinations=["you@inbox.test", "other@inbox.test"])
    path = f"/v1/destinations/{alone['destinations'][0]['id']}"
    refused = await tenant.http.delete(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert (refused.json()["aliases"], refused.json()["count"]) == ([alone["id"]], 1)
    await tenant.http.patch(f"/v1/aliases/{alone['id']}", json={"destinations": ["other@inbox.test"]})
    assert (await tenant.http.delete(path)).status_code == 204


async def test_two_deletions_at_once_leave_an_alias_one_destination(tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim(), destinations=["a@inbox.test", "b@inbox.test"])
    paths = [f"/v1/destinations/{each['id']}" for each in alias["destinations"]]
    answers = await asyncio.gather(*(tenant.http.delete(path) for path in paths))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
