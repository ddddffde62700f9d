"""Identity providers that do as a test says: an OpenID Connect issuer that may lie, and a GitHub.

A browser's visit is a call of `visit`; what the service asks for itself goes over HTTP on loopback.
"""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.loopback_http import serving

CLIENT_ID = "clearpost-client"
CLIENT_SECRET = "a-client-secret-of-some-length-0123456789"
_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
_ANOTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})

Claims = dict[str, Any]
Sign = Callable[[Claims], str]


def signed(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, _KEY)


def signed_by_another(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, _ANOTHER_KEY)


def unsigned(claims: Claims) -> str:
    """alg none (RFC 8725 section 2.1)."""
    return f"{_part({'alg': 'none', 'kid': 'one'})}.{_part(claims)}."


def signed_with_public_key(claims: Claims) -> str:
    """HS256, with what everybody can read as its secret (RFC 8725 section 2.1)."""
    return _mac(claims, _KEY.as_pem(private=False))


def signed_with_client_secret(claims: Claims) -> str:
    return _mac(claims, CLIENT_SECRET.encode())


def _mac(claims: Claims, key: bytes) -> str:
    text = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(claims)}"
    return f"{text}.{_base64(hmac.digest(key, text.encode(), 'sha256'))}"


def _part(value: Claims) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


@dataclass(slots=True)
class Asked:
    """What the service sent a browser with."""

    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    scope: str


@dataclass(slots=True)
class LyingProvider:
    """`person` is who signs in; `claims` replace what the ID token says (None takes a claim out)."""

    issuer: str
    person: Claims = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)
    announced: Claims = field(default_factory=dict)
    sign: Sign = signed
    token: Claims = field(default_factory=dict)
    userinfo: Claims = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    met: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            provider = cls(f"http://127.0.0.1:{listener.getsockname()[1]}")
            async with serving(provider.app(), listener):
                yield provider

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._keys),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
                Route("/login/oauth/access_token", self._token, methods=["POST"]),
                Route("/api/v3/user", self._github_user),
                Route("/api/v3/user/emails", self._github_emails),
            ]
        )

    def visit(self, location: str, **more: str) -> str:
        """The browser signs in at the provider: where it is sent back to, as path and query."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = secrets.token_urlsafe(8)
        self.asked[code] = Asked(
            query["redirect_uri"],
            query["state"],
            query.get("nonce", ""),
            query["code_challenge"],
            query["scope"],
        )
        assert query["code_challenge_method"] == "S256"
        assert query["response_type"] == "code"
        back = urlsplit(query["redirect_uri"])
        return f"{back.path}?{urlencode({'code': code, 'state': query['state']} | more)}"

    async def _discovery(self, _: Request) -> Response:
        self.met.append("discovery")
        endpoints = {
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"],
        }
        return JSONResponse({"issuer": self.issuer, **endpoints, **self.announced})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [_KEY.as_dict(private=False)]})

    async def _token(self, request: Request) -> Response:
        """The code's verifier is proved (RFC 7636 section 4.6)."""
        form = await request.form()
        asked = self.asked.pop(str(form["code"]), None)
        verifier = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        if (
            asked is None
            or _base64(verifier) != asked.challenge
            or form["redirect_uri"] != asked.redirect_uri
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        answer = {"access_token": "opaque", "token_type": "Bearer", "scope": asked.scope}
        if "openid" in asked.scope:
            answer["id_token"] = self.sign(self._claims(asked))
        return JSONResponse({name: value for name, value in (answer | self.token).items() if value})

    def _claims(self, asked: Asked) -> Claims:
        now = int(time.time())
        own = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": asked.nonce}
        said = own | self.person | self.claims
        return {name: value for name, value in said.items() if value is not None}

    async def _userinfo(self, _: Request) -> Response:
        return JSONResponse(self.userinfo)

    async def _github_user(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer opaque"
        return JSONResponse(self.person["user"])

    async def _github_emails(self, _: Request) -> Response:
        return JSONResponse(self.person["emails"])
