"""Apps of third parties: registered by an account, known to everybody by their client id.

Must never let a redirect URI through that a browser could be talked out of (RFC 9700 section 4.1), nor
store a client secret.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, oauth_secrets
from customers.callers import Scope
from customers.oauth_secrets import Secret
from mailcore.clock import Clock
from mailcore.errors import Invalid, LimitReached
from mailcore.keyring import Keyring
from mailcore.models import OauthApp

MOST_APPS: Final = 20
MOST_URIS: Final = 10
# Printable ASCII without what a browser reads in its own way: quotes, angle brackets, backslash, braces...
_URI: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]{1,1000}", re.ASCII)
# RFC 8252 section 7.3: an app on the person's own machine listens on a port that it does not know before.
_LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?((?:[/?].*)?)")
# What our answer adds: a URI that holds it already would say it twice.
_OURS: Final = frozenset({"code", "state", "iss", "error", "error_description"})


@dataclass(frozen=True, slots=True)
class Registration:
    """What an app says of itself."""

    name: str
    homepage: str
    redirect_uris: Sequence[str]
    scopes: Sequence[Scope]


async def register(
    session: AsyncSession,
    clock: Clock,
    keyring: Keyring,
    account_id: UUID,
    wanted: Registration,
    *,
    confidential: bool,
) -> tuple[OauthApp, str | None]:
    """An app, and the secret of a confidential one, readable this once. Raises Invalid, LimitReached."""
    await _check_room(session, account_id)
    secret = oauth_secrets.generate(Secret.CLIENT) if confidential else None
    app = OauthApp(
        id=clock.new_id(),
        account_id=account_id,
        client_id=f"app_{secrets.token_hex(12)}",
        secret_hash=oauth_secrets.hashed(keyring, secret) if secret else None,
        name=wanted.name,
    )
    describe(app, wanted)
    session.add(app)
    await session.flush()
    return app, secret


def describe(app: OauthApp, wanted: Registration) -> None:
    """Raises Invalid. Fewer scopes hold at once for tokens that exist; more need a new consent."""
    _check_homepage(wanted.homepage)
    if not wanted.redirect_uris or len(set(wanted.redirect_uris)) != len(wanted.redirect_uris):
        raise Invalid("Give each redirect URI once, and at least one.", code="redirect_uri_invalid")
    for uri in wanted.redirect_uris:
        check_redirect_uri(uri)
    if not wanted.scopes:
        raise Invalid("An app needs at least one scope.")
    app.name, app.homepage = wanted.name, wanted.homepage
    app.redirect_uris = list(wanted.redirect_uris)
    app.scopes = sorted(set(wanted.scopes))


def roll_secret(app: OauthApp, keyring: Keyring) -> str:
    """A new secret in place of the old one, which ends at once. Raises Invalid for a public client."""
    if app.secret_hash is None:
        raise Invalid("A public app has no secret: its codes are bound by PKCE.", code="app_is_public")
    secret = oauth_secrets.generate(Secret.CLIENT)
    app.secret_hash = oauth_secrets.hashed(keyring, secret)
    return secret


def has_secret(app: OauthApp, keyring: Keyring, secret: str) -> bool:
    known = app.secret_hash
    return known is not None and any(
        hmac.compare_digest(known, each) for each in oauth_secrets.hashes(keyring, secret)
    )


async def list_of(
    session: AsyncSession, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[OauthApp]:
    query = select(OauthApp).where(col(OauthApp.account_id) == account_id)
    return (await session.exec(accounts.page_of(query, OauthApp.id, after=after, limit=limit))).all()


async def get(session: AsyncSession, account_id: UUID, app_id: UUID, *, lock: bool = False) -> OauthApp:
    """An app that this account has registered. Raises NotFound."""
    return await accounts.get_owned(session, OauthApp, account_id, app_id, lock=lock)


async def by_client_id(session: AsyncSession, client_id: str) -> OauthApp | None:
    """For the authorization server, which knows the apps of all accounts."""
    if not client_id.isascii() or not client_id.isprintable():
        return None
    return (await session.exec(select(OauthApp).where(col(OauthApp.client_id) == client_id))).one_or_none()


def check_redirect_uri(uri: str) -> None:
    """https, or http to the person's own machine. Raises Invalid."""
    if not _URI.fullmatch(uri):
        raise _bad_uri("has characters that a URI has not, a fragment, or more than 1,000 of them")
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _bad_uri("cannot be read") from None
    if not host or "@" in parts.netloc or "*" in parts.netloc:
        raise _bad_uri("needs a plain host, without a name or a wildcard before it")
    if parts.scheme != "https" and not _LOOPBACK.fullmatch(uri):
        raise _bad_uri("must be https, or http to 127.0.0.1, [::1] or localhost")
    if {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} & _OURS:
        raise _bad_uri("has a parameter that our answer would add again")


def allows_redirect(app: OauthApp, uri: str) -> bool:
    """Letter by letter (RFC 9700 section 2.1), but for the port of the loopback (RFC 8252 section 7.3)."""
    if uri in app.redirect_uris:
        return True
    given = _LOOPBACK.fullmatch(uri)
    if given is None or not _URI.fullmatch(uri):
        return False
    known = (_LOOPBACK.fullmatch(each) for each in app.redirect_uris)
    return any(match is not None and match.groups() == given.groups() for match in known)


def host_of(uri: str) -> str:
    """As a consent page shows it: ASCII, so that no letter of another script looks like one of ours."""
    return urlsplit(uri).netloc


def _check_homepage(homepage: str) -> None:
    try:
        parts = urlsplit(homepage)
        good = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        good = False
    if not good or not _URI.fullmatch(homepage):
        raise Invalid("The homepage must be a plain https address.", code="homepage_invalid")


def _bad_uri(why: str) -> Invalid:
    return Invalid(f"A redirect URI {why}.", code="redirect_uri_invalid")


async def _check_room(session: AsyncSession, account_id: UUID) -> None:
    count = select(func.count()).select_from(OauthApp).where(col(OauthApp.account_id) == account_id)
    if (await session.exec(count)).one() >= MOST_APPS:
        raise LimitReached(f"An account may have {MOST_APPS} apps.", resource="oauth_apps", limit=MOST_APPS)
