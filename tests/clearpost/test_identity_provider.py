"""The local identity provider believes everybody, and is as strict as a real one in everything else."""

import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet

from clearpost.standins.identity_provider import Client, IdentityProvider
from clearpost.standins.identity_server import create_app
from mailcore.clock import ShiftedClock
from tests.support.services import ROOT

ISSUER = "http://localhost:8036"
CALLBACK = "http://localhost:8025/auth/providers/local/callback"
VERIFIER = "v" * 43


class Stand:
    def __init__(self) -> None:
        self.clock = ShiftedClock()
        self.provider = IdentityProvider.of(ISSUER, Client("clearpost", "secret", CALLBACK), self.clock)
        transport = httpx.ASGITransport(app=create_app(self.provider))
        self.http = httpx.AsyncClient(transport=transport, base_url=ISSUER)

    def query(self, **changes: str | None) -> str:
        asked = {
            "response_type": "code",
            "client_id": "clearpost",
            "redirect_uri": CALLBACK,
            "scope": "openid email profile",
            "state": "state",
            "nonce": "nonce",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
        return urlencode({name: value for name, value in (asked | changes).items() if value is not None})

    async def choose(self, email: str = "you@inbox.test", **form: str) -> dict[str, str]:
        answer = await self.http.post("/authorize", data={"query": self.query(), "email": email, **form})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"{CALLBACK}?")
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    async def exchange(self, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return await self.http.post("/token", data=form | changes, auth=("clearpost", "secret"))

    async def claims(self, token: dict[str, Any]) -> dict[str, Any]:
        keys = KeySet.import_key_set((await self.http.get("/jwks.json")).json())
        return dict(jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    made = Stand()
    yield made
    await made.http.aclose()


async def test_whoever_one_wants_to_be_signs_in(stand: Stand) -> None:
    page = await stand.http.get(f"/authorize?{stand.query()}")
    assert page.status_code == 200
    assert "Continue as you@inbox.test" in page.text
    assert "<script" not in page.text
    answer = await stand.choose("ada@inbox.test")
    assert (answer["state"], answer["iss"]) == ("state", ISSUER)
    token = (await stand.exchange(answer["code"])).json()
    claims = await stand.claims(token)
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, "clearpost", "nonce")
    assert (claims["email"], claims["email_verified"]) == ("ada@inbox.test", True)
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await stand.http.get("/userinfo", headers=bearer)).json()["sub"] == claims["sub"]


async def test_an_address_may_be_unverified(stand: Stand) -> None:
    answer = await stand.choose("eve@inbox.test", unverified="on")
    assert (await stand.claims((await stand.exchange(answer["code"])).json()))["email_verified"] is False


async def test_nobody_is_sent_to_another_address(stand: Stand) -> None:
    for changes in ({"redirect_uri": f"{CALLBACK}/"}, {"redirect_uri": None}, {"client_id": "other"}):
        answer = await stand.http.get(f"/authorize?{stand.query(**changes)}")
        assert (answer.status_code, answer.headers.get("location")) == (400, None)
    twice = await stand.http.get(f"/authorize?{stand.query()}&redirect_uri=https://evil.test/")
    assert twice.status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"response_type": "token"},
        {"scope": "email"},
        {"nonce": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": None},
    ],
)
async def test_a_request_that_lacks_something_is_told_to_the_client(
    stand: Stand, changes: dict[str, str | None]
) -> None:
    answer = await stand.http.get(f"/authorize?{stand.query(**changes)}")
    assert answer.status_code == 303
    told = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert told["error"]
    assert (told["state"], told["iss"]) == ("state", ISSUER)


async def test_saying_no_is_told_to_the_client(stand: Stand) -> None:
    assert (await stand.choose(""))["error"] == "access_denied"


async def test_a_code_is_good_once_and_its_reuse_ends_the_token(stand: Stand) -> None:
    answer = await stand.choose()
    first = await stand.exchange(answer["code"])
    bearer = {"Authorization": f"Bearer {first.json()['access_token']}"}
    assert (await stand.http.get("/userinfo", headers=bearer)).status_code == 200
    assert (await stand.exchange(answer["code"])).json() == {"error": "invalid_grant"}
    assert (await stand.http.get("/userinfo", headers=bearer)).status_code == 401


async def test_a_code_ends_after_a_minute(stand: Stand) -> None:
    answer = await stand.choose()
    stand.clock.shift += timedelta(seconds=61)
    assert (await stand.exchange(answer["code"])).status_code == 400


async def test_a_code_needs_its_verifier_address_and_client(stand: Stand) -> None:
    answer = await stand.choose()
    for changes in ({"code_verifier": "w" * 43}, {"redirect_uri": "http://localhost/"}, {"grant_type": "x"}):
        assert (await stand.exchange(answer["code"], **changes)).status_code == 400
    other = {"client_id": "clearpost", "client_secret": "wrong", "code": answer["code"]}
    assert (await stand.http.post("/token", data=other)).status_code == 401
    assert (await stand.exchange(answer["code"])).status_code == 200


async def test_another_host_name_is_refused(stand: Stand) -> None:
    answer = await stand.http.get("/.well-known/openid-configuration", headers={"host": "rebound.example"})
    assert answer.status_code == 400


def test_it_runs_in_a_local_stack_only() -> None:
    environment = {
        "CLEARPOST_ENVIRONMENT": "production",
        "CLEARPOST_POSTMASTER_ADDRESS": "p@example.com",
        "CLEARPOST_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/none",
    }
    module = [sys.executable, "-m", "clearpost.standins.identity_server", "1"]
    ended = subprocess.run(module, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip() == "the identity provider of the local stack runs in a local stack only"
