"""The process of the local identity provider: `python -m clearpost.standins.identity_server PORT`.

Must never run outside of a local stack.
"""

import base64
import sys
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote

from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from clearpost.local_settings import IDENTITY_PROVIDER
from clearpost.standins.identity_page import HEADERS, choice_page, refusal_page
from clearpost.standins.identity_provider import Client, IdentityProvider, Person, Refusal
from clearpost.standins.web_server import WebServer
from mailcore.clock import Clock
from mailcore.settings import Settings

_NOT_CACHED: Final = {"Cache-Control": "no-store"}


class Site:
    """The provider over HTTP: one method for each address."""

    def __init__(self, provider: IdentityProvider) -> None:
        self._provider = provider

    async def discover(self, _: Request) -> Response:
        return JSONResponse(self._provider.metadata())

    async def keys(self, _: Request) -> Response:
        return JSONResponse(KeySet([self._provider.key]).as_dict(private=False))

    async def ask(self, request: Request) -> Response:
        try:
            self._provider.check(_once(request.url.query))
        except Refusal as refusal:
            return self._refused(refusal)
        return HTMLResponse(choice_page(request.url.query), headers=HEADERS)

    async def answer(self, request: Request) -> Response:
        try:
            form = await _form(request)
            asked = self._provider.check(_once(form.get("query", "")))
            if "@" not in (email := form.get("email", "").strip()):
                raise Refusal("access_denied", to_client=asked.state)
        except Refusal as refusal:
            return self._refused(refusal)
        person = Person(email, is_verified=form.get("unverified") != "on")
        return RedirectResponse(self._provider.allow(asked, person), 303)

    async def token(self, request: Request) -> Response:
        try:
            form = await _form(request)
            client_id, secret = _credentials(request, form)
            return JSONResponse(self._provider.exchange(form, client_id, secret), headers=_NOT_CACHED)
        except Refusal as refusal:
            status = 401 if refusal.error == "invalid_client" else 400
            return JSONResponse({"error": refusal.error}, status, _NOT_CACHED)

    async def userinfo(self, request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        person = self._provider.person_of(given) if scheme.lower() == "bearer" else None
        if person is None:
            return JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": "Bearer"})
        return JSONResponse(person.claims, headers=_NOT_CACHED)

    def _refused(self, refusal: Refusal) -> Response:
        if refusal.to_client is None:
            return HTMLResponse(refusal_page(refusal.error), 400, HEADERS)
        return RedirectResponse(self._provider.redirect(error=refusal.error, state=refusal.to_client), 303)


def create_app(provider: IdentityProvider) -> Starlette:
    site = Site(provider)
    routes = [
        Route("/.well-known/openid-configuration", site.discover),
        Route("/jwks.json", site.keys),
        Route("/authorize", site.ask),
        Route("/authorize", site.answer, methods=["POST"]),
        Route("/token", site.token, methods=["POST"]),
        Route("/userinfo", site.userinfo),
    ]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])
    return Starlette(routes=routes, middleware=[hosts])


async def _form(request: Request) -> dict[str, str]:
    return _once((await request.body()).decode("utf-8", "replace"))


def _once(text: str) -> dict[str, str]:
    """The parameters of a query or form. Raises Refusal where one came twice (RFC 6749 section 3.1)."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise Refusal("invalid_request")
    return dict(pairs)


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """By HTTP Basic, or in the form (RFC 6749 section 2.3.1)."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        raise Refusal("invalid_client") from None
    return unquote(name), unquote(secret)


def main(port: int) -> None:
    settings = Settings()
    if settings.environment != "local":
        raise SystemExit("the identity provider of the local stack runs in a local stack only")
    WebServer.of(create_app(provider_of(settings)), port).run()


def provider_of(settings: Settings) -> IdentityProvider:
    """As our own API is told of it."""
    name = IDENTITY_PROVIDER
    callback = f"{settings.web_url}/auth/providers/{name}/callback"
    client = Client(settings.provider_clients[name], settings.provider_secret(name), callback)
    return IdentityProvider.of(settings.providers[name], client, Clock())


if __name__ == "__main__":
    main(int(sys.argv[1]))
