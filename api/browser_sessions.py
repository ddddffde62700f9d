"""The cookie of a signed-in browser: set, read, cleared; and whether a request comes from our own pages.

Must never let another site's page act with the cookie, nor a script read it.
"""

import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from mailcore.errors import Forbidden
from mailcore.settings import Settings

NAME: Final = "clearpost_session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BROWSERS: Final = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
                    ("Safari/", "Safari"))  # fmt: skip
_SYSTEMS: Final = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
                   ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)


def cookie_name(settings: Settings, name: str = NAME) -> str:
    """On https a cookie that no other host, subdomain or path can set (RFC 6265bis section 4.1.3.2)."""
    return f"__Host-{name}" if _is_https(settings) else name


def read_cookie(request: Request, settings: Settings, name: str = NAME) -> str:
    """The secret that the browser sent, or nothing."""
    secret = request.cookies.get(cookie_name(settings, name), "")
    return secret if _FORM.fullmatch(secret) else ""


def set_cookie(
    response: Response, settings: Settings, secret: str, lasts: timedelta, name: str = NAME
) -> None:
    response.set_cookie(
        cookie_name(settings, name),
        secret,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=_is_https(settings),
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response, settings: Settings, name: str = NAME) -> None:
    set_cookie(response, settings, "", timedelta(0), name)


def refuse_other_sites(request: Request, settings: Settings) -> None:
    """Raises Forbidden for an unsafe method that a page of ours did not send.

    Browsers say so in Sec-Fetch-Site; older ones, and plain http, in Origin. Who sends neither is no browser
    and has no business with a cookie.
    """
    if request.method in _SAFE:
        return
    site, sender = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site != "same-origin" and not (site is None and sender == origin(settings)):
        raise Forbidden("This request came from another site.", code="cross_site")


def origin(settings: Settings) -> str:
    """Scheme, host and port of our pages, as a browser writes them."""
    parts = urlsplit(settings.web_url)
    return f"{parts.scheme}://{parts.netloc}"


def device_of(user_agent: str) -> str:
    """A plain word for a list of sessions, such as "Firefox on Linux"."""
    browser = next((word for mark, word in _BROWSERS if mark in user_agent), "A browser")
    system = next((word for mark, word in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser


def _is_https(settings: Settings) -> bool:
    return settings.web_url.startswith("https://")
