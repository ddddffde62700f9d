"""The rules of OAuth 2 requests, without a database: RFC 6749, 7636, 9700, in the words of Authlib's errors.

Must never send a browser to an address that the app has not registered, nor put text of a request into an
error.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnsupportedResponseTypeError,
    scope_to_list,
)
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from customers.callers import Scope
from customers.oauth_apps import allows_redirect
from customers.oauth_grants import Redemption
from mailcore.models import OauthApp

FORM: Final = "application/x-www-form-urlencoded"
# Characters of a request: it must fit a cookie, while its person signs in.
_MOST: Final = 2000
_MOST_FORM: Final = 10_000  # characters of a form that holds one, encoded once more
_MOST_FIELDS: Final = 40
_S256: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that is in order."""

    app: OauthApp
    redirect_uri: str
    state: str
    scopes: list[Scope]
    code_challenge: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client says it is. `secret` is empty for a public one."""

    client_id: str
    secret: str


class Parameters:
    """Of a query or a form. One without a value was not given; none may come twice (RFC 6749 section 3.1)."""

    def __init__(self, text: str, most: int = _MOST) -> None:
        """Raises InvalidRequestError for what is no such text at all, or has more than `most` characters."""
        if len(text) > most:
            raise InvalidRequestError("The request is too long.")
        try:
            text.encode()  # JSON can bring half a character
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
        except ValueError:
            raise InvalidRequestError("The request cannot be read.") from None
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def get(self, name: str) -> str:
        """The value, or nothing. Raises InvalidRequestError for several."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise InvalidRequestError(f"The parameter {name} came twice.")
        return values[0] if values else ""

    def need(self, name: str) -> str:
        if not (value := self.get(name)):
            raise InvalidRequestError(f"The parameter {name} is missing.")
        return value

    def refuse_doubles(self) -> None:
        if any(len(values) > 1 for values in self._values.values()):
            raise InvalidRequestError("A parameter came twice.")


def check_authorization(given: Parameters, app: OauthApp | None) -> Asked:
    """Raises OAuth2Error: with `redirect_uri` once client and address are known to be good, so that the app
    may hear of it; without, for the person's eyes alone (RFC 6749 section 4.1.2.1).
    """
    if app is None:
        raise InvalidClientError("No app has this client_id.")
    uri = given.need("redirect_uri")
    if not allows_redirect(app, uri):
        raise InvalidRequestError("The app has not registered this redirect_uri.")
    try:
        return _checked(given, app, uri)
    except OAuth2Error as error:
        error.redirect_uri = uri
        raise


def _checked(given: Parameters, app: OauthApp, uri: str) -> Asked:
    given.refuse_doubles()
    if given.need("response_type") != "code":  # RFC 9700 section 2.1.2: no implicit grant
        raise UnsupportedResponseTypeError("other")
    if given.get("request") or given.get("request_uri"):
        raise OAuth2Error("Request objects are not supported.", error="request_not_supported")
    # RFC 9700 section 2.1.1. Without a method RFC 7636 means plain, which shows the verifier to whoever reads
    # the request.
    if given.get("code_challenge_method") != "S256" or not _S256.fullmatch(given.get("code_challenge")):
        raise InvalidRequestError("PKCE is required: code_challenge, and code_challenge_method=S256.")
    scopes = scopes_in(given.get("scope"), among=app.scopes)
    return Asked(app, uri, given.get("state"), scopes, given.get("code_challenge"))


def scopes_in(text: str, *, among: Iterable[str]) -> list[Scope]:
    """Raises InvalidScopeError for none, an unknown one, and one that the app has not registered."""
    wanted = set(scope_to_list(text))
    if not wanted or not wanted <= set(among):
        raise InvalidScopeError("Ask for scopes that the app has registered, at least one.")
    return sorted(Scope(scope) for scope in wanted)


def redirection(uri: str, issuer: str, state: str, **answer: str) -> str:
    """The address that carries an answer back. `iss` tells whose answer it is (RFC 9207)."""
    pairs = {**answer, "state": state, "iss": issuer}
    query = urlencode({name: value for name, value in pairs.items() if value})
    return f"{uri}{'&' if '?' in uri else '?'}{query}"


def refusal(error: OAuth2Error, given: Parameters, issuer: str) -> str:
    """The address that tells an app of an error. A state that came twice is nobody's."""
    try:
        state = given.get("state")
    except InvalidRequestError:
        state = ""
    uri: str = error.redirect_uri
    error_description = str(error.get_error_description() or "")
    return redirection(uri, issuer, state, error=str(error.error), error_description=error_description)


def form_in(content_type: str, query: str, body: bytes) -> Parameters:
    """The form of a request to the token or revocation endpoint. Raises InvalidRequestError.

    Nothing may come in the query, where it ends up in logs (RFC 6749 section 2.3.1).
    """
    if query:
        raise InvalidRequestError("Parameters belong into the body.")
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"The body must be {FORM}.")
    given = Parameters(body.decode("latin-1"), _MOST_FORM)
    given.refuse_doubles()
    return given


def credentials_in(authorization: str | None, form: Parameters) -> Credentials:
    """By HTTP Basic or in the form, never both (RFC 6749 section 2.3). Raises OAuth2Error."""
    if authorization is None:
        return Credentials(form.need("client_id"), form.get("client_secret"))
    try:
        client_id, secret = extract_basic_authorization({"Authorization": authorization})
    except ValueError:  # not UTF-8, which Authlib lets through
        client_id, secret = None, None
    if not client_id or not secret:
        raise unknown_client()
    if form.get("client_secret") or form.get("client_id") not in ("", client_id):
        raise InvalidRequestError("The client said who it is in two ways.")
    return Credentials(client_id, secret)


def redemption_in(form: Parameters) -> Redemption:
    """Raises OAuth2Error."""
    code, uri, verifier = form.need("code"), form.get("redirect_uri"), form.need("code_verifier")
    if not _VERIFIER.fullmatch(verifier):
        raise InvalidGrantError("The code_verifier has not the form of RFC 7636 section 4.1.")
    return Redemption(code, uri, create_s256_code_challenge(verifier))


def unknown_client() -> OAuth2Error:
    """The same for an unknown client, a wrong secret and a missing one."""
    return InvalidClientError("No such client, or not with this secret.", status_code=401)
