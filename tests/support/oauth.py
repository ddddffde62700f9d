"""An app of a third party, step by step: registered, allowed by a person in their browser, with tokens."""

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from tests.support.api import SignedInPerson, Tenant, World

CALLBACK = "https://sorter.test/callback"
SCOPES = ["aliases:read", "domains:read"]


async def register(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    """As the API shows it, with `client_secret`."""
    body = {
        "name": "Mail sorter",
        "homepage": "https://sorter.test",
        "redirect_uris": [CALLBACK],
        "scopes": SCOPES,
    }
    answer = await tenant.http.post("/v1/oauth/apps", json=body | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


@dataclass(slots=True)
class App:
    """The app's side. `verifier` is new for each."""

    world: World
    client_id: str
    secret: str | None = None
    redirect_uri: str = CALLBACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @classmethod
    async def registered(cls, world: World, tenant: Tenant, **fields: Any) -> "App":
        shown = await register(tenant, **fields)
        return cls(world, shown["client_id"], shown["client_secret"], shown["redirect_uris"][0])

    def query(self, **changes: str | None) -> str:
        """Of an authorization request; None leaves a parameter out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(SCOPES),
            "state": "a b&c",
            "code_challenge": create_s256_code_challenge(self.verifier),
            "code_challenge_method": "S256",
        }
        return urlencode({name: value for name, value in (asked | changes).items() if value is not None})

    async def code(self, person: SignedInPerson, **changes: str | None) -> str:
        answer = await decide(person, self.query(**changes))
        return told(answer)["code"]

    async def post(self, path: str, **form: str | None) -> httpx.Response:
        """As this client: with its secret in the form, if it has one."""
        mine = {"client_id": self.client_id, "client_secret": self.secret}
        sent = {name: value for name, value in (mine | form).items() if value is not None}
        return await self.world.anonymous.post(path, data=sent)

    async def redeem(self, code: str, /, **changes: str | None) -> httpx.Response:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return await self.post("/oauth/token", **(form | changes))

    async def refresh(self, token: str, **changes: str | None) -> httpx.Response:
        form: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": token}
        return await self.post("/oauth/token", **(form | changes))

    async def tokens(self, person: SignedInPerson, **changes: str | None) -> dict[str, Any]:
        answer = await self.redeem(await self.code(person, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def get(self, path: str, token: str) -> httpx.Response:
        return await self.world.anonymous.get(path, headers={"Authorization": f"Bearer {token}"})


async def decide(person: SignedInPerson, query: str, decision: str = "allow", **more: str) -> httpx.Response:
    """The form of the consent page, sent by its own page."""
    form = {"query": query, "decision": decision, **more}
    return await person.http.post("/oauth/authorize", data=form)


def told(answer: httpx.Response) -> dict[str, str]:
    """What an answer carries back to the app, by the address it sends the browser to."""
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def assert_refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    """RFC 6749 section 5.2."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
