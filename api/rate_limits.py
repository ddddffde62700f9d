"""How often one may ask: each key, app or person, and all of an account together; and who fails to sign in.

RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers) are on every answer to a known caller.
Must never stop anybody because Redis is away: then nothing is counted.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from fastapi import Request

from api.runtime import ApiRuntime
from customers.callers import Caller
from mailcore.errors import TooMany
from mailcore.networks import network_of
from mailcore.rates import Rate, Taken

_PER: Final = timedelta(minutes=1)
Counted = tuple[str, Rate, Taken]


async def take(request: Request, runtime: ApiRuntime, who: Caller) -> None:
    """One request of this caller. Raises TooMany."""
    own = Rate(runtime.settings.api_rate_key, _PER)
    shared = Rate(runtime.settings.api_rate_account, _PER)
    taken = await asyncio.gather(
        runtime.rates.take("api key", f"{who.kind} {who.actor_id}", own),
        runtime.rates.take("api account", str(who.account_id), shared),
    )
    counted = [("key", own, taken[0]), ("account", shared, taken[1])]
    request.state.headers = _told(counted)
    _refuse(counted, "Too many requests: wait, then go on more slowly.")


async def count_failure(request: Request, runtime: ApiRuntime) -> None:
    """One who could not say who they are. Raises TooMany once there were too many from this network."""
    rate = Rate(runtime.settings.api_rate_failures, _PER)
    counted = [("failures", rate, await runtime.rates.take("api failures", asker(request), rate))]
    request.state.headers = _told(counted)
    _refuse(counted, "Too many requests with keys that are not valid.")


def _refuse(counted: Sequence[Counted], detail: str) -> None:
    if waits := [taken.retry_after for _, _, taken in counted if not taken.allowed]:
        raise TooMany(detail, retry_after=max(1, *waits))


def _told(counted: Sequence[Counted]) -> Mapping[str, str]:
    """`q` requests in `w` seconds; `r` are left, all of them again after `t` seconds."""
    window = int(_PER.total_seconds())
    return {
        "RateLimit-Policy": ", ".join(f'"{name}";q={rate.count};w={window}' for name, rate, _ in counted),
        "RateLimit": ", ".join(f'"{name}";r={left.remaining};t={left.reset}' for name, _, left in counted),
    }


def asker(request: Request) -> str:
    """The network that asks: by the socket, or by the word of a proxy that is trusted (api/main.py)."""
    return network_of(request.client.host if request.client else "")
