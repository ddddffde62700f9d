"""Signing in by an identity provider: whom it may vouch for, and every lie that must not sign anybody in."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from mailcore.settings import Settings
from tests.support import identity_provider
from tests.support.api import World, running_api
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, LyingProvider
from tests.support.signing_in import cookie_of, sign_in

ADA = {"sub": "ada-1", "email": "ada@example.org", "email_verified": True, "name": "Ada"}
GITHUB_ADA = {
    "user": {"id": 7, "login": "ada", "name": "Ada"},
    "emails": [
        {"email": "old@example.org", "primary": False, "verified": True},
        {"email": "ada@example.org", "primary": True, "verified": True},
    ],
}


@asynccontextmanager
async def api_with(
    database_url: str, folder: Path, issuer: str, name: str = "work", **changes: Any
) -> AsyncIterator[World]:
    values: dict[str, Any] = {
        "providers": {name: issuer},
        "provider_clients": {name: CLIENT_ID},
        "provider_secrets": SecretStr(f"{name}={CLIENT_SECRET}"),
    }
    async with running_api(database_url, folder, **values, **changes) as world:
        yield world


@pytest.fixture
async def provider() -> AsyncIterator[LyingProvider]:
    async with LyingProvider.running() as running:
        running.person = dict(ADA)
        yield running


@pytest.fixture
async def world(database_url: str, tmp_path: Path, provider: LyingProvider) -> AsyncIterator[World]:
    async with api_with(database_url, tmp_path, provider.issuer) as running:
        yield running


@pytest.fixture
async def github(database_url: str, tmp_path: Path, provider: LyingProvider) -> AsyncIterator[World]:
    provider.person = dict(GITHUB_ADA)
    async with api_with(database_url, tmp_path, provider.issuer, "github") as running:
        yield running


async def leave(browser: httpx.AsyncClient, name: str = "work", **form: str) -> str:
    """To the provider: where the browser is sent."""
    answer = await browser.post(f"/auth/providers/{name}", data=form)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def visit(
    browser: httpx.AsyncClient, provider: LyingProvider, name: str = "work", **more: str
) -> httpx.Response:
    return await browser.get(provider.visit(await leave(browser, name), **more))


async def people(world: World) -> int:
    return int(await world.runtime.database.value("select count(*) from person"))


def refused(world: World, browser: httpx.AsyncClient, answer: httpx.Response, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert cookie_of(world, browser) is None


async def test_a_verified_address_makes_a_person_known_by_their_identity(
    world: World, provider: LyingProvider
) -> None:
    browser = world.browser()
    location = await leave(browser, next="/docs")
    asked = parse_qs(urlsplit(location).query)
    assert asked["redirect_uri"] == ["http://localhost:8025/auth/providers/work/callback"]
    assert set(asked) >= {"state", "nonce", "code_challenge"}
    done = await browser.get(provider.visit(location))
    assert (done.status_code, done.headers["location"]) == (303, "/docs")
    me = (await browser.get("/v1/me")).json()
    assert (me["email"], me["name"], me["method"]) == ("ada@example.org", "Ada", "provider")
    assert [each["issuer"] for each in me["identities"]] == [provider.issuer]


async def test_an_identity_stays_the_same_person_when_its_address_changes(
    world: World, provider: LyingProvider
) -> None:
    await visit(world.browser(), provider)
    provider.person |= {"email": "eve@example.org", "email_verified": False}
    browser = world.browser()
    assert (await visit(browser, provider)).status_code == 303
    assert (await browser.get("/v1/me")).json()["email"] == "ada@example.org"
    assert await people(world) == 1


@pytest.mark.parametrize("verified", [False, None, "false", "true", 1, "yes"])
async def test_an_unverified_address_neither_makes_nor_links_anybody(
    world: World, provider: LyingProvider, verified: Any
) -> None:
    await world.person(email="ada@example.org")
    provider.person |= {"email_verified": verified}
    browser = world.browser()
    refused(world, browser, await visit(browser, provider), 403)
    provider.person |= {"email": "new@example.org"}
    refused(world, browser, await visit(browser, provider), 403)
    assert await people(world) == 1
    assert await world.runtime.database.value("select count(*) from identity") == 0


async def test_a_person_is_linked_only_after_they_signed_in_another_way_in_this_browser(
    world: World, provider: LyingProvider
) -> None:
    await world.person(email="ada@example.org")
    browser = world.browser()
    asked = await visit(browser, provider)
    assert (asked.status_code, "Is it you?" in asked.text) == (200, True)
    assert cookie_of(world, browser) is None
    await sign_in(world, browser, "ada@example.org")
    again = world.browser()
    assert (await visit(again, provider)).status_code == 303
    assert (await again.get("/v1/me")).json()["email"] == "ada@example.org"
    assert await people(world) == 1


async def test_signing_in_as_somebody_else_links_nothing(world: World, provider: LyingProvider) -> None:
    await world.person(email="ada@example.org")
    browser = world.browser()
    await visit(browser, provider)
    await sign_in(world, browser, "eve@example.org")
    assert await world.runtime.database.value("select count(*) from identity") == 0
    refused(world, other := world.browser(), await visit(other, provider), 200)


async def test_somebody_signed_in_adds_an_identity_of_any_address(
    world: World, provider: LyingProvider
) -> None:
    person = await world.person(email="grace@example.org")
    location = await leave(person.http, link="1")
    done = await person.http.get(provider.visit(location))
    assert (done.status_code, "Linked" in done.text) == (200, True)
    browser = world.browser()
    await visit(browser, provider)
    assert (await browser.get("/v1/me")).json()["email"] == "grace@example.org"
    (identity,) = (await browser.get("/v1/me")).json()["identities"]
    assert (await browser.delete(f"/v1/me/identities/{identity['id']}")).status_code == 204
    assert (await browser.get("/v1/me")).json()["identities"] == []


async def test_an_identity_of_somebody_is_not_taken_by_another(world: World, provider: LyingProvider) -> None:
    await visit(world.browser(), provider)
    person = await world.person(email="grace@example.org")
    done = await person.http.get(provider.visit(await leave(person.http, link="1")))
    assert done.status_code == 409


async def test_linking_takes_somebody_who_is_signed_in(world: World, provider: LyingProvider) -> None:
    answer = await world.browser().post("/auth/providers/work", data={"link": "1"})
    assert answer.status_code == 403
    person = await world.person(email="grace@example.org")
    location = await leave(person.http, link="1")
    await person.http.post("/auth/sign-out")
    answer = await person.http.get(provider.visit(location))
    assert answer.status_code == 400  # what it asked for is forgotten with the session


async def test_where_the_door_is_closed_a_verified_address_makes_nobody(
    database_url: str, tmp_path: Path, provider: LyingProvider
) -> None:
    async with api_with(database_url, tmp_path, provider.issuer, sign_up="closed") as world:
        browser = world.browser()
        refused(world, browser, await visit(browser, provider), 403)
        assert await people(world) == 0


# --- attacks ---


async def test_an_answer_that_this_browser_did_not_ask_for_is_refused(
    world: World, provider: LyingProvider
) -> None:
    asker, other = world.browser(), world.browser()
    back = provider.visit(await leave(asker))
    refused(world, other, await other.get(back))
    await leave(other)
    refused(world, other, await other.get(back))
    assert await people(world) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda back: re.sub(r"state=[^&]+", "state=x", back),
        lambda back: re.sub(r"&state=[^&]+", "", back),
        lambda back: re.sub(r"code=[^&]+", "code=x", back),
        lambda back: re.sub(r"\?.*", "", back),
        lambda back: f"{back}&error=access_denied&error_description=<b>no</b>",
    ],
)
async def test_a_changed_answer_is_refused(world: World, provider: LyingProvider, change: Any) -> None:
    browser = world.browser()
    answer = await browser.get(change(provider.visit(await leave(browser))))
    refused(world, browser, answer)
    assert "<b>no" not in answer.text


async def test_an_answer_works_once(world: World, provider: LyingProvider) -> None:
    browser = world.browser()
    back = provider.visit(await leave(browser))
    assert (await browser.get(back)).status_code == 303
    assert (await browser.get(back)).status_code == 400


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.test"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": ["another-client"], "azp": CLIENT_ID},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    world: World, provider: LyingProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    browser = world.browser()
    refused(world, browser, await visit(browser, provider))
    assert await people(world) == 0


@pytest.mark.parametrize(
    "sign",
    [
        identity_provider.unsigned,
        identity_provider.signed_by_another,
        identity_provider.signed_with_public_key,
        identity_provider.signed_with_client_secret,
        lambda claims: identity_provider.signed(claims)[:-8] + "AAAAAAAA",
        lambda _: "no token",
        lambda _: "",
    ],
)
async def test_a_token_that_the_providers_key_did_not_sign_is_refused(
    world: World, provider: LyingProvider, sign: Any
) -> None:
    """Though this provider announces none and HS256."""
    provider.sign = sign
    browser = world.browser()
    refused(world, browser, await visit(browser, provider))
    assert await people(world) == 0


@pytest.mark.parametrize("told", [{}, {"iss": "https://evil.test"}])
async def test_a_provider_that_names_itself_in_answers_must(
    world: World, provider: LyingProvider, told: dict[str, str]
) -> None:
    """RFC 9207: else one provider's answer passes for another's."""
    provider.announced = {"authorization_response_iss_parameter_supported": True}
    browser = world.browser()
    refused(world, browser, await visit(browser, provider, **told))
    assert (await visit(browser, provider, iss=provider.issuer)).status_code == 303


async def test_a_wrong_name_in_an_answer_is_refused_from_any_provider(
    world: World, provider: LyingProvider
) -> None:
    browser = world.browser()
    refused(world, browser, await visit(browser, provider, iss="https://evil.test"))


@pytest.mark.parametrize("announced", [{"issuer": "https://evil.test"}, {"issuer": None}, {"jwks_uri": ""}])
async def test_a_provider_that_announces_nonsense_signs_nobody_in_and_is_asked_again(
    world: World, provider: LyingProvider, announced: dict[str, Any]
) -> None:
    provider.announced = announced
    browser = world.browser()
    answer = await browser.post("/auth/providers/work")
    if answer.status_code == 302:
        answer = await browser.get(provider.visit(answer.headers["location"]))
    refused(world, browser, answer)


async def test_what_discovery_tells_is_asked_once(world: World, provider: LyingProvider) -> None:
    for _ in range(2):
        await visit(world.browser(), provider)
    assert provider.met == ["discovery"]


async def test_a_provider_that_is_away_is_a_clear_page(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        issuer = f"http://127.0.0.1:{closed.getsockname()[1]}"
    async with api_with(database_url, tmp_path, issuer) as world:
        browser = world.browser()
        answer = await browser.post("/auth/providers/work")
        refused(world, browser, answer)
        assert "Work did not sign you in" in answer.text


@pytest.mark.parametrize("token", [{"id_token": None}, {"error": "invalid_grant"}])
async def test_an_answer_without_its_token_is_a_clear_page(
    world: World, provider: LyingProvider, token: dict[str, Any]
) -> None:
    provider.token = token
    browser = world.browser()
    refused(world, browser, await visit(browser, provider))


async def test_the_address_is_asked_for_where_the_token_lacks_it(
    world: World, provider: LyingProvider
) -> None:
    provider.claims = {"email": None, "email_verified": None}
    provider.userinfo = dict(ADA)
    browser = world.browser()
    assert (await visit(browser, provider)).status_code == 303
    provider.userinfo = ADA | {"sub": "eve"}
    other = world.browser()
    refused(world, other, await visit(other, provider))


async def test_an_unknown_provider_is_not_there(world: World) -> None:
    for answer in (
        await world.browser().post("/auth/providers/nobody"),
        await world.browser().get("/auth/providers/nobody/callback"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_another_sites_page_starts_nothing(world: World) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert (await world.browser().post("/auth/providers/work", headers=headers)).status_code == 403


# --- GitHub ---


async def test_github_signs_in_whom_its_verified_primary_address_names(
    github: World, provider: LyingProvider
) -> None:
    browser = github.browser()
    location = await leave(browser, "github")
    assert location.startswith(f"{provider.issuer}/login/oauth/authorize?")
    assert (await browser.get(provider.visit(location))).status_code == 303
    me = (await browser.get("/v1/me")).json()
    assert (me["email"], me["identities"][0]["issuer"]) == ("ada@example.org", provider.issuer)
    assert await github.runtime.database.value("select subject from identity") == "7"


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "ada@example.org", "primary": True, "verified": False}],
        [{"email": "ada@example.org", "primary": False, "verified": True}],
    ],
)
async def test_github_vouches_for_nothing_else(
    github: World, provider: LyingProvider, emails: list[dict[str, Any]]
) -> None:
    provider.person["emails"] = emails
    browser = github.browser()
    refused(github, browser, await visit(browser, provider, "github"), 403)
    assert await people(github) == 0


@pytest.mark.parametrize(
    "person", [{"user": {}}, {"user": []}, {"user": {"id": None}}, {"emails": {}}, {"emails": ["x"]}]
)
async def test_nonsense_of_github_is_a_clear_page(
    github: World, provider: LyingProvider, person: dict[str, Any]
) -> None:
    provider.person |= person
    browser = github.browser()
    refused(github, browser, await visit(browser, provider, "github"))


async def test_githubs_state_is_the_browsers(github: World, provider: LyingProvider) -> None:
    asker, other = github.browser(), github.browser()
    back = provider.visit(await leave(asker, "github"))
    await leave(other, "github")
    refused(github, other, await other.get(back))


# --- a provider that we did not write ---


@asynccontextmanager
async def provider_of_others() -> AsyncIterator[str]:
    """oidc-provider-mock in a process of its own: it uses what warns."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-nonce",
        "true",
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={**os.environ}
    )
    try:
        assert process.stderr is not None
        while b"running" not in (line := await process.stderr.readline()):
            assert line, "it ended"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def test_the_whole_way_with_a_provider_that_we_did_not_write(database_url: str, tmp_path: Path) -> None:
    async with (
        provider_of_others() as issuer,
        api_with(database_url, tmp_path, issuer) as world,
        httpx.AsyncClient() as outside,
    ):
        claims = {"email": "ada@example.org", "email_verified": True, "name": "Ada"}
        await outside.put(f"{issuer}/users/ada-1", json=claims)
        browser = world.browser()
        form = await outside.post(await leave(browser, next="/docs"), data={"sub": "ada-1"})
        back = urlsplit(form.headers["location"])
        done = await browser.get(f"{back.path}?{back.query}")
        assert (done.status_code, done.headers["location"]) == (303, "/docs")
        assert (await browser.get("/v1/me")).json()["email"] == "ada@example.org"


