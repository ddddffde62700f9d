"""What an account reads of its own requests: who, what, how it ended; nothing that was sent or answered."""

import asyncio
import re
from datetime import timedelta
from typing import Any, cast

import asyncpg
import pytest

from customers import request_log
from customers.callers import Scope
from customers.request_log import Answered, RequestRecorder
from mailcore.clock import Clock
from mailcore.database import Database
from tests.support.api import Tenant, World


async def logged(world: World, tenant: Tenant, **wanted: Any) -> list[dict[str, Any]]:
    await world.runtime.requests.drain()
    answer = await tenant.http.get("/v1/requests", params=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]  # type: ignore[no-any-return]


async def test_a_request_is_listed_with_its_caller_and_its_end(world: World, tenant: Tenant) -> None:
    answer = await tenant.http.post("/v1/domains?secret=1", json={"name": "not a name"})
    (line,) = await logged(world, tenant)
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/domains", answer.status_code)
    assert line["request_id"] == answer.headers["x-request-id"]
    key = await world.runtime.database.value("select id from api_key")
    assert (line["actor_kind"], line["actor_id"]) == ("key", str(key))
    assert line["duration_ms"] >= 0
    everything = await world.runtime.database.value("select request_log::text from request_log limit 1")
    assert "secret" not in everything
    assert "not a name" not in everything


async def test_a_person_is_listed_as_one_and_the_unknown_not_at_all(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    await person.http.get("/v1/domains")
    await world.anonymous.get("/v1/domains")
    await world.anonymous.get("/v1/domains", headers={"Authorization": "Bearer cp_test_nothing"})
    await tenant.http.get("/openapi.json")
    (line,) = await logged(world, tenant)
    assert (line["actor_kind"], line["actor_id"]) == ("person", str(person.id))


async def test_what_programs_asked_is_listed_by_itself(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    await person.http.get("/v1/domains")
    await tenant.http.get("/v1/aliases")
    (line,) = await logged(world, tenant, programs=True)
    assert (line["actor_kind"], line["path"]) == ("key", "/v1/aliases")


async def test_refusals_are_listed_too(world: World, tenant: Tenant) -> None:
    narrow = await world.key(tenant, Scope.DOMAINS_READ)
    await narrow.get("/v1/aliases")
    await tenant.http.get(f"/v1/domains/{world.clock.new_id()}")
    assert [line["status"] for line in await logged(world, tenant)] == [404, 403]


async def test_lines_are_found_by_status_method_caller_and_time(world: World, tenant: Tenant) -> None:
    other = await world.key(tenant)
    await tenant.http.get("/v1/domains")
    start = world.clock.now() + timedelta(minutes=1)
    world.clock.step(timedelta(minutes=2))
    await other.post("/v1/domains", json={"name": "a.test"})
    lines = await logged(world, tenant)
    assert [line["method"] for line in lines] == ["POST", "GET"]
    newest = lines[:1]
    assert await logged(world, tenant, status=201) == newest
    assert await logged(world, tenant, method="POST") == newest
    assert await logged(world, tenant, actor_id=newest[0]["actor_id"]) == newest
    assert await logged(world, tenant, since=start.isoformat(), method="POST") == newest
    assert await logged(world, tenant, until=start.isoformat()) == lines[1:]


async def test_pages_go_from_new_to_old_and_end(world: World, tenant: Tenant) -> None:
    for _ in range(5):
        await tenant.http.get("/v1/domains")
    await world.runtime.requests.drain()
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await tenant.http.get("/v1/requests", params={"limit": 2, "method": "GET", **cursor})).json()
        seen += [line["id"] for line in page["data"] if line["path"] == "/v1/domains"]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5


async def test_lines_are_read_for_seven_days_to_the_second_and_then_deleted(
    world: World, tenant: Tenant
) -> None:
    await tenant.http.get("/v1/domains")
    await world.runtime.requests.drain()
    world.clock.step(timedelta(days=7) - timedelta(seconds=30))
    assert "/v1/domains" in [line["path"] for line in await logged(world, tenant)]
    world.clock.step(timedelta(seconds=30))
    assert "/v1/domains" not in [line["path"] for line in await logged(world, tenant)]
    database = world.runtime.database
    await world.runtime.requests.drain()
    await request_log.expire(database, world.clock.now())
    assert await database.value("select count(*) from request_log where path = '/v1/domains'") == 0
    assert await database.value("select count(*) from request_log") > 0


async def test_only_a_reader_of_the_account_sees_it_and_only_its_own(world: World, tenant: Tenant) -> None:
    other = await world.tenant("two")
    await other.http.get("/v1/domains")
    assert await logged(world, tenant) == []
    narrow = await world.key(tenant, Scope.LOGS_READ, Scope.ALIASES_READ)
    assert (await narrow.get("/v1/requests")).status_code == 403


@pytest.mark.parametrize("part", ["%00" + "x" * 1000, "{secret}", "ada@people.test", "A1", "caf\u00e9"])
async def test_of_a_path_only_our_words_and_ids_are_kept(world: World, tenant: Tenant, part: str) -> None:
    given = str(world.clock.new_id())
    await tenant.http.get(f"/v1/keys/{part.format(secret=tenant.secret)}")
    await tenant.http.get(f"/v1/domains/{given}/aliases")
    assert [line["path"] for line in await logged(world, tenant)] == [
        f"/v1/domains/{given}/aliases", "/v1/keys/*",
    ]  # fmt: skip


def test_no_word_of_ours_is_masked(world: World) -> None:
    for path in (each for each in world.app.openapi()["paths"] if each.startswith("/v1/")):
        plain = re.sub(r"\{\w+_id\}", "0192f0c1-8b1e-7c3a-9d59-2f6f5d0b7a11", path)
        assert request_log.shown_path(plain) == plain


# --- behind the answer ---


def answered(clock: Clock) -> Answered:
    account, key = clock.new_id(), clock.new_id()
    return Answered(clock.new_id(), account, clock.now(), "key", key, "GET", "/v1/x", 200, 1, "id")


async def test_a_database_that_hangs_delays_no_answer_and_fills_no_memory(world: World) -> None:
    recorder, clock = RequestRecorder(world.runtime.database), world.clock
    async with world.runtime.database.transaction() as tx:
        await tx.execute("lock table request_log in exclusive mode")
        for _ in range(10_050):
            recorder.note(answered(clock))
        await asyncio.sleep(0)
    await recorder.drain()
    assert await world.runtime.database.value("select count(*) from request_log") == 10_000


class _Refusing:
    """A database that takes no row."""

    def transaction(self) -> Any:
        raise asyncpg.DiskFullError


async def test_rows_that_cannot_be_written_are_lost_and_nobody_notices(world: World) -> None:
    recorder = RequestRecorder(cast(Database, _Refusing()))
    recorder.note(answered(world.clock))
    await recorder.drain()


async def test_what_waits_is_written_when_the_process_ends(world: World) -> None:
    recorder = RequestRecorder(world.runtime.database)
    for _ in range(20):
        recorder.note(answered(world.clock))
    await recorder.close()
    assert await world.runtime.database.value("select count(*) from request_log") == 20


@pytest.mark.timeout(20)
async def test_a_process_does_not_wait_for_ever_to_write_it(world: World) -> None:
    recorder = RequestRecorder(world.runtime.database)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("lock table request_log in exclusive mode")
        recorder.note(answered(world.clock))
        await recorder.close(patience=0.05)
