"""Which address a browser has signed in with before, kept in that browser alone.

Must never sign anybody in, nor hold an address: it only keeps strangers from using up somebody's letters.
"""

import hmac
from datetime import timedelta
from typing import Final

from fastapi import Request, Response

from api.browser_sessions import read_cookie, set_cookie
from api.runtime import ApiRuntime

_COOKIE: Final = "clearpost_known"
_KEY_NAME: Final = "known-browsers"
_LASTS: Final = timedelta(days=365)


def mark(response: Response, runtime: ApiRuntime, email: str) -> None:
    """This browser has signed in with this address. It stays so when it signs out."""
    hashed = runtime.keyring.hashes(_KEY_NAME, email.lower())[0]
    set_cookie(response, runtime.settings, hashed, _LASTS, _COOKIE)


def knows(request: Request, runtime: ApiRuntime, email: str) -> bool:
    held = read_cookie(request, runtime.settings, _COOKIE)
    return any(hmac.compare_digest(held, each) for each in runtime.keyring.hashes(_KEY_NAME, email.lower()))
