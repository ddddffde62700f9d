"""What the log comes to: volume by outcome, times of delivery, who writes to an alias; never past the log."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

from customers.callers import Scope
from mailcore import event_log
from mailcore.event_log import MORE_REFUSALS, Answer, Attempt, LoggedMessage
from mailcore.plans import Plan
from mailcore.replies import UNKNOWN_ALIAS, Reply
from tests.support.api import Tenant, World
from tests.support.logged import put_in_queue, write

NOTHING = {"delivered": 0, "soft_bounced": 0, "hard_bounced": 0, "refused": 0, "waiting": 0}


async def volume(tenant: Tenant, **params: Any) -> dict[str, Any]:
    answer = await tenant.http.get("/v1/logs/volume", params=params)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def total(found: dict[str, Any]) -> dict[str, int]:
    return {name: sum(each[name] for each in found["data"]) for name in NOTHING}


async def refuse(
    world: World, tenant: Tenant, reply: Reply, domain_id: UUID | None = None, count: int = 1
) -> None:
    message = LoggedMessage(
        world.clock.new_id(), tenant.id, domain_id, world.clock.now(), "192.0.2.7", "", "", "", ""
    )
    async with world.runtime.database.transaction() as tx:
        await event_log.record_messages(tx, world.runtime.log_keys, [message])
        await event_log.record_events(
            tx, world.runtime.log_keys, [event_log.refused(message, reply, "192.0.2.1", count=count)]
        )


async def test_each_delivery_counts_once_by_what_became_of_it(world: World, tenant: Tenant) -> None:
    await write(world, tenant)  # put off first, then delivered: counted as delivered alone
    await put_in_queue(world, await write(world, tenant, delivered=False), failures=1)
    await put_in_queue(world, await write(world, tenant, delivered=False))
    bounced = await write(world, tenant, delivered=False)
    attempt = Attempt(bounced.id, tenant.id, bounced.received_at, uuid4(), 2)
    gone = Answer("550 5.1.1 gone", "5.1.1", "192.0.2.25", timedelta(0))
    async with world.runtime.database.transaction() as tx:
        await event_log.record_events(
            tx, world.runtime.log_keys, [event_log.hard_bounced(attempt, gone, world.clock.now())]
        )
    await refuse(world, tenant, UNKNOWN_ALIAS)
    found = await volume(tenant)
    assert total(found) == {"delivered": 1, "soft_bounced": 1, "hard_bounced": 1, "refused": 1, "waiting": 1}
    assert total(await volume(await world.tenant("two"))) == NOTHING


async def test_refusals_beyond_the_cap_are_all_counted(world: World, tenant: Tenant) -> None:
    await refuse(world, tenant, UNKNOWN_ALIAS)
    await refuse(world, tenant, Reply(550, "5.0.0", MORE_REFUSALS), count=250)
    assert total(await volume(tenant))["refused"] == 251


async def test_hours_and_days_come_without_gaps_in_utc(world: World, tenant: Tenant) -> None:
    await write(world, tenant)
    world.clock.step(timedelta(days=2))
    await write(world, tenant)
    for by, length, least in (("hour", timedelta(hours=1), 168), ("day", timedelta(days=1), 7)):
        moments = [datetime.fromisoformat(each["at"]) for each in (await volume(tenant, by=by))["data"]]
        assert len(moments) in (least, least + 1)
        assert {after - before for before, after in pairwise(moments)} == {length}
        assert moments[-1] <= world.clock.now() < moments[-1] + length
        assert moments[0].astimezone(UTC).minute == 0
    found = await volume(tenant, by="hour")
    assert sum(each["delivered"] == 1 for each in found["data"]) == 2


async def test_volume_is_that_of_one_domain_if_asked_and_of_a_keys_domains_always(world: World) -> None:
    tenant = await world.tenant("rich", Plan.BUSINESS)
    here, there = await tenant.claim("here.test"), await tenant.claim("there.test")
    for domain in (here, here, there):
        await write(world, tenant, domain_id=UUID(domain["id"]))
    await refuse(world, tenant, UNKNOWN_ALIAS, UUID(there["id"]))
    waits = await write(world, tenant, domain_id=UUID(there["id"]), delivered=False)
    await put_in_queue(world, waits)
    assert total(await volume(tenant, domain_id=here["id"])) == NOTHING | {"delivered": 2}
    other = NOTHING | {"delivered": 1, "refused": 1, "waiting": 1}
    assert total(await volume(tenant, domain_id=there["id"])) == other
    key = await world.key(tenant, Scope.LOGS_READ, domain_ids=[there["id"]])
    seen = (await key.get("/v1/logs/volume")).json()
    assert total(seen) == other
    assert sum(each["delivered"] for each in seen["speeds"]) == 1


async def test_times_of_delivery_are_told_by_day_and_lane(world: World) -> None:
    tenant = await world.tenant("rich", Plan.PREMIUM)
    for _ in range(3):
        await write(world, tenant)  # two seconds each
    (speed,) = (await volume(tenant))["speeds"]
    assert speed == {
        "day": world.clock.now().date().isoformat(),
        "lane": "fast",
        "delivered": 3,
        "p50_ms": 2000,
        "p95_ms": 2000,
    }


async def test_figures_end_where_the_log_ends_whatever_upkeep_did(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    alias = await tenant.alias(domain)
    await write(world, tenant, domain_id=UUID(domain["id"]))
    world.clock.step(timedelta(days=7) - timedelta(seconds=20))
    assert total(await volume(tenant))["delivered"] == 1
    assert len(await senders(tenant, alias)) == 1
    world.clock.step(timedelta(seconds=20))
    found = await volume(tenant)
    assert (total(found), found["speeds"]) == (NOTHING, [])
    assert await senders(tenant, alias) == []


async def test_figures_are_kept_for_a_moment_and_told_as_unchanged(world: World, tenant: Tenant) -> None:
    first = await tenant.http.get("/v1/logs/volume")
    assert first.headers["cache-control"] == "private, max-age=10"
    again = await tenant.http.get("/v1/logs/volume", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


# --- who writes to an alias ---


async def senders(tenant: Tenant, alias: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    answer = await tenant.http.get(f"/v1/aliases/{alias['id']}/senders", params=params)
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()["data"]
    return told


async def test_senders_of_an_alias_are_counted_the_newest_first(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    alias = await tenant.alias(domain, "a_b")
    home = UUID(domain["id"])
    await write(world, tenant, alias="a_b@example.test", sender="Ada <ada@a.test>", domain_id=home)
    await write(world, tenant, alias="A_B+shop@example.test", sender="Ada <ada@a.test>", domain_id=home)
    last = await write(world, tenant, alias="a_b@example.test", sender="bob@b.test", domain_id=home)
    await write(world, tenant, alias="axb@example.test", sender="no@other.test", domain_id=home)
    found = await senders(tenant, alias)
    assert [(each["sender"], each["count"]) for each in found] == [("bob@b.test", 1), ("Ada <ada@a.test>", 2)]
    assert datetime.fromisoformat(found[0]["last_at"]) == last.received_at
    assert [each["sender"] for each in await senders(tenant, alias, limit=1)] == ["bob@b.test"]


async def test_senders_of_a_catch_all_are_those_that_no_other_alias_has(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    home = UUID(domain["id"])
    catch_all = await tenant.alias(domain, "*")
    await tenant.alias(domain, "hello")
    await write(world, tenant, alias="hello@example.test", sender="no@other.test", domain_id=home)
    await write(world, tenant, alias="Hello+x@example.test", sender="no@other.test", domain_id=home)
    await write(world, tenant, alias="any.thing@example.test", sender="ada@a.test", domain_id=home)
    assert [each["sender"] for each in await senders(tenant, catch_all)] == ["ada@a.test"]


async def test_senders_need_the_scope_of_the_log(world: World, tenant: Tenant) -> None:
    alias = await tenant.alias(await tenant.claim())
    key = await world.key(tenant, Scope.ALIASES_READ)
    answer = await key.get(f"/v1/aliases/{alias['id']}/senders")
    assert (answer.status_code, answer.json()["scope"]) == (403, "logs:read")
