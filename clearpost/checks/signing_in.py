"""How people sign in, and whether a browser can keep it safe. Asks nobody. Must never name a secret."""

from typing import Final

from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore.settings import Settings, SignUp

_WHO: Final[dict[SignUp, str]] = {
    "open": "whoever signs in gets an account",
    "invitation": "accounts are for people who were invited",
    "closed": "accounts are made by `clearpost account create` only",
}


def check(settings: Settings) -> list[Finding]:
    return [_address(settings), *_proxies(settings), _ways(settings)]


def _address(settings: Settings) -> Finding:
    if settings.environment == "production" and not settings.web_url.startswith("https://"):
        what = f"{settings.web_url} is not https: cookies and links can be read on their way"
        mend = "put a TLS proxy before the API, and set CLEARPOST_WEB_URL to its https:// address"
        return fail("sign-in", what, mend)
    return ok("sign-in", f"pages and links are at {settings.web_url}")


def _proxies(settings: Settings) -> list[Finding]:
    """A proxy that nobody named is everybody at once: one who tries too often shuts all others out."""
    if not settings.web_url.startswith("https://") or settings.trusted_proxies:
        return []
    what = "the TLS proxy is not named: all that comes through it is counted as one client"
    mend = "set CLEARPOST_TRUSTED_PROXIES to its address (127.0.0.1,::1 where it is this machine)"
    return [warn("sign-in", what, mend)]


def _ways(settings: Settings) -> Finding:
    ways = ", ".join(["a link by mail", "passkey", *settings.providers])
    return ok("sign-in", f"by {ways}; {_WHO[settings.sign_up_rule]}")
