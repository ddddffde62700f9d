"""A person buys a plan, has what it gives within seconds, gives it back, and finds all again on return.

Over HTTP as in a browser: our API, pages that the stand-in for Stripe hosts, its signed events back to us.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from api.runtime import ApiRuntime
from clearpost.standins.dns import DnsStandin
from mailcore.plans import Lane, Plan, limits_for
from tests.journeys.conftest import Opener
from tests.journeys.test_limits import with_attachment
from tests.support.api import SignedInPerson, StepClock, Tenant, World
from tests.support.destination import Destination
from tests.support.loopback_http import serving
from tests.support.stack import Stack, until
from tests.support.stripe import RunningStripe
from workers.plans import settle_downgrades

FREE = limits_for(Plan.FREE)
AT_ONCE = 5.0  # seconds from the payment to what it gives
MONTH = timedelta(days=32)


@dataclass(slots=True)
class Buyer:
    """The owner of the stack's account, in their browser."""

    stack: Stack
    stripe: RunningStripe
    person: SignedInPerson

    async def ask(self, path: str, **body: str) -> dict[str, Any]:
        answer = await self.person.http.post(f"/v1/{path}", json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def buys(self, plan: str) -> None:
        page = await self.ask("billing/checkout", plan=plan, interval="month")
        answer = await self.stripe.pay(page["url"])
        assert answer.headers["location"].startswith(f"{self.stack.settings.web_url}/billing")

    async def has(self, plan: str, seconds: float = AT_ONCE) -> None:
        async def shown() -> bool:
            return bool((await self.person.http.get("/v1/account")).json()["plan"] == plan)

        await until(shown, seconds)

    async def alias(self, local_part: str) -> str:
        """The address, or the code of the problem."""
        body = {"local_part": local_part, "destinations": ["you@inbox.test"]}
        answer = await self.person.http.post(f"/v1/domains/{self.stack.domain.id}/aliases", json=body)
        made = answer.json()
        return str(made["code"] if answer.is_error else made["address"])


@asynccontextmanager
async def selling(opened: Opener, inbox: Destination, owners: Destination) -> AsyncIterator[Buyer]:
    """A service that sells, its API on a port of its own, where Stripe's events come."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with (
            RunningStripe.running(f"{url}/webhooks/stripe") as stripe,
            opened(
                {"inbox.test": inbox, "owners.test": owners, "people.test": owners},
                web_url=url,
                **stripe.settings,
            ) as stack,
            DnsStandin() as dns,
        ):
            clock = StepClock()
            runtime = await ApiRuntime.open(stack.settings, clock=clock, wake=lambda _: None)
            world = World(runtime, clock, dns)
            try:
                async with serving(world.app, listener):
                    owner = Tenant(stack.account.id, "", "", world.anonymous)
                    person = await world.person(owner, email="buyer@people.test")
                    yield Buyer(stack, stripe, person)
            finally:
                await world.close()


async def test_a_plan_is_bought_used_given_back_and_bought_again(opened: Opener) -> None:
    too_large = with_attachment(FREE.attachment_bytes + 1)
    async with (
        Destination({"RCPT": ["451 4.2.1 Later"]}) as inbox,
        Destination() as owners,
        selling(opened, inbox, owners) as buyer,
    ):
        stack = buyer.stack
        await stack.alias("hello", "you@inbox.test")
        for number in range(FREE.aliases_per_domain - 1):
            await stack.alias(f"n{number}", "you@inbox.test")
        await stack.start("mx", "upkeep")
        await stack.start("worker", lane=Lane.FAST)
        assert await buyer.alias("surplus") == "limit_reached"
        assert (await stack.send("hello@shop.test", too_large)).startswith("552 5.3.4")
        waiting = await stack.accepted("hello@shop.test")
        assert await lane_of(stack, waiting) == "standard"  # and no worker serves that lane here

        await buyer.buys("premium")
        async with asyncio.timeout(AT_ONCE):
            await buyer.has("premium")
            await inbox.wait_for(1)  # what waited goes the fast lane
            await until(lambda: is_taken(stack, "hello@shop.test", too_large))
        assert await buyer.alias("surplus") == "surplus@shop.test"
        await confirm(stack)

        preview = await buyer.ask("billing/preview", plan="free")
        assert [each["address"] for each in preview["pauses"]["aliases"]] == ["surplus@shop.test"]
        assert (await buyer.ask("billing/change", plan="free"))["effective"] == "period_end"
        await buyer.has("premium")
        buyer.stripe.control.advance(MONTH)
        await buyer.has("free")
        assert (await stack.send("hello@shop.test", too_large)).startswith("552 5.3.4")
        await grace_ends(stack)
        await until(lambda: is_refused(stack, "surplus@shop.test", "550 5.2.1"), AT_ONCE)
        await owners.wait_for(2)  # and both its owners are told
        await stack.accepted("hello@shop.test")

        await buyer.buys("business")
        async with asyncio.timeout(AT_ONCE):
            await buyer.has("business")
            await until(lambda: is_taken(stack, "surplus@shop.test"))
        await inbox.wait_for(4)
        await stack.idle()


async def lane_of(stack: Stack, message_id: UUID) -> str:
    return str(await stack.world.value("select lane from message where id = $1", message_id))


async def is_taken(stack: Stack, recipient: str, content: bytes | None = None) -> bool:
    return (await stack.send(recipient, content)).startswith("250")


async def is_refused(stack: Stack, recipient: str, reply: str) -> bool:
    return (await stack.send(recipient)).startswith(reply)


async def confirm(stack: Stack) -> None:
    await stack.world.execute("update destination set confirmed_at = now() where confirmed_at is null")


async def grace_ends(stack: Stack) -> None:
    """The week after the downgrade has passed, and its owner was told a day before."""
    await stack.world.execute("update account set surplus_pauses_at = now() - interval '1 second', "
                              "surplus_told = 2 where id = $1", stack.account.id)  # fmt: skip
    await settle_downgrades(stack.world.database, stack.world.clock)
