"""Identity providers, asked with Authlib: where to send a browser, and whom the provider saw when it is back.

Must never believe an answer that this browser did not ask for, one unsigned, signed by or meant for somebody
else, nor an address that is not verified. What a provider does wrong is a `Fault`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import Request
from fastapi.responses import RedirectResponse
from joserfc.errors import JoseError

from customers import people
from customers.identities import Vouched
from mailcore.settings import Settings

# Signatures that need the provider's private key: never "none", never a MAC that our copy of its public key,
# or our client secret, could make (RFC 8725 sections 2.1, 3.1).
_SIGNATURES: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
_SECONDS: Final = 10.0
_GITHUB: Final = "github"
_LABELS: Final = {"github": "GitHub", "google": "Google"}
_MOST_EMAILS: Final = 100


class Fault(Exception):
    """The provider did not answer, answered nonsense, or said no. Its text is not shown: it is theirs."""


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    label: str
    issuer: str


class Providers:
    """All providers of the settings. What discovery tells is asked once and kept."""

    def __init__(self, settings: Settings) -> None:
        self.known: Final = {
            name: Provider(name, _LABELS.get(name, name.capitalize()), issuer.rstrip("/"))
            for name, issuer in settings.providers.items()
        }
        self._oauth = OAuth()
        for provider in self.known.values():
            self._oauth.register(
                provider.name,
                client_id=settings.provider_clients[provider.name],
                client_secret=settings.provider_secret(provider.name),
                **(_github(provider) if provider.name == _GITHUB else _openid(provider)),
            )

    def __getitem__(self, name: str) -> Provider | None:
        return self.known.get(name)

    async def redirect(self, request: Request, provider: Provider, callback: str) -> RedirectResponse:
        """To the provider; state, nonce and PKCE verifier wait in `request.session`. Raises Fault."""
        client = self._oauth.create_client(provider.name)
        try:
            await _discover(client, provider)
            answer = await client.authorize_redirect(request, callback)
        except _FAULTS as error:
            raise Fault from error
        assert isinstance(answer, RedirectResponse)
        return answer

    async def read(self, request: Request, provider: Provider) -> Vouched:
        """Whom the provider saw, from the request it sent the browser back with. Raises Fault."""
        client = self._oauth.create_client(provider.name)
        try:
            metadata = await _discover(client, provider)
            _check_issuer(request, provider, metadata)
            if provider.name == _GITHUB:
                return await _read_github(client, request, provider)
            return await _read_openid(client, request, provider)
        except _FAULTS as error:
            raise Fault from error


# From KeyError on: an answer that lacks what it must have, or is no JSON.
_FAULTS: Final = (
    AuthlibBaseError, JoseError, httpx2.HTTPError, httpx2.InvalidURL, KeyError, TypeError, ValueError,
    AttributeError, RuntimeError,
)  # fmt: skip


def _openid(provider: Provider) -> dict[str, Any]:
    return {
        "server_metadata_url": f"{provider.issuer}/.well-known/openid-configuration",
        "client_kwargs": {
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "timeout": _SECONDS,
        },
    }


def _github(provider: Provider) -> dict[str, Any]:
    """GitHub announces nothing; an Enterprise server has its API below its own name."""
    is_public = urlsplit(provider.issuer).hostname == "github.com"
    return {
        "authorize_url": f"{provider.issuer}/login/oauth/authorize",
        "access_token_url": f"{provider.issuer}/login/oauth/access_token",
        "api_base_url": "https://api.github.com/" if is_public else f"{provider.issuer}/api/v3/",
        "client_kwargs": {
            "scope": "read:user user:email",
            "code_challenge_method": "S256",
            "timeout": _SECONDS,
            "token_endpoint_auth_method": "client_secret_post",
        },
    }


async def _discover(client: Any, provider: Provider) -> Mapping[str, Any]:
    """What the issuer says of itself (OpenID Connect Discovery 1.0 section 4.3); nothing for GitHub."""
    metadata: dict[str, Any] = await client.load_server_metadata()
    if provider.name == _GITHUB:
        return metadata
    if str(metadata["issuer"]).rstrip("/") != provider.issuer:
        client.server_metadata.clear()  # asked anew the next time
        raise Fault
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [each for each in offered if each in _SIGNATURES] or [
        "RS256"
    ]
    return metadata


def _check_issuer(request: Request, provider: Provider, metadata: Mapping[str, Any]) -> None:
    """Whose answer it is (RFC 9207 section 2.4): else one provider's code may be sent to another."""
    said = request.query_params.get("iss")
    if said is None and not metadata.get("authorization_response_iss_parameter_supported"):
        return
    if said is None or said.rstrip("/") != provider.issuer:
        raise Fault


async def _read_openid(client: Any, request: Request, provider: Provider) -> Vouched:
    claims = {
        "iss": {"essential": True, "value": client.server_metadata["issuer"]},
        "aud": {"essential": True, "value": client.client_id},
    }
    token = await client.authorize_access_token(request, claims_options=claims)
    seen = token["userinfo"]  # of the signed token; absent where there was none
    if "email" not in seen:
        told = await client.userinfo(token=token)
        if told["sub"] != seen["sub"]:  # OpenID Connect Core 1.0 section 5.3.2
            raise Fault
        seen = {**told, **seen}
    is_verified = seen.get("email_verified") is True
    return _vouched(provider, seen["sub"], seen.get("email") if is_verified else None, seen.get("name"))


async def _read_github(client: Any, request: Request, provider: Provider) -> Vouched:
    token = await client.authorize_access_token(request)
    person = await _ask(client, "user", token)
    emails = await _ask(client, "user/emails", token)
    return _vouched(provider, str(int(person["id"])), _primary(emails), person.get("name"))


async def _ask(client: Any, path: str, token: Mapping[str, Any]) -> Any:
    answer = await client.get(path, token=token)
    answer.raise_for_status()
    return answer.json()


def _primary(emails: Sequence[Mapping[str, Any]]) -> object:
    """The address that the person calls theirs, if GitHub has verified it."""
    mine = (
        each["email"]
        for each in emails[:_MOST_EMAILS]
        if each["primary"] is True and each["verified"] is True
    )
    return next(mine, None)


def _vouched(provider: Provider, subject: object, email: object, name: object) -> Vouched:
    """Raises Fault for a subject that is none (OpenID Connect Core 1.0 section 2: at most 255 ASCII)."""
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise Fault
    address = people.address_of(email) if isinstance(email, str) else None
    shown = name.strip()[:100] if isinstance(name, str) and name.isprintable() else ""
    return Vouched(provider.issuer, subject, address or "", shown)
