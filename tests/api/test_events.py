"""GET /v1/events over a real socket: what a page hears, when, and how it goes on after a break."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from customers import oauth_grants, standing
from customers.callers import Scope
from mailcore import changes
from mailcore.jobs import Alarm
from mailcore.plans import Plan
from tests.support.api import Tenant, World, running_api
from tests.support.event_client import Page, page, served
from tests.support.logged import write
from tests.support.oauth import App


async def note(world: World, tenant: Tenant, number: int = 0) -> None:
    async with world.runtime.database.transaction() as tx:
        await changes.note(tx, tenant.id, "plan", plan=str(number))


async def begun(opened: Page) -> None:
    assert (await opened.next()).kind == "ready"


async def taken(url: str, tenant: Tenant) -> bool:
    async with page(url, tenant.secret) as opened:
        return opened.answer.status_code == 200


async def test_a_log_event_comes_as_the_log_shows_it(world: World, tenant: Tenant) -> None:
    async with served(world.app) as url, page(url, tenant.secret) as opened:
        await begun(opened)
        assert opened.retry == "2000"
        assert opened.answer.headers["content-type"].startswith("text/event-stream")
        assert opened.answer.headers["x-accel-buffering"] == "no"
        message = await write(world, tenant, verdicts="spf=pass dkim=none dmarc=pass arc=none")
        heard = await opened.wait_for(3)
        shown = (await tenant.http.get(f"/v1/logs/messages/{message.id}")).json()
    assert [each.kind for each in heard] == ["log"] * 3
    assert [each.data["event"] for each in heard] == shown["events"]
    last = heard[-1].data["message"]
    assert last == {name: shown[name] for name in last}
    assert last["authentication"]["dmarc"] == "pass"


async def test_changes_of_all_kinds_are_heard(world: World, tenant: Tenant) -> None:
    domain = world.clock.new_id()
    async with served(world.app) as url, page(url, tenant.secret) as opened:
        await begun(opened)
        async with world.runtime.database.session(tenant=None) as session:
            await changes.note(session, tenant.id, "domain", domain, state="verified")
        heard = await opened.next()
    assert (heard.kind, heard.data["subject_id"]) == ("domain", str(domain))
    assert heard.data["data"] == {"state": "verified"}


async def test_another_account_hears_nothing_of_it(world: World, tenant: Tenant) -> None:
    other = await world.tenant("two")
    async with served(world.app) as url, page(url, tenant.secret) as mine, page(url, other.secret) as theirs:
        await begun(mine)
        await begun(theirs)
        await write(world, tenant)
        await mine.wait_for(3)
        await note(world, other, 7)
        assert (await theirs.next()).data["data"] == {"plan": "7"}


async def test_after_a_break_everything_follows_once(world: World, tenant: Tenant) -> None:
    async with served(world.app) as url:
        async with page(url, tenant.secret) as opened:
            await begun(opened)
            await note(world, tenant, 1)
            await opened.next()
            last = opened.last_id
        for number in (2, 3, 4):
            await note(world, tenant, number)
        async with page(url, tenant.secret, after=last) as opened:
            await begun(opened)
            await note(world, tenant, 5)
            heard = await opened.wait_for(4)
    assert [each.data["data"]["plan"] for each in heard] == ["2", "3", "4", "5"]


async def test_a_page_that_heard_nothing_yet_has_a_cursor_too(world: World, tenant: Tenant) -> None:
    async with served(world.app) as url:
        async with page(url, tenant.secret) as opened:
            await begun(opened)
            last = opened.last_id
        await note(world, tenant, 1)
        async with page(url, tenant.secret, after=last) as opened:
            await begun(opened)
            assert (await opened.next()).data["data"] == {"plan": "1"}


async def test_it_goes_on_after_the_api_was_started_anew(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path) as world:
        tenant = await world.tenant()
        async with served(world.app) as url, page(url, tenant.secret) as opened:
            await begun(opened)
            await note(world, tenant, 1)
            await opened.next()
            last = opened.last_id
            await note(world, tenant, 2)
    async with (
        running_api(database_url, tmp_path) as world,
        served(world.app) as url,
        page(url, tenant.secret, after=last) as opened,
    ):
        await begun(opened)
        assert (await opened.next()).data["data"] == {"plan": "2"}


async def test_a_cursor_that_is_too_old_is_told_to_begin_anew(world: World, tenant: Tenant) -> None:
    async with served(world.app) as url:
        async with page(url, tenant.secret) as opened:
            await begun(opened)
            last = opened.last_id
        world.clock.step(timedelta(hours=24))
        async with page(url, tenant.secret, after=last) as opened:
            assert (await opened.next()).kind == "reset"
            await note(world, tenant, 1)
            assert (await opened.next()).kind == "plan"


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJldmVudHMiLCIxIiwiMSIsIjEiLCItMSJd", "a" * 201])
async def test_a_cursor_that_is_none_is_refused(world: World, tenant: Tenant, cursor: str) -> None:
    answer = await tenant.http.get("/v1/events", params={"after": cursor})
    assert answer.status_code == 422


async def test_who_lost_the_right_hears_no_more_within_five_seconds(world: World, tenant: Tenant) -> None:
    async with served(world.app) as url, page(url, tenant.secret) as opened:
        await begun(opened)
        async with world.runtime.database.transaction() as tx:
            await tx.execute("update api_key set revoked_at = now() where account_id = $1", tenant.id)
        assert await opened.ended(seconds=5) == []


@pytest.mark.parametrize("change", ["app", "role"])
async def test_an_app_that_may_less_hears_no_more_within_five_seconds(
    world: World, tenant: Tenant, change: str
) -> None:
    app = await App.registered(world, tenant, scopes=["logs:read", "account:write"])
    person = await world.person(tenant, role="admin")
    token = (await app.tokens(person, scope="logs:read account:write"))["access_token"]
    async with served(world.app) as url, page(url, token) as opened:
        await begun(opened)
        async with world.runtime.database.transaction() as tx:
            if change == "app":
                await tx.execute("update oauth_app set scopes = '{account:write}'")
            else:
                await tx.execute("update membership set role = 'viewer' where person_id = $1", person.id)
        assert await opened.ended(seconds=5) == []


async def test_an_app_that_may_what_it_might_keeps_hearing(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant, scopes=["logs:read", "account:read"])
    runtime, now = world.runtime, world.clock.now()
    for scope in ("logs:read account:read", "logs:read"):
        token = (await app.tokens(await world.person(tenant), scope=scope))["access_token"]
        who = await oauth_grants.authenticate(runtime.database, runtime.keyring, now, token)
        assert who is not None
        assert await standing.of_these(runtime.database, now, [who]) == {who}


async def test_only_kinds_that_the_scopes_allow_are_heard(world: World, tenant: Tenant) -> None:
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update api_key set scopes = $1", [Scope.ACCOUNT_READ.value])
    async with served(world.app) as url, page(url, tenant.secret) as opened:
        await begun(opened)
        await write(world, tenant)
        await note(world, tenant)
        assert (await opened.next()).kind == "plan"


async def test_without_a_scope_to_read_there_is_nothing_to_hear(world: World, tenant: Tenant) -> None:
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update api_key set scopes = $1", [Scope.ALIASES_WRITE.value])
    answer = await tenant.http.get("/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_a_key_limited_to_domains_hears_of_those_only(world: World, tenant: Tenant) -> None:
    mine, other = world.clock.new_id(), world.clock.new_id()
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update api_key set domain_ids = $1", [mine])
    async with served(world.app) as url, page(url, tenant.secret) as opened:
        await begun(opened)
        async with world.runtime.database.transaction() as tx:
            await changes.note(tx, tenant.id, "domain", other)
            await changes.note(tx, tenant.id, "plan", plan="premium")
            await changes.note(tx, tenant.id, "queue", domain_id=str(other))
            await changes.note(tx, tenant.id, "alias", domain_id=str(mine))
            await changes.note(tx, tenant.id, "domain", mine)
        assert [each.kind for each in await opened.wait_for(2)] == ["alias", "domain"]


async def test_one_stream_too_many_is_refused(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, event_streams_per_account=1) as world:
        tenant, other = await world.tenant(), await world.tenant("two")
        async with served(world.app) as url, page(url, tenant.secret) as first:
            await begun(first)
            async with page(url, tenant.secret) as second:
                assert second.answer.status_code == 429
                assert int(second.answer.headers["retry-after"]) > 0
            async with page(url, other.secret) as third:
                await begun(third)


async def test_a_page_that_left_makes_room(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, event_streams_per_account=1) as world:
        tenant = await world.tenant()
        async with served(world.app) as url:
            async with page(url, tenant.secret) as opened:
                await begun(opened)
            async with asyncio.timeout(5):
                while not await taken(url, tenant):
                    pass


async def test_at_the_end_of_the_process_streams_end(world: World, tenant: Tenant) -> None:
    async with served(world.app) as url, page(url, tenant.secret) as opened:
        await begun(opened)
        world.runtime.feed.end()
        assert await opened.ended(seconds=2) == []


async def test_redis_makes_it_faster_and_its_loss_makes_no_gap(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    alarm = Alarm.open(redis_url)
    async with running_api(database_url, tmp_path, redis_url=redis_url, tell=alarm.tell) as world:
        tenant = await world.tenant()
        async with served(world.app) as url, page(url, tenant.secret) as opened:
            await begun(opened)
            await note(world, tenant, 0)
            await opened.next()
            began = time.monotonic()
            for number in range(1, 5):
                await note(world, tenant, number)
                assert (await opened.next()).data["data"] == {"plan": str(number)}
            assert time.monotonic() - began < 2  # by polling alone each would take up to a second
            async with Redis.from_url(redis_url) as redis:
                await redis.client_kill_filter(_type="pubsub")
                await redis.execute_command("CLIENT", "PAUSE", 3000)
            await note(world, tenant, 9)
            assert (await opened.next()).data["data"] == {"plan": "9"}
    await alarm.close()


@pytest.mark.timeout(120)
async def test_two_hundred_streams_at_once_cost_one_reader(database_url: str, tmp_path: Path) -> None:
    async with (
        running_api(database_url, tmp_path) as world,
        served(world.app) as url,
        AsyncExitStack() as open_,
    ):
        tenants = [await world.tenant(f"t{number}", Plan.FREE) for number in range(20)]
        pages = [
            await open_.enter_async_context(page(url, tenant.secret)) for tenant in tenants for _ in range(10)
        ]
        await asyncio.gather(*(begun(each) for each in pages))
        for number, tenant in enumerate(tenants):
            await note(world, tenant, number)
        heard = await asyncio.gather(*(each.next() for each in pages))
        assert [each.data["data"]["plan"] for each in heard] == [str(n) for n in range(20) for _ in range(10)]
