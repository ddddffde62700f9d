"""A stock OAuth client library against the API on a real socket: from registration to revocation."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from api.browser_sessions import cookie_name
from tests.support.api import SignedInPerson, Tenant, World, running_api

CALLBACK = "http://127.0.0.1/callback"
SCOPE = "aliases:read domains:read"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


class Server(uvicorn.Server):
    """Leaves signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(world: World, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(world.app, ws="none", lifespan="off", log_config=None, access_log=False)
    server = Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def open_world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with (
            running_api(database_url, tmp_path, web_url=url) as world,
            served(world, listener),
        ):
            yield world


async def say_yes(world: World, person: SignedInPerson, url: str) -> str:
    """The person's browser: opens the page, presses the button, is sent back with the answer."""
    site = world.runtime.settings.web_url
    cookies = {cookie_name(world.runtime.settings): person.secret}
    async with httpx.AsyncClient(base_url=site, cookies=cookies) as browser:
        page = await browser.get(url)
        assert "Mail sorter" in page.text
        form = {"query": urlsplit(url).query, "decision": "allow"}
        answer = await browser.post("/oauth/authorize", data=form, headers={"Origin": site})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


async def register(world: World, tenant: Tenant, *, confidential: bool) -> dict[str, Any]:
    body = {
        "name": "Mail sorter",
        "homepage": "https://sorter.test",
        "redirect_uris": [CALLBACK],
        "scopes": SCOPE.split(),
        "confidential": confidential,
    }
    return (await tenant.http.post("/v1/oauth/apps", json=body)).json()  # type: ignore[no-any-return]


async def run(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The library's calls block."""
    return await asyncio.to_thread(call, *arguments, **named)


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
async def test_a_stock_client_registers_asks_reads_refreshes_and_revokes(
    open_world: World, method: str
) -> None:
    world, tenant = open_world, await open_world.tenant()
    person = await world.person(await world.tenant("two"))
    shown = await register(world, tenant, confidential=method != "none")
    site = world.runtime.settings.web_url
    redirect_uri = CALLBACK.replace("127.0.0.1", "127.0.0.1:51004")
    with OAuth2Session(
        shown["client_id"],
        shown["client_secret"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope=SCOPE,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    ) as client:
        found = (
            await run(client.get, f"{site}/.well-known/oauth-authorization-server", withhold_token=True)
        ).json()
        url, state = client.create_authorization_url(found["authorization_endpoint"], code_verifier=VERIFIER)
        back = await say_yes(world, person, url)
        assert parse_qs(urlsplit(back).query)["iss"] == [found["issuer"]]
        token = await run(
            client.fetch_token,
            found["token_endpoint"],
            authorization_response=back,
            state=state,
            code_verifier=VERIFIER,
        )
        assert token["scope"] == SCOPE
        assert (await run(client.get, f"{site}/v1/aliases")).json()["data"] == []
        new = await run(client.refresh_token, found["token_endpoint"])
        assert new["access_token"] != token["access_token"]
        assert (await run(client.get, f"{site}/v1/aliases")).status_code == 200
        gone = await run(
            client.revoke_token, found["revocation_endpoint"], token=new["refresh_token"],
            token_type_hint="refresh_token",
        )  # fmt: skip
        assert gone.status_code == 200
        assert (await run(client.get, f"{site}/v1/aliases")).status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            await run(client.refresh_token, found["token_endpoint"], refresh_token=new["refresh_token"])
