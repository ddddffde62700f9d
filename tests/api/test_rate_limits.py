"""How often one may ask, with a real Valkey that is also stopped."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.ports import free_port
from tests.support.api import World, running_api


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "own", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def limited(database_url: str, tmp_path: Path, own_valkey: EmbeddedValkey) -> AsyncIterator[World]:
    async with running_api(
        database_url,
        tmp_path,
        redis_url=SecretStr(own_valkey.url),
        api_rate_key=3,
        api_rate_account=5,
        api_rate_failures=2,
    ) as world:
        yield world


async def test_every_answer_says_what_is_left(limited: World) -> None:
    tenant = await limited.tenant()
    first = await tenant.http.get("/v1/account")
    assert first.headers["ratelimit-policy"] == '"key";q=3;w=60, "account";q=5;w=60'
    assert re.fullmatch(r'"key";r=2;t=\d+, "account";r=4;t=\d+', first.headers["ratelimit"])
    missing = await tenant.http.get(f"/v1/aliases/{limited.clock.new_id()}")
    assert (missing.status_code, missing.headers["ratelimit"][:9]) == (404, '"key";r=1')


async def test_a_key_that_asks_too_often_is_refused_429(limited: World) -> None:
    tenant = await limited.tenant()
    for _ in range(3):
        assert (await tenant.http.get("/v1/account")).status_code == 200
    refused = await tenant.http.get("/v1/account")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["ratelimit"].startswith('"key";r=0;t=')


async def test_keys_of_one_account_share_its_limit(limited: World) -> None:
    tenant = await limited.tenant()
    made = await tenant.http.post("/v1/keys", json={"name": "second", "scopes": ["account:read"]})
    second = limited.client(Authorization=f"Bearer {made.json()['secret']}")
    codes = [(await client.get("/v1/account")).status_code for client in [tenant.http] * 2 + [second] * 3]
    assert codes == [200, 200, 200, 200, 429]
    other = await limited.tenant("two")
    assert (await other.http.get("/v1/account")).status_code == 200
    await second.aclose()


async def test_whoever_has_no_valid_key_is_slowed_down_and_others_are_not(limited: World) -> None:
    tenant = await limited.tenant()
    wrong = limited.client(Authorization="Bearer cp_live_nothing")
    codes = [(await wrong.get("/v1/account")).status_code for _ in range(3)]
    assert codes == [401, 401, 429]
    refused = await wrong.get("/v1/account")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await tenant.http.get("/v1/account")).status_code == 200
    await wrong.aclose()


async def test_nobody_is_stopped_while_redis_is_away(limited: World, own_valkey: EmbeddedValkey) -> None:
    tenant = await limited.tenant()
    for _ in range(3):
        await tenant.http.get("/v1/account")
    assert (await tenant.http.get("/v1/account")).status_code == 429
    own_valkey.stop()
    for _ in range(6):
        answer = await tenant.http.get("/v1/account")
        assert answer.status_code == 200
        assert answer.headers["ratelimit"].startswith('"key";r=3')
