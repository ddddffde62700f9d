"""An API that sells plans, the stand-in for Stripe it sells them by, and who does upkeep's part of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from mailcore.models import Subscription
from tests.support.api import SignedInPerson, Tenant, World, running_api
from tests.support.stripe import RunningStripe
from tests.support.webhook_taker import WebhookTaker
from workers.billing import Bookkeeper


@dataclass(slots=True)
class Shop:
    """`taker` is where Stripe sends events; `deliver` brings them to the API."""

    world: World
    stripe: RunningStripe
    taker: WebhookTaker
    books: Bookkeeper
    _brought: int = field(default=0)

    async def deliver(self) -> list[int]:
        """What Stripe has sent and was not brought yet. The statuses of the answers."""
        await self.stripe.delivered()
        waiting = self.taker.received[self._brought :]
        self._brought += len(waiting)
        return [(await self.bring(body, signature)).status_code for body, signature in waiting]

    async def bring(self, body: bytes, signature: str) -> httpx.Response:
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return await self.world.anonymous.post("/webhooks/stripe", content=body, headers=headers)

    async def settle(self) -> None:
        """Events come in, and who is due is fetched."""
        assert set(await self.deliver()) <= {200}
        await self.books.fetch_due()

    async def row(self, account_id: UUID) -> Subscription:
        async with self.world.runtime.database.session() as session:
            found = await session.get(Subscription, account_id)
        assert found is not None
        return found

    async def plan(self, account_id: UUID) -> str:
        plan = await self.world.runtime.database.value("select plan from account where id = $1", account_id)
        return str(plan)

    async def execute(self, statement: str, *arguments: object) -> None:
        async with self.world.runtime.database.transaction() as tx:
            await tx.execute(statement, *arguments)

    async def all_due(self) -> None:
        """As if an hour had passed: everybody is fetched again, without any event."""
        await self.execute("update subscription set fetch_at = now()")
        await self.books.fetch_due()

    async def buy(
        self,
        who: Tenant | SignedInPerson,
        plan: str = "premium",
        interval: str = "month",
        card: str = "works",
    ) -> None:
        """Through Checkout, to the end."""
        url = await asked(who, "checkout", plan=plan, interval=interval)
        answer = await self.stripe.pay(url["url"], card)
        assert answer.status_code < 400, answer.text
        await self.settle()


async def asked(who: Tenant | SignedInPerson, what: str, status: int = 200, **body: str) -> dict[str, Any]:
    """POST /v1/billing/{what}, which answers with this status."""
    answer = await who.http.post(f"/v1/billing/{what}", json=body or None)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


@asynccontextmanager
async def running_shop(database_url: str, folder: Path, **changes: Any) -> AsyncIterator[Shop]:
    async with (
        WebhookTaker.running() as taker,
        RunningStripe.running(taker.url) as stripe,
        running_api(database_url, folder, **(dict(stripe.settings) | changes)) as world,
    ):
        assert world.runtime.till is not None
        books = Bookkeeper(world.runtime.database, world.clock, world.runtime.till)
        yield Shop(world, stripe, taker, books)
