"""Events as Stripe sends them, signed and each with an id of its own, many at once on a few connections.

Must never wait for one answer before the next event is due: a storm does not slow down by itself.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from clearpost.standins.stripe_events import signature
from mailcore.clock import Clock

CONNECTIONS = 40
_numbers = itertools.count(1)


@dataclass(slots=True)
class Storm:
    """`answers`: how often which status came back. `port` is the API's, on loopback."""

    port: int
    secret: str
    customers: Sequence[str]
    answers: Counter[int] = field(default_factory=Counter)
    _waiting: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)

    async def blow(self, rate: int, seconds: int) -> None:
        """So many events a second; returns once the last one is answered."""
        posting = [asyncio.create_task(self._post()) for _ in range(CONNECTIONS)]
        loop = asyncio.get_running_loop()
        began, tick = loop.time(), 0.02
        for number in range(round(seconds / tick)):
            due = round((number + 1) * tick * rate) - round(number * tick * rate)
            for _ in range(due):
                self._waiting.put_nowait(self._request())
            await asyncio.sleep(max(0.0, began + (number + 1) * tick - loop.time()))
        for _ in posting:
            self._waiting.put_nowait(None)
        await asyncio.gather(*posting)

    def _request(self) -> bytes:
        number, now = next(_numbers), int(Clock().now().timestamp())
        event = {
            "id": f"evt_storm{number}",
            "object": "event",
            "type": "customer.subscription.updated",
            "created": now,
            "livemode": False,
            "data": {
                "object": {"object": "subscription", "customer": self.customers[number % len(self.customers)]}
            },
        }
        body = json.dumps(event).encode()
        head = (
            "POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Stripe-Signature: {signature(body, [self.secret], now)}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def _post(self) -> None:
        """One kept connection: what is due, one after the other."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while (request := await self._waiting.get()) is not None:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                if "content-length:" in head:
                    await reader.readexactly(int(head.partition("content-length:")[2].split("\r\n")[0]))
                self.answers[int(head.split()[1])] += 1
        finally:
            writer.close()
