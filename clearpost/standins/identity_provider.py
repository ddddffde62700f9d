"""The identity provider of the local stack: OpenID Connect where everybody is whoever they say.

As strict as a real one in everything else: exact redirect URI, PKCE (S256), a code that is good once, for a
minute, signed ID tokens. Must never run outside of a local stack: it asks nobody for a proof.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey

from mailcore.clock import Clock

_CODE_LIFE: Final = timedelta(minutes=1)
_TOKEN_LIFE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Client:
    """Our service, the only client. Its redirect URI is compared letter by letter."""

    client_id: str
    secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that is in order; `state` goes back as it came."""

    state: str
    nonce: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    is_verified: bool

    @property
    def claims(self) -> dict[str, Any]:
        subject = hashlib.sha256(self.email.lower().encode()).hexdigest()[:24]
        name = self.email.partition("@")[0].capitalize()
        return {"sub": subject, "email": self.email, "email_verified": self.is_verified, "name": name}


@dataclass(slots=True)
class Code:
    """What a code stands for. Used again, it ends what it was exchanged for."""

    asked: Asked
    person: Person
    until: datetime
    token: str = ""


class Refusal(Exception):
    """An OAuth error; `to_client`: told to the client by redirect, else to the person by a page."""

    def __init__(self, error: str, *, to_client: str | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.to_client = to_client


@dataclass(slots=True)
class IdentityProvider:
    """Everything in memory: a restart forgets codes and tokens, and makes a new key."""

    issuer: str
    client: Client
    clock: Clock
    key: RSAKey
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, tuple[Person, datetime]] = field(default_factory=dict)

    @classmethod
    def of(cls, issuer: str, client: Client, clock: Clock) -> Self:
        return cls(
            issuer, client, clock, RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        )

    def check(self, parameters: Mapping[str, str]) -> Asked:
        """Raises Refusal. Where the client or its address is wrong, nobody is sent anywhere."""
        if parameters.get("client_id") != self.client.client_id:
            raise Refusal("unknown client_id")
        if parameters.get("redirect_uri") != self.client.redirect_uri:
            raise Refusal("redirect_uri is not the registered one")
        state = parameters.get("state", "")
        if parameters.get("response_type") != "code":
            raise Refusal("unsupported_response_type", to_client=state)
        if "openid" not in parameters.get("scope", "").split():
            raise Refusal("invalid_scope", to_client=state)
        nonce, challenge = parameters.get("nonce", ""), parameters.get("code_challenge", "")
        if parameters.get("code_challenge_method") != "S256" or len(challenge) != 43 or not (state and nonce):
            raise Refusal("invalid_request", to_client=state)
        return Asked(state, nonce, challenge)

    def redirect(self, **answer: str) -> str:
        return f"{self.client.redirect_uri}?{urlencode({**answer, 'iss': self.issuer})}"  # RFC 9207

    def allow(self, asked: Asked, person: Person) -> str:
        """Where the browser goes next, with a code."""
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(asked, person, self.clock.now() + _CODE_LIFE)
        return self.redirect(code=code, state=asked.state)

    def exchange(self, form: Mapping[str, str], client_id: str, secret: str) -> dict[str, Any]:
        """RFC 6749 section 4.1.3, RFC 7636 section 4.6. Raises Refusal."""
        known = client_id == self.client.client_id and hmac.compare_digest(secret, self.client.secret)
        if not known:
            raise Refusal("invalid_client")
        if form.get("grant_type") != "authorization_code":
            raise Refusal("unsupported_grant_type")
        code = self.codes.get(form.get("code", ""))
        if code is None:
            raise Refusal("invalid_grant")
        if code.token:
            self.tokens.pop(code.token, None)
            raise Refusal("invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == code.asked.challenge
        if (
            not proved
            or form.get("redirect_uri") != self.client.redirect_uri
            or code.until < self.clock.now()
        ):
            raise Refusal("invalid_grant")
        return self._issue(code)

    def _issue(self, code: Code) -> dict[str, Any]:
        now = self.clock.now()
        code.token = secrets.token_urlsafe(24)
        self.tokens[code.token] = (code.person, now + _TOKEN_LIFE)
        about = {
            "iss": self.issuer,
            "aud": self.client.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + _TOKEN_LIFE).timestamp()),
            "nonce": code.asked.nonce,
        }
        header = {"alg": "RS256", "kid": self.key.kid}
        return {
            "access_token": code.token,
            "token_type": "Bearer",
            "expires_in": int(_TOKEN_LIFE.total_seconds()),
            "scope": "openid email profile",
            "id_token": jwt.encode(header, about | code.person.claims, self.key),
        }

    def person_of(self, token: str) -> Person | None:
        person, until = self.tokens.get(token, (None, self.clock.now()))
        return person if until > self.clock.now() else None

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks.json",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
