"""Who may ask: API keys as Bearer token, and nothing else; and when an answer may say 200."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from api.app import create_app
from customers import api_keys
from mailcore.database import Database
from tests.support.api import Tenant, World


async def test_without_a_key_the_answer_is_401(world: World) -> None:
    answer = await world.anonymous.get("/v1/account")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "scheme", ["Basic {}", "bearer{}", "{}", "Bearer", "Bearer {}x", "Bearer x{}", "Token {}"]
)
async def test_only_a_whole_bearer_token_is_a_key(world: World, tenant: Tenant, scheme: str) -> None:
    headers = {"Authorization": scheme.format(tenant.secret)}
    assert (await world.anonymous.get("/v1/account", headers=headers)).status_code == 401


async def test_an_unknown_key_is_refused_and_a_revoked_one_at_once(world: World, tenant: Tenant) -> None:
    stranger = {"Authorization": f"Bearer {api_keys.generate(live=True)}"}
    assert (await world.anonymous.get("/v1/account", headers=stranger)).status_code == 401
    assert (await tenant.http.get("/v1/account")).status_code == 200
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update api_key set revoked_at = now()")
    assert (await tenant.http.get("/v1/account")).status_code == 401


class _NeverAsked:
    """A database that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the database was asked: {name}")


async def test_a_malformed_key_is_refused_without_asking_the_database(world: World, tenant: Tenant) -> None:
    runtime = replace(world.runtime, database=cast(Database, _NeverAsked()))
    flipped = tenant.secret[:-1] + ("a" if tenant.secret[-1] != "a" else "b")
    transport = httpx.ASGITransport(app=create_app(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        for secret in ("x", "cp_test_", tenant.secret.upper(), flipped, tenant.secret + "\u00e9"):
            headers = {"Authorization": f"Bearer {secret}".encode()}
            answer = await client.get("/v1/account", headers=cast(Any, headers))
            assert answer.status_code == 401


async def test_only_a_keyed_hash_of_the_secret_is_stored(world: World, tenant: Tenant) -> None:
    row = await world.runtime.database.row("select * from api_key")
    assert tenant.secret not in str(dict(row))
    assert row["prefix"] == tenant.secret[:12]
    assert len(row["secret_hash"]) == 64


async def test_use_is_noted_at_most_once_a_minute(world: World, tenant: Tenant) -> None:
    async def used() -> Any:
        await tenant.http.get("/v1/account")
        return await world.runtime.database.value("select last_used_at from api_key")

    first = await used()
    world.clock.step(timedelta(seconds=50))
    assert await used() == first
    world.clock.step(timedelta(seconds=15))
    assert await used() > first


async def test_a_failing_commit_is_answered_503_and_not_201(world: World, tenant: Tenant) -> None:
    """A deferred constraint fails at COMMIT, when the resource has returned long since."""
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$"
        )
        await tx.execute(
            "create constraint trigger refuse after insert on domain deferrable initially deferred "
            "for each row execute function refuse()"
        )
    answer = await tenant.http.post("/v1/domains", json={"name": "example.test"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    assert await world.runtime.database.value("select count(*) from domain") == 0


async def test_an_error_of_the_resource_rolls_everything_back(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    many = [f"d{number}@inbox.test" for number in range(6)]
    body = {"local_part": "a", "destinations": many}
    assert (await tenant.http.post(f"/v1/domains/{domain['id']}/aliases", json=body)).status_code == 403
    assert await world.runtime.database.value("select count(*) from destination") == 0


class _Broken:
    """A database whose sessions fail with a text that nobody may see."""

    def __init__(self, real: Database, error: Exception) -> None:
        self._real = real
        self._error = error

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with self._real.session() as session:
            await session.connection()
            raise self._error
            yield session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.mark.parametrize("error", [OSError("secret"), ValueError("secret"), TimeoutError("secret")])
async def test_the_unforeseen_is_a_503_without_internals(
    world: World, tenant: Tenant, error: Exception
) -> None:
    broken = cast(Database, _Broken(world.runtime.database, error))
    transport = httpx.ASGITransport(app=create_app(replace(world.runtime, database=broken)))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        answer = await client.get("/v1/account", headers={"Authorization": f"Bearer {tenant.secret}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_lost_database_is_a_503_and_comes_back(world: World, tenant: Tenant) -> None:
    assert (await tenant.http.get("/v1/account")).status_code == 200
    async with world.runtime.database.session() as session:
        cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()"
        await (await session.connection()).execute(text(f"{cut} and datname = current_database()"))
    answers = [(await tenant.http.get("/v1/account")).status_code for _ in range(4)]
    assert set(answers) <= {200, 503}
    assert answers[-1] == 200