# --- settings ---


def test_providers_are_written_as_names_and_values() -> None:
    settings = Settings.model_validate(
        {
            "providers": "Google=https://accounts.google.com, github=https://github.com",
            "provider_clients": "google=g-id,github=gh-id",
            "provider_secrets": "google=a=b,github=c",
        }
    )
    assert settings.providers == {"google": "https://accounts.google.com", "github": "https://github.com"}
    assert (settings.provider_secret("google"), settings.provider_secret("github")) == ("a=b", "c")


@pytest.mark.parametrize(
    "values",
    [
        {"providers": "google=https://accounts.google.com"},
        {"providers": "a b=https://x.test", "provider_clients": "a b=1", "provider_secrets": "a b=1"},
        {
            "providers": "x=http://x.test",
            "provider_clients": "x=1",
            "provider_secrets": "x=1",
            "environment": "production",
            "postmaster_address": "p@x.test",
        },
    ],
)
def test_a_provider_that_cannot_work_is_refused_at_start(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="provider"):
        Settings.model_validate(values)


@pytest.mark.parametrize(("environment", "rule"), [("local", "open"), ("production", "closed")])
def test_a_production_server_is_closed_until_it_is_opened(environment: Any, rule: str) -> None:
    settings = Settings(environment=environment, postmaster_address="p@x.test")
    assert settings.sign_up_rule == rule
    assert (
        Settings(environment=environment, postmaster_address="p@x.test", sign_up="open").sign_up_rule
        == "open"
    )


async def test_a_browser_keeps_the_cookie_of_the_longest_way(world: World, provider: LyingProvider) -> None:
    """4,096 bytes with its name; what would not fit is not carried, and the browser goes home."""
    longest = "/oauth/authorize?" + "x" * 2000
    browser = world.browser()
    await sign_in(world, browser, "ada@example.org")
    for there, kept in ((longest, longest), (longest + "x" * 100, "/"), ('/"' * 800, "/")):
        asked = await browser.post("/auth/providers/work", data={"next": there, "link": "yes"})
        (cookie,) = [each for each in asked.headers.get_list("set-cookie") if "sign_in=" in each]
        assert len(cookie.partition(";")[0]) < 4096
        done = await browser.get(provider.visit(asked.headers["location"]))
        assert f'href="{kept}"' in done.text or "Linked already" in done.text
