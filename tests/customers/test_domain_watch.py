"""Watched domains: rows that turn right, records that go, owners who hear, mail that keeps them on."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clearpost.standins.dns import Fault
from customers.domain_watch import Watch
from customers.letter_texts import WRITERS, Desk
from mailcore.envelope import Mailbox
from mailcore.plans import Plan
from mailcore.routing import Resolved, Routes, SwitchedOff
from tests.support.api import Tenant, World, running_api

NAME = "example.test"
OURS = "10 mx.clearpost.test."


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def tenant(world: World) -> Tenant:
    return await world.tenant()


@pytest.fixture
async def domain(world: World, tenant: Tenant) -> dict[str, Any]:
    """Verified, and its MX leads here."""
    claimed = await tenant.claim(NAME)
    world.zone.put(NAME, "MX", OURS)
    world.publish(NAME, tenant)
    await tenant.alias(claimed)
    await world.confirm()
    assert (await look(world, tenant, claimed))["state"] == "verified"
    return claimed


async def look(world: World, tenant: Tenant, domain: dict[str, Any]) -> dict[str, Any]:
    """Upkeep looks at it, in two processes at once; the domain then."""
    runtime = world.runtime
    async with runtime.database.transaction() as tx:
        await tx.execute("update domain set next_check_at = now()")
    for _ in range(2):
        await Watch(runtime.database, runtime.resolver, runtime.clock, runtime.settings).check_due()
    return await shown(tenant, domain)


async def shown(tenant: Tenant, domain: dict[str, Any]) -> dict[str, Any]:
    return (await tenant.http.get(f"/v1/domains/{domain['id']}")).json()  # type: ignore[no-any-return]


async def passes(world: World, days: float) -> None:
    """So many days ago, seen from now on."""
    columns = ("failing_since", "told_failing_at", "mail_seen_at")
    moved = ", ".join(f"{column} = {column} - interval '1 day' * $1::float8" for column in columns)
    async with world.runtime.database.transaction() as tx:
        await tx.execute(f"update domain set {moved}", days)


async def letters(world: World) -> list[Any]:
    return list(await world.runtime.database.fetch("select * from letter where kind = 'domain-failing'"))


async def actions(world: World) -> list[str]:
    rows = await world.runtime.database.fetch(
        "select action from audit_event where subject = $1 order by id", NAME
    )
    return [row["action"] for row in rows]


async def routed(world: World) -> Any:
    routes = Routes(world.runtime.database, world.runtime.keyring)
    return await routes.resolve(Mailbox("hello", NAME), world.clock.now())


async def test_records_that_are_gone_are_told_at_once_and_again_before_the_end(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    world.zone.put(NAME, "MX", "10 mail.elsewhere.test.")
    assert (await look(world, tenant, domain))["state"] == "temporarily_failing"
    (first,) = await letters(world)
    assert first["to_address"] == "one@owners.test"
    assert isinstance(await routed(world), Resolved)
    await passes(world, 5)
    assert (await look(world, tenant, domain))["state"] == "temporarily_failing"
    assert len(await letters(world)) == 1
    await passes(world, 3)
    assert (await look(world, tenant, domain))["state"] == "temporarily_failing"
    assert len(await letters(world)) == 2
    await passes(world, 1.1)
    now = await look(world, tenant, domain)
    assert (now["state"], bool(now["off_at"])) == ("failed", True)
    assert isinstance(await routed(world), SwitchedOff)
    world.zone.put(NAME, "MX", OURS)
    now = await look(world, tenant, domain)
    assert (now["state"], now["off_at"], now["failing_since"]) == ("verified", None, None)
    assert isinstance(await routed(world), Resolved)
    assert (await actions(world))[1:] == [
        "domain.verified",
        "domain.failing",
        "domain.switched-off",
        "domain.verified",
    ]


async def test_authenticated_mail_keeps_a_failing_domain_on(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    world.publish(NAME)
    assert (await look(world, tenant, domain))["state"] == "temporarily_failing"
    await passes(world, 30)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update domain set mail_seen_at = now() - interval '2 days'")
    for _ in range(3):
        assert (await look(world, tenant, domain))["state"] == "temporarily_failing"
    assert len(await letters(world)) == 1
    await passes(world, 2)
    await look(world, tenant, domain)
    assert len(await letters(world)) == 2  # it has ceased: the last word, a day ahead
    await passes(world, 1.1)
    assert (await look(world, tenant, domain))["state"] == "failed"


async def test_silence_of_name_servers_neither_fails_a_domain_nor_mends_it(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    for name in (NAME, f"_clearpost.{NAME}"):
        world.zone.fail(name, Fault.SERVFAIL)
    now = await look(world, tenant, domain)
    assert (now["state"], now["found"]["mx"]["state"]) == ("verified", "failure")
    for name in (NAME, f"_clearpost.{NAME}"):
        world.zone.heal(name)
    world.publish(NAME)
    assert (await look(world, tenant, domain))["state"] == "temporarily_failing"
    world.zone.fail(f"_clearpost.{NAME}", Fault.TIMEOUT)
    assert (await look(world, tenant, domain))["state"] == "temporarily_failing"


async def test_an_mx_that_never_led_here_fails_nothing(world: World, tenant: Tenant) -> None:
    claimed = await tenant.claim(NAME)
    world.zone.put(NAME, "MX", "10 mail.elsewhere.test.")
    world.publish(NAME, tenant)
    now = await look(world, tenant, claimed)
    assert (now["state"], now["found"]["mx"]["state"]) == ("verified", "wrong")
    assert await letters(world) == []


async def test_pages_hear_of_each_row_that_changes_and_of_nothing_else(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    heard = "select count(*) from change where kind = 'domain'"
    before = await world.runtime.database.value(heard)
    await look(world, tenant, domain)
    assert await world.runtime.database.value(heard) == before
    world.zone.put_txt(f"_dmarc.{NAME}", "v=DMARC1; p=none")
    assert (await look(world, tenant, domain))["found"]["dmarc"]["state"] == "ok"
    assert await world.runtime.database.value(heard) == before + 1


async def test_while_somebody_waits_the_next_look_is_within_five_seconds(
    world: World, tenant: Tenant
) -> None:
    claimed = await tenant.claim(NAME)
    await tenant.http.post(f"/v1/domains/{claimed['id']}/check")
    due = "select extract(epoch from next_check_at - now())::float8 from domain"
    assert await world.runtime.database.value(due) < 5


async def test_a_key_for_another_domain_cannot_have_this_one_looked_at(world: World) -> None:
    tenant = await world.tenant("gold", plan=Plan.PREMIUM)
    mine, other = await tenant.claim(NAME), await tenant.claim("other.test")
    limited = await world.key(tenant, domain_ids=[other["id"]])
    assert (await limited.post(f"/v1/domains/{mine['id']}/check")).status_code == 404
    assert (await limited.post(f"/v1/domains/{other['id']}/check")).status_code == 200


async def test_the_letter_names_causes_and_the_day(
    world: World, tenant: Tenant, domain: dict[str, Any]
) -> None:
    world.publish(NAME)
    await look(world, tenant, domain)
    await passes(world, 6.5)
    await look(world, tenant, domain)
    first, last = await letters(world)
    desk = Desk(world.runtime.keyring, "http://localhost:8025", world.clock.now())
    about = [json.loads(row["about"]) for row in (first, last)]
    texts = ["\n".join(WRITERS["domain-failing"](desk, each).lines) for each in about]
    assert "There is no such record." in texts[0]
    assert "7 more days" in texts[0]
    assert about[1]["off_on"] in texts[1]
    assert f"http://localhost:8025/domains/{domain['id']}" in texts[1]
