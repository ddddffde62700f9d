"""The authorization server for machines: tokens for codes, revocation, and where to find all of it.

Must never answer a code or a refresh token twice, nor let an answer be cached. Errors are those of RFC 6749
section 5.2: stock clients read them.
"""

from datetime import timedelta
from typing import Any, Final

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError, UnsupportedGrantTypeError
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from api.oauth_requests import Parameters, credentials_in, form_in, redemption_in, unknown_client
from api.rate_limits import asker
from api.runtime import ApiRuntime
from api.security import Runtime
from customers import oauth_apps, oauth_grants
from customers.callers import Scope
from customers.oauth_grants import ACCESS_LIFE, Issued, Refused
from mailcore.models import OauthApp
from mailcore.rates import Rate
from mailcore.settings import Settings

router = APIRouter(include_in_schema=False)

_PER_IP: Final = Rate(300, timedelta(minutes=1))
# Only of clients with a secret: the id of a public one is known to all, who could use up its share.
_PER_CLIENT: Final = Rate(600, timedelta(minutes=1))
_TOO_MANY: Final = "Too many requests for tokens."
_NOT_CACHED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_AUTH_METHODS: Final = ["client_secret_basic", "client_secret_post", "none"]


def install(app: FastAPI) -> None:
    app.add_exception_handler(OAuth2Error, _error)


def issuer_of(settings: Settings) -> str:
    return settings.web_url.rstrip("/")


@router.get("/.well-known/oauth-authorization-server")
async def show_metadata(runtime: Runtime) -> dict[str, Any]:
    """RFC 8414, with `iss` in answers by RFC 9207."""
    issuer = issuer_of(runtime.settings)
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "scopes_supported": sorted(Scope),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": _AUTH_METHODS,
        "revocation_endpoint_auth_methods_supported": _AUTH_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "service_documentation": f"{issuer}/docs",
    }


@router.post("/oauth/token")
async def issue_token(request: Request, runtime: Runtime) -> JSONResponse:
    form = await _form(request, runtime)
    app = await _client(request, runtime, form)
    # As the service: the app belongs to one account, the grant to another.
    async with runtime.database.session() as session:
        issued = await _issued(runtime, session, app, form)
    if issued is Refused.INVALID_SCOPE:
        raise InvalidScopeError("The grant does not have all of these scopes.")
    if isinstance(issued, Refused):
        raise InvalidGrantError("This is not valid, not yours, or was used before.")
    body = {
        "access_token": issued.access,
        "token_type": "Bearer",
        "expires_in": int(ACCESS_LIFE.total_seconds()),
        "refresh_token": issued.refresh,
        "scope": " ".join(issued.scopes),
    }
    return JSONResponse(body, headers=_NOT_CACHED)


@router.post("/oauth/revoke")
async def revoke_token(request: Request, runtime: Runtime) -> JSONResponse:
    """RFC 7009. 200 for a token that is not there, or not this client's: nobody learns of others'."""
    form = await _form(request, runtime)
    app = await _client(request, runtime, form)
    async with runtime.database.session() as session:
        await oauth_grants.give_back(session, runtime.clock, runtime.keyring, app, form.need("token"))
    return JSONResponse({}, headers=_NOT_CACHED)


async def _form(request: Request, runtime: ApiRuntime) -> Parameters:
    await runtime.rates.need("oauth ip", asker(request), _PER_IP, _TOO_MANY)
    content_type = request.headers.get("content-type", "")
    return form_in(content_type, request.url.query, await request.body())


async def _client(request: Request, runtime: ApiRuntime, form: Parameters) -> OauthApp:
    """The app that asks, proved by its secret if it has one; no transaction is open while Redis counts it.

    Raises OAuth2Error, TooMany.
    """
    given = credentials_in(request.headers.get("authorization"), form)
    # As the service: who asks has proved nothing yet.
    async with runtime.database.session() as session:
        app = await oauth_apps.by_client_id(session, given.client_id)
    if app is None:
        raise unknown_client()
    if app.secret_hash is None:
        if given.secret:
            raise unknown_client()
        return app
    if not oauth_apps.has_secret(app, runtime.keyring, given.secret):
        raise unknown_client()
    await runtime.rates.need("oauth client", app.client_id, _PER_CLIENT, _TOO_MANY)
    return app


async def _issued(
    runtime: ApiRuntime, session: AsyncSession, app: OauthApp, form: Parameters
) -> Issued | Refused:
    clock, keyring = runtime.clock, runtime.keyring
    match form.need("grant_type"):
        case "authorization_code":
            return await oauth_grants.redeem(session, clock, keyring, app, redemption_in(form))
        case "refresh_token":
            wanted = form.get("scope").split() or None
            token = form.need("refresh_token")
            return await oauth_grants.refresh(session, clock, keyring, app, token, wanted)
        case _:
            raise UnsupportedGrantTypeError("other")


async def _error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OAuth2Error)
    body = dict(error.get_body())
    headers = _NOT_CACHED | ({"WWW-Authenticate": "Basic"} if error.status_code == 401 else {})
    return JSONResponse(body, error.status_code, headers)
