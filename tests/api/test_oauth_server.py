"""What the authorization server says of itself, and how often it is asked."""

import asyncio
from pathlib import Path

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from pydantic import SecretStr

from customers.callers import Scope
from tests.support.api import World, running_api


async def test_metadata_says_what_there_is(world: World) -> None:
    told = (await world.anonymous.get("/.well-known/oauth-authorization-server")).json()
    AuthorizationServerMetadata(told).validate()
    assert told["issuer"] == world.runtime.settings.web_url
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["response_types_supported"] == ["code"]
    assert told["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert set(told["scopes_supported"]) == set(Scope)


async def test_who_asks_for_tokens_without_end_must_wait(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with running_api(database_url, tmp_path, redis_url=SecretStr(redis_url)) as world:
        asked = (world.anonymous.post("/oauth/token", json={}) for _ in range(400))
        answers = await asyncio.gather(*asked)
        assert {answer.status_code for answer in answers} == {400, 429}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
