"""Addresses at domains that are forwarded here: nobody begins to sign in with one, nor turns one."""

from datetime import timedelta
from typing import Any

import pytest

from customers import address_change, identities, sign_up, signed_links
from customers.callers import Scope
from customers.identities import Vouched
from tests.support.api import Tenant, World
from tests.support.signing_in import ask_link

NAME = "example.test"
ADA = f"ada@{NAME}"


@pytest.fixture
async def domain(world: World, tenant: Tenant) -> dict[str, Any]:
    return await tenant.claim(NAME)


async def verify(world: World, tenant: Tenant, domain: dict[str, Any]) -> None:
    world.publish(NAME, tenant)
    answer = await tenant.http.post(f"/v1/domains/{domain['id']}/check")
    assert answer.json()["state"] == "verified", answer.text


async def test_nobody_begins_to_sign_in_with_one(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    person = await world.person(tenant)
    await verify(world, tenant, domain)
    browser = world.browser()
    refused = await browser.post(await ask_link(world, browser, ADA))
    assert refused.status_code == 403
    assert "forwarded here" in refused.text
    for answer in (
        await person.http.post("/v1/invitations", json={"email": ADA}),
        await person.http.post("/v1/me/email", json={"email": ADA}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "address_hosted")
    async with world.runtime.database.session() as session:
        assert await sign_up.admit(session, world.clock, "open", email=ADA) is None
        seen = Vouched("https://id.test", "s", ADA, "Ada")
        assert await identities.resolve(session, world.clock, "open", seen) == "hosted"
    assert await world.runtime.database.value("select count(*) from person where email = $1", ADA) == 0


async def test_owners_hear_of_people_who_sign_in_there_when_it_is_verified(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    await world.person(tenant, role="member", email=ADA)
    await world.person(await world.tenant("two"), email=f"stranger@{NAME}")
    await verify(world, tenant, domain)
    query = "select to_address, about ->> 'people' as people from letter where kind = 'address-hosted'"
    rows = await world.runtime.database.fetch(query)
    assert [tuple(row) for row in rows] == [("one@owners.test", ADA)]
    await verify(world, tenant, domain)
    assert len(await world.runtime.database.fetch(query)) == 1


async def test_only_an_owner_in_person_turns_such_an_alias(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    alias = await tenant.alias(domain, "ada")
    harmless = await tenant.alias(domain, "shop")
    owner = await world.person(tenant, email=f"ada+me@{NAME}")
    admin = await world.person(tenant, role="admin", email="admin@people.test")
    narrow = await world.key(tenant, Scope.ALIASES_WRITE, domain_ids=[domain["id"]])
    evil = {"destinations": ["evil@inbox.test"]}
    made, one = f"/v1/domains/{domain['id']}/aliases", f"/v1/aliases/{alias['id']}"
    for http in (tenant.http, admin.http, narrow):
        for answer in (
            await http.patch(one, json=evil),
            await http.delete(one),
            await http.post(made, json={"local_part": "*", **evil}),
            await http.post(made, json={"local_part": "Ada+me", **evil}),
        ):
            assert (answer.status_code, answer.json().get("code")) == (403, "alias_signs_in")
    items = [{"action": "change", "id": alias["id"], **evil}, {"action": "delete", "id": alias["id"]}]
    items += [{"action": "create", "domain_id": domain["id"], "local_part": "*", **evil}]
    bulk = await tenant.http.post("/v1/aliases/bulk", json={"items": items})
    assert [each["code"] for each in bulk.json()["results"]] == ["alias_signs_in"] * 3
    matched = await tenant.http.post("/v1/aliases/bulk-change", json={"match": {}, "change": evil})
    assert matched.json()["counts"]["refused"] == 1
    csv = f"address,destinations\r\n{ADA},evil@inbox.test\r\n"
    headers = {"Content-Type": "text/csv"}
    brought = await tenant.http.post("/v1/aliases/import?update=true", content=csv, headers=headers)
    assert [each["code"] for each in brought.json()["results"]] == ["alias_signs_in"]
    assert (await tenant.http.delete(f"/v1/aliases/{harmless['id']}")).status_code == 204
    assert (await owner.http.patch(one, json={"note": "mine"})).status_code == 200


async def test_people_of_other_accounts_count_where_dns_has_shown_whose_the_domain_is(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    await world.person(await world.tenant("two"), email=ADA)
    body = {"local_part": "ada", "destinations": ["you@inbox.test"]}
    path = f"/v1/domains/{domain['id']}/aliases"
    made = await tenant.http.post(path, json=body)
    assert made.status_code == 201, "or a claim would tell who signs in here"
    await verify(world, tenant, domain)
    assert (await tenant.http.delete(f"/v1/aliases/{made.json()['id']}")).status_code == 403


async def test_a_link_to_change_the_address_is_refused_once_the_domain_is_verified(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    person = await world.person(tenant)
    assert (await person.http.post("/v1/me/email", json={"email": ADA})).status_code == 204
    row = await world.runtime.database.row("select id, expires_at from sign_in_link where email = $1", ADA)
    await verify(world, tenant, domain)
    token = signed_links.make(
        world.runtime.keyring, address_change.CHANGE, row["id"], world.clock.now() + timedelta(hours=1)
    )
    assert (await person.http.post(f"/auth/address/{token}")).status_code == 410


async def test_a_key_of_some_domains_forwards_to_no_other_that_is_served_here(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    other = await world.tenant("two")
    theirs = await other.claim("other.test")
    await verify(world, tenant, domain)
    narrow = await world.key(other, Scope.ALIASES_WRITE, domain_ids=[theirs["id"]])
    body = {"local_part": "a", "destinations": [ADA]}
    refused = await narrow.post(f"/v1/domains/{theirs['id']}/aliases", json=body)
    assert (refused.status_code, refused.json().get("code")) == (422, "destination_loops")
