"""A receiver and a worker as processes, with two tenants: one is attacked, the other must not notice."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dns import reversename

from mailcore.plans import Lane
from tests.support.destination import Destination, Received
from tests.support.hostile import address
from tests.support.sender import letter, send
from tests.support.stack import Spawned, Stack, service


@dataclass(frozen=True, slots=True)
class House:
    """shop.test, with hello@ and any extra alias, is for the attacker; friend@other.test must go on."""

    stack: Stack
    mx: Spawned
    inbox: Destination

    @property
    def port(self) -> int:
        return self.stack.settings.mx_port

    async def friend_writes(self, text: str = "See you at noon.") -> str:
        """One ordinary message to the other tenant: the reply."""
        return await send(self.port, "ann@sender.test", "friend@other.test", letter(text=text))

    async def friends_mail(self, count: int, seconds: float = 10) -> list[Received]:
        """Waits until so many of the other tenant's messages have arrived."""
        await self.inbox.wait_for(count, seconds)
        return self.inbox.messages


Note = Callable[[str], None]
HouseOpener = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def house(database_url: str, redis_url: str, tmp_path: Path) -> HouseOpener:
    """`async with house(**settings) as h`. What the attacker sends is refused elsewhere."""

    @asynccontextmanager
    async def open_house(**changes: Any) -> AsyncIterator[House]:
        async with Destination() as inbox, Destination({"RCPT": "550 5.1.1 no"}) as pit:
            routes = {"inbox.test": inbox, "pit.test": pit}
            patient = {"max_idle_commands": 10**6, **changes}  # a witness says NOOP all the while
            async with service(database_url, redis_url, tmp_path, routes, **patient) as stack:
                introduce_clients(stack)
                await stack.alias("hello", "me@pit.test")
                other = await stack.world.account("other")
                domain = await stack.world.domain(other, "other.test")
                await stack.world.alias(domain, "friend", "friend@inbox.test")
                mx, worker = await stack.spawn_all(("mx", Lane.STANDARD), ("worker", Lane.STANDARD))
                yield House(stack, mx, inbox)
                await stack.kill(worker)  # it need not end what the attacker left behind

    return open_house


def introduce_clients(stack: Stack) -> None:
    """All have reverse names, and SPF lets them send: the DNS of these tests lives in the attacker's own
    process and is late at the worst of times, when who has something against them is put off.
    """
    stack.zone.put_txt("sender.test", "v=spf1 ip4:127.0.0.0/8 -all")
    for ip in ("127.0.0.1", *(address(number) for number in range(100))):
        name = f"client-{ip.replace('.', '-')}.sender.test"
        stack.zone.put(reversename.from_address(ip).to_text(), "PTR", f"{name}.")
        stack.zone.put(name, "A", ip)


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Figures worth keeping: shown by `pytest -rP`, and when the test fails."""

    def add(text: str) -> None:
        request.node.add_report_section("call", "figures", text)

    return add
