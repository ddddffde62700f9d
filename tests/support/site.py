"""The whole service as a browser meets it: the API with its portal on a port, and all that works behind it.

One for many tests: each gets a customer of its own. `async with site.api_away():` is an API that is stopped.
"""

import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.runtime import ApiRuntime
from clearpost.standins.dns import DnsStandin
from mailcore.jobs import Alarm
from mailcore.plans import Lane, Plan
from tests.support.api import SignedInPerson, StepClock, Tenant, World
from tests.support.destination import Destination
from tests.support.loopback_http import serving
from tests.support.stack import Stack, service
from tests.support.stripe import RunningStripe
from tests.support.world import AccountRow, AliasRow, DomainRow


@dataclass(slots=True)
class Customer:
    """An account nobody else uses, its owner signed in. `domain` and `alias` are rows, and work at once."""

    site: "Site"
    number: int
    tenant: Tenant
    owner: SignedInPerson

    @property
    def row(self) -> AccountRow:
        return AccountRow(self.tenant.id, self.owner.email)

    @property
    def domain_name(self) -> str:
        """A name that no other test uses."""
        return f"shop{self.number}.test"

    async def domain(self, name: str = "", *, verified: bool = True) -> DomainRow:
        return await self.site.stack.world.domain(self.row, name or self.domain_name, verified=verified)

    async def alias(self, domain: DomainRow, local_part: str, *destinations: str) -> AliasRow:
        chosen = destinations or ("you@inbox.test",)
        return await self.site.stack.world.alias(domain, local_part, *chosen)

    async def be_sole_owner(self) -> None:
        """The account was opened with an owner who never came."""
        for member in (await self.owner.http.get("/v1/members")).json()["data"]:
            if member["role"] == "owner" and member["email"] != self.owner.email:
                gone = await self.owner.http.delete(f"/v1/members/{member['id']}")
                assert gone.status_code == 204, gone.text

    async def colleague(self, role: str, name: str = "colleague") -> SignedInPerson:
        """One more person in the account, signed in."""
        email = f"{name}{self.number}@people.test"
        return await self.site.world.person(self.tenant, role=role, email=email)


@dataclass(slots=True)
class Site:
    """`inbox` gets all mail, letters of ours too; `world` speaks to the API without a browser."""

    stack: Stack
    stripe: RunningStripe
    inbox: Destination
    port: int
    world: World = field(init=False)
    _api: AsyncExitStack = field(default_factory=AsyncExitStack)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        return self.stack.settings.web_url

    async def customer(self, plan: Plan = Plan.FREE) -> Customer:
        number = next(self._numbers)
        tenant = await self.world.tenant(f"shop{number}", plan)
        return Customer(
            self, number, tenant, await self.world.person(tenant, email=f"owner{number}@people.test")
        )

    async def start_api(self) -> None:
        """As `clearpost api` does it, in our own loop."""
        async with AsyncExitStack() as stack:
            alarm = Alarm.open(self.stack.redis_url)
            stack.push_async_callback(alarm.close)
            clock = StepClock()
            runtime = await ApiRuntime.open(
                self.stack.settings, clock=clock, wake=alarm.wake, tell=alarm.tell
            )
            self.world = World(runtime, clock, DnsStandin())
            self.world.zone = self.stack.zone
            stack.push_async_callback(self.world.close)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", self.port)))
            await stack.enter_async_context(serving(self.world.app, listener))
            stack.callback(runtime.feed.end)
            self._api = stack.pop_all()

    async def stop_api(self) -> None:
        """Open streams end, what runs is finished, and connections are refused."""
        await self._api.aclose()

    @asynccontextmanager
    async def api_away(self) -> AsyncIterator[None]:
        """Clients that customers have are void afterwards; those of the new API are in `site.world`."""
        await self.stop_api()
        try:
            yield
        finally:
            await self.start_api()


@asynccontextmanager
async def running_site(
    database_url: str, redis_url: str, folder: Path, **changes: Any
) -> AsyncIterator[Site]:
    """With mx and workers of both lanes, upkeep, a Stripe, and one inbox for the whole world."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"  # by name: passkeys take no address
    async with (
        Destination() as inbox,
        RunningStripe.running(f"http://127.0.0.1:{port}/webhooks/stripe") as stripe,
        service(
            database_url, redis_url, folder, {"*": inbox}, web_url=url, **{**stripe.settings, **changes}
        ) as stack,
    ):
        for lane in (Lane.STANDARD, Lane.FAST):
            await stack.start("mx", "worker", lane=lane)
        await stack.start("upkeep")
        site = Site(stack, stripe, inbox, port)
        await site.start_api()
        try:
            yield site
        finally:
            await site.stop_api()
