"""Webhooks of the stand-in for Stripe: signed, tried again, and on a test's word lost, doubled or shuffled.

Must never send to anybody outside of this machine.
"""

import asyncio
import hmac
import json
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from clearpost.standins.stripe_state import KEPT_EVENTS, Object, Store, shown
from mailcore.clock import Clock

RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 60.0, 60.0)
_AT_ONCE: Final = 50
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True)
class Faults:
    """`copies` of each event; the next `drop` are lost; `hold`: nothing leaves until it is let go;
    `shuffle`: those held leave in any order; `delay`: seconds before each.
    """

    copies: int = 1
    drop: int = 0
    hold: bool = False
    shuffle: bool = False
    delay: float = 0.0


def signature(body: bytes, secrets: Iterable[str], at: int) -> str:
    """Stripe-Signature: `t=...,v1=...`, one v1 for each secret."""
    signed = f"{at}.".encode() + body
    marks = [f"v1={hmac.digest(secret.encode(), signed, 'sha256').hex()}" for secret in secrets]
    return ",".join([f"t={at}", *marks])


@dataclass(slots=True)
class Outbox:
    """Signs with the real time, however far the stand-in's clock has been advanced."""

    store: Store
    faults: Faults = field(default_factory=Faults)
    held: list[Object] = field(default_factory=list)
    delivered: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    _http: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(timeout=10, trust_env=False, limits=httpx.Limits())
    )

    def take(self, event: Object) -> None:
        """A new event: sent, held or lost as the faults say."""
        if self.faults.drop > 0:
            self.faults.drop -= 1
        elif self.faults.hold:
            self.held.append(event)
        else:
            self.send(event)

    def release(self) -> None:
        """What was held leaves, and nothing is held from now on."""
        waiting, self.held, self.faults.hold = self.held, [], False
        if self.faults.shuffle:
            random.shuffle(waiting)
        for event in waiting:
            self.send(event)

    def send(self, event: Object) -> None:
        """To every endpoint that wants it, in the background; also one that was sent or dropped before."""
        for endpoint in self.store.all("webhook_endpoint", status="enabled"):
            wanted = endpoint["enabled_events"]
            if "*" in wanted or event["type"] in wanted:
                for _ in range(self.faults.copies):
                    self._begin(event, endpoint)

    def _begin(self, event: Object, endpoint: Object) -> None:
        if urlsplit(endpoint["url"]).hostname not in _LOOPBACK:
            return
        task = asyncio.get_running_loop().create_task(self._deliver(event, endpoint))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: Object, endpoint: Object) -> None:
        body = json.dumps(shown(event), indent=2).encode()
        await asyncio.sleep(self.faults.delay)
        for wait in (*RETRY_SECONDS, None):
            if await self._post(endpoint, body):
                event["pending_webhooks"] = 0
                self.delivered.append(event["id"])
                return
            if wait is not None:
                await asyncio.sleep(wait)

    async def _post(self, endpoint: Object, body: bytes) -> bool:
        now = int(Clock().now().timestamp())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(body, endpoint["_secrets"], now),
        }
        try:
            async with self._gate:
                answer = await self._http.post(endpoint["url"], content=body, headers=headers)
        except httpx.HTTPError:
            return False
        return answer.is_success

    async def settled(self) -> None:
        """Until nothing is under way any more: delivered, or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()
