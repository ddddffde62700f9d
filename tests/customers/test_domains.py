"""Domains against a real database and DNS: who gets a name, who is told, what never moves over."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import asyncpg
import pytest

from clearpost.standins.dns import Fault
from customers.domain_watch import Watch
from mailcore import routing
from mailcore.resolver import Resolver, TxtAnswer
from tests.support.api import Tenant, World, running_api

NAME = "example.test"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


async def check(world: World, tenant: Tenant, domain: dict[str, Any]) -> str:
    answer = await tenant.http.post(f"/v1/domains/{domain['id']}/check")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["state"])


async def state(tenant: Tenant, domain: dict[str, Any]) -> str:
    return str((await tenant.http.get(f"/v1/domains/{domain['id']}")).json()["state"])


async def told(world: World) -> set[tuple[str, str]]:
    """Takes all letters about disputes that wait: (to, outcome)."""
    rows = await world.runtime.database.fetch("delete from letter returning kind, to_address, about")
    known = [json.loads(row["about"]) for row in rows]
    assert {row["kind"] for row in rows} <= {"domain-dispute"}
    assert all(about["name"] == NAME for about in known)
    return {(row["to_address"], about["outcome"]) for row, about in zip(rows, known, strict=True)}


async def two_claims(world: World) -> tuple[Tenant, dict[str, Any], Tenant, dict[str, Any]]:
    """The first has verified the name, the second claims it, too."""
    first, second = await world.tenant("one"), await world.tenant("two")
    mine = await first.claim(NAME)
    world.publish(NAME, first)
    assert await check(world, first, mine) == "verified"
    return first, mine, second, await second.claim(NAME)


async def test_the_incumbent_stays_while_both_tokens_are_there_and_hears_of_it_once(world: World) -> None:
    first, mine, second, theirs = await two_claims(world)
    world.publish(NAME, second, first)
    assert await check(world, second, theirs) == "pending"
    assert await state(first, mine) == "verified"
    assert await told(world) == {("one@owners.test", "kept")}
    assert await check(world, first, mine) == "verified"
    assert await told(world) == set()
    assert (await first.http.get(f"/v1/domains/{mine['id']}")).json()["contested"] is True
    world.publish(NAME, first)
    await check(world, first, mine)
    assert (await first.http.get(f"/v1/domains/{mine['id']}")).json()["contested"] is False


async def test_the_name_goes_over_when_only_the_other_token_is_there_and_both_are_told(world: World) -> None:
    first, mine, second, theirs = await two_claims(world)
    await first.alias(mine, "hello")
    world.publish(NAME, second)
    assert await check(world, second, theirs) == "verified"
    assert await state(first, mine) == "displaced"
    assert await told(world) == {("one@owners.test", "lost"), ("two@owners.test", "won")}
    assert await told(world) == set()
    assert (await second.http.get("/v1/aliases")).json()["data"] == []
    assert len((await first.http.get("/v1/aliases")).json()["data"]) == 1
    served = await world.runtime.database.value(
        "select account_id from domain where name = $1 and verified_at is not null", NAME
    )
    assert served == second.id


async def test_every_owner_hears_of_a_dispute(world: World) -> None:
    first, mine, second, _ = await two_claims(world)
    await world.person(first, role="owner", email="bea@owners.test")
    world.publish(NAME, second, first)
    await check(world, first, mine)
    assert await told(world) == {("one@owners.test", "kept"), ("bea@owners.test", "kept")}


async def test_a_displaced_account_can_prove_control_again(world: World) -> None:
    first, mine, second, theirs = await two_claims(world)
    world.publish(NAME, second)
    await check(world, second, theirs)
    assert await told(world) == {("one@owners.test", "lost"), ("two@owners.test", "won")}
    world.publish(NAME, first)
    assert await check(world, first, mine) == "verified"
    assert await state(second, theirs) == "displaced"
    assert await told(world) == {("one@owners.test", "won"), ("two@owners.test", "lost")}


async def test_a_verified_domain_without_its_token_keeps_working_but_shows_it(world: World) -> None:
    tenant = await world.tenant()
    domain = await tenant.claim(NAME)
    world.publish(NAME, tenant)
    await check(world, tenant, domain)
    world.publish(NAME)
    assert await check(world, tenant, domain) == "temporarily_failing"
    shown = (await tenant.http.get(f"/v1/domains/{domain['id']}")).json()
    assert shown["found"]["ownership"]["state"] == "missing"


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED])
async def test_silence_of_the_dns_takes_a_domain_from_nobody(world: World, fault: Fault) -> None:
    first, mine, second, theirs = await two_claims(world)
    world.publish(NAME, second)
    world.zone.fail(NAME, fault)  # the name itself could still hold the incumbent's token
    assert await check(world, second, theirs) == "pending"
    world.zone.fail(f"_clearpost.{NAME}", fault)
    world.clock.step(timedelta(minutes=2))
    assert await check(world, second, theirs) == "pending"
    assert await state(first, mine) == "verified"
    assert (await second.http.get(f"/v1/domains/{theirs['id']}")).json()["found"]["ownership"][
        "state"
    ] == "failure"


async def test_hostile_records_are_kept_bounded_and_harmless(world: World) -> None:
    tenant = await world.tenant()
    domain = await tenant.claim(NAME)
    world.zone.put(
        f"_clearpost.{NAME}", "TXT", r'"\000\010<script>" "x"', *(f'"record{n}"' for n in range(40))
    )
    assert await check(world, tenant, domain) == "pending"
    shown = (await tenant.http.get(f"/v1/domains/{domain['id']}")).json()["found"]["ownership"]
    assert len(shown["found"]) <= 10
    assert all(text.isprintable() for text in shown["found"])


def watch(world: World) -> Watch:
    runtime = world.runtime
    return Watch(runtime.database, runtime.resolver, runtime.clock, runtime.settings)


async def later(world: World) -> None:
    """Nothing is due for an hour."""
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update domain set next_check_at = now() + interval '1 hour'")


async def due(world: World, *, ago: str = "1 second") -> int:
    """Time has passed: every domain is to be looked at. Returns how many were."""
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update domain set next_check_at = now() - $1::text::interval", ago)
    return await watch(world).check_due()


async def test_mail_for_a_fresh_claim_has_it_checked_and_a_flood_asks_once(world: World) -> None:
    tenant = await world.tenant()
    domain = await tenant.claim(NAME)
    database = world.runtime.database
    await later(world)
    await routing.want_check(database, "nobodys.test")
    assert await watch(world).check_due() == 0
    world.publish(NAME, tenant)
    for _ in range(5):
        await routing.want_check(database, NAME)
    assert await watch(world).check_due() == 1
    assert await state(tenant, domain) == "verified"
    await routing.want_check(database, NAME)
    assert await watch(world).check_due() == 0


async def test_domains_are_looked_at_when_due_and_by_one_process(world: World) -> None:
    _, mine, _, _ = await two_claims(world)
    await later(world)
    assert await watch(world).check_due() == 0
    assert await due(world) == 1
    assert await watch(world).check_due() == 0
    await later(world)
    checked = "select checked_at > now() - interval '10 seconds' from domain where id = $1"
    assert await world.runtime.database.value(checked, UUID(mine["id"]))


async def test_a_recheck_finds_the_new_owner(world: World) -> None:
    first, mine, second, theirs = await two_claims(world)
    world.publish(NAME, second)
    await due(world)
    assert (await state(first, mine), await state(second, theirs)) == ("displaced", "verified")


class _Watching(Resolver):
    """Looks, at each question, whether the API holds a transaction open."""

    database_url = ""
    open_transactions: ClassVar[list[int]] = []

    async def txt(self, name: str) -> TxtAnswer:
        watcher = await asyncpg.connect(self.database_url)
        idle = "select count(*) from pg_stat_activity where state like 'idle in%' and datname = $1"
        mine = self.database_url.rpartition("/")[2]
        self.open_transactions.append(await watcher.fetchval(idle, mine))
        await watcher.close()
        return await super().txt(name)


async def test_no_transaction_is_open_while_dns_is_asked(world: World, database_url: str) -> None:
    tenant = await world.tenant()
    domain = await tenant.claim(NAME)
    watching = _Watching(settings=world.runtime.settings, clock=world.clock)
    watching.database_url = database_url
    await world.runtime.requests.drain()  # else it writes down the claim meanwhile
    world.app.state.runtime = replace(world.runtime, resolver=watching)
    assert await check(world, tenant, domain) == "not_started"
    assert watching.open_transactions == [0] * 6
