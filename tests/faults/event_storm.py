"""Events as Stripe sends them, signed and each with an id of its own, many at once on a few connections.

A program of its own, so that it takes nothing from the loop in which destinations answer:
`python -m tests.faults.event_storm PORT SECRET RATE SECONDS CUSTOMER...` prints how often which status came
back, and in how many seconds. Must never wait for one answer before the next event is due.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from clearpost.standins.stripe_events import signature
from mailcore.clock import Clock
from tests.support.services import ROOT

_CONNECTIONS = 40
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Blown:
    """What came of a storm. `statuses`: how often which status was answered."""

    statuses: dict[int, int]
    seconds: float


async def blow(port: int, secret: str, rate: int, seconds: int, customers: Sequence[str]) -> Blown:
    """In a process of its own; returns once the last event is answered."""
    words = [str(port), secret, str(rate), str(seconds), *customers]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, *words),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, "the storm broke off"
    statuses, took = json.loads(said)
    return Blown({int(status): count for status, count in statuses.items()}, took)


@dataclass(slots=True)
class _Storm:
    port: int
    answers: Counter[int] = field(default_factory=Counter)
    waiting: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)

    async def blow(self, requests: Sequence[bytes], rate: int) -> float:
        """Seconds until all are answered."""
        posting = [asyncio.create_task(self._post()) for _ in range(_CONNECTIONS)]
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while sent < len(requests):
            due = min(len(requests), round((loop.time() - began + _TICK) * rate))
            for request in requests[sent:due]:
                self.waiting.put_nowait(request)
            sent = due
            await asyncio.sleep(_TICK)
        for _ in posting:
            self.waiting.put_nowait(None)
        await asyncio.gather(*posting)
        return loop.time() - began

    async def _post(self) -> None:
        """One kept connection: what is due, one after the other."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while (request := await self.waiting.get()) is not None:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                if "content-length:" in head:
                    await reader.readexactly(int(head.partition("content-length:")[2].split("\r\n")[0]))
                self.answers[int(head.split()[1])] += 1
        finally:
            writer.close()


def _request(number: int, customer: str, secret: str, now: int) -> bytes:
    about = {"object": "subscription", "customer": customer}
    event = {
        "id": f"evt_storm{number}",
        "object": "event",
        "type": "customer.subscription.updated",
        "created": now,
        "livemode": False,
        "data": {"object": about},
    }
    body = json.dumps(event).encode()
    head = (
        "POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: {signature(body, [secret], now)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main(port: str, secret: str, rate: str, seconds: str, *customers: str) -> None:
    """All are signed first: a signature holds for five minutes."""
    count, now = int(rate) * int(seconds), int(Clock().now().timestamp())
    requests = [_request(n, customers[n % len(customers)], secret, now) for n in range(count)]
    storm = _Storm(int(port))
    took = asyncio.run(storm.blow(requests, int(rate)))
    sys.stdout.write(json.dumps([storm.answers, took]))


if __name__ == "__main__":
    main(*sys.argv[1:])
