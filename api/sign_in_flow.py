"""What all ways of signing in share: the browser that asked, where it goes next, its new session.

`request.session` is a signed cookie of half an hour: the browser's secret, where it goes next, what waits for
a provider. Must never send a browser to another site, nor keep a session that was there before the sign-in.
"""

import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.middleware.sessions import SessionMiddleware

from api import known_browsers
from api.browser_sessions import cookie_name, device_of, read_cookie, set_cookie
from api.pages import page
from api.rate_limits import asker
from api.runtime import ApiRuntime
from customers import browser_sessions, identities, people
from customers.browser_sessions import Method, SignedIn
from mailcore.models import Person
from mailcore.rates import Rate, Taken, refuse_unless

LASTS: Final = timedelta(minutes=30)
HOME: Final = "/overview"
_COOKIE: Final = "clearpost_sign_in"
_KEY_NAME: Final = "sign-in"
_LOCAL: Final = re.compile(r"/(?![/\\])[\x21\x23-\x5b\x5d-\x7e]*", re.ASCII)
# It travels in a cookie with all else that waits, of which browsers keep 4,096 bytes. An authorization
# request has 2,000 characters at most (api/oauth_requests.py), with "/oauth/authorize?" before them.
_LONGEST: Final = 2_020
_PER_NETWORK: Final = Rate(30, timedelta(minutes=15))


def install(app: FastAPI, runtime: ApiRuntime) -> None:
    """Gives requests their `session`."""
    settings = runtime.settings
    app.add_middleware(
        SessionMiddleware,
        secret_key=runtime.keyring.key(_KEY_NAME).hex(),
        session_cookie=cookie_name(settings, _COOKIE),
        max_age=int(LASTS.total_seconds()),
        https_only=settings.web_url.startswith("https://"),
    )


def local_path(text: str) -> str:
    """Where to go next: a path of ours, whatever was asked for (RFC 9700 section 4.11)."""
    if len(text) > _LONGEST or not _LOCAL.fullmatch(text):
        return HOME
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc else HOME


def remember_next(request: Request, text: str) -> None:
    request.session["next"] = local_path(text)


def browser_of(request: Request) -> str:
    """The secret of this browser, given to it where it has none: it alone may finish what it began."""
    if "browser" not in request.session:
        request.session["browser"] = browser_sessions.new_secret()
    return str(request.session["browser"])


async def take(request: Request, runtime: ApiRuntime) -> Taken:
    """One try at signing in from this network."""
    return await runtime.rates.take("sign-in", asker(request), _PER_NETWORK)


async def need(request: Request, runtime: ApiRuntime) -> None:
    """The same for scripts. Raises TooMany."""
    refuse_unless(await take(request, runtime), "Too many tries at signing in.")


def too_often(taken: Taken) -> HTMLResponse:
    minutes = max(1, -(-taken.retry_after // 60))
    lines = [f"Too many tries. Wait {minutes} minutes, then try again."]
    refused = page("message.html", status=429, title="Too often", lines=lines, link=None)
    refused.headers["Retry-After"] = str(max(1, taken.retry_after))
    return refused


async def begin(
    session: AsyncSession,
    request: Request,
    runtime: ApiRuntime,
    before: SignedIn | None,
    person: Person,
    method: Method,
) -> str:
    """The secret of a new session; the one this browser had, and its secret, are void with the commit.

    `before`: who was signed in here, read before this transaction: two connections for one request can wait
    for each other.
    """
    await _link_what_waited(session, request, runtime, person)
    await browser_sessions.revoke_secret(session, runtime.keyring, read_cookie(request, runtime.settings))
    chosen = before.account_id if before is not None and before.person_id == person.id else None
    belongings = await people.belongings(session, person.id)
    return await browser_sessions.create(
        session,
        runtime.clock,
        runtime.keyring,
        person_id=person.id,
        account_id=chosen or (belongings[0].account_id if belongings else None),
        method=method,
        device=device_of(request.headers.get("user-agent", "")),
        lasts=runtime.settings.session_lasts,
    )


def arrive(request: Request) -> str:
    """Where the browser goes now that its session is committed; what it held on the way is forgotten."""
    there = local_path(str(request.session.get("next", HOME)))
    request.session.clear()
    return there


def go(request: Request, runtime: ApiRuntime, email: str, secret: str) -> Response:
    """Where the browser goes as the person of this address. 303: what follows is a GET, whatever this was."""
    response = RedirectResponse(arrive(request), 303)
    set_cookie(response, runtime.settings, secret, runtime.settings.session_lasts)
    known_browsers.mark(response, runtime, email)
    return response


def wait_for_proof(request: Request, seen: identities.Vouched) -> None:
    """An identity with the address of somebody it is not linked to: it is, when they sign in here."""
    request.session["identity"] = [seen.issuer, seen.subject, seen.email]


async def _link_what_waited(
    session: AsyncSession, request: Request, runtime: ApiRuntime, person: Person
) -> None:
    match request.session.pop("identity", None):
        case [str(issuer), str(subject), str(email)] if email == person.email:
            await identities.link(session, runtime.clock, person, issuer, subject)
