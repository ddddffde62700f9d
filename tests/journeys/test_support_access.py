"""A message is missing, an owner lets staff look: they read what became of it, for an hour and no longer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx

from api.runtime import ApiRuntime
from clearpost.standins.dns import DnsStandin
from customers import api_keys
from customers.api_keys import NewKey
from mailcore.jobs import Alarm
from mailcore.plans import Lane
from tests.journeys.conftest import Opener
from tests.support.api import StepClock, World
from tests.support.destination import Destination
from tests.support.on_staff import staff_browser
from tests.support.sender import letter
from tests.support.stack import Stack, until


@asynccontextmanager
async def asking(stack: Stack) -> AsyncIterator[tuple[World, httpx.AsyncClient]]:
    """An API on the stack whose clock a test moves on, and its owner's key."""
    alarm, clock = Alarm.open(stack.redis_url), StepClock()
    runtime = await ApiRuntime.open(stack.settings, clock=clock, wake=alarm.wake, tell=alarm.tell)
    world = World(runtime, clock, DnsStandin())
    try:
        async with runtime.database.session() as session:
            _, secret = await api_keys.create(
                session, clock, runtime.keyring, account_id=stack.account.id, new=NewKey("k"), live=False
            )
        async with world.client(Authorization=f"Bearer {secret}") as http:
            yield world, http
    finally:
        await world.close()
        await alarm.close()


async def test_staff_see_what_became_of_a_message_while_its_owner_lets_them(opened: Opener) -> None:
    inbox, owners = Destination({"RCPT": "550 5.1.1 No such user"}), Destination()
    async with (
        inbox,
        owners,
        opened({"inbox.test": inbox, "owners.test": owners}) as stack,
        asking(stack) as (world, http),
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker", "upkeep")
        await stack.start("worker", lane=Lane.FAST)  # letters take it
        message_id = await stack.accepted("hello@shop.test", letter("Invoice 7"), by="")
        await stack.has_event(message_id, "received", "hard-bounced")
        sam = await staff_browser(world)
        path = f"/staff/v1/accounts/{stack.account.id}/log/messages/{message_id}"
        assert (await sam.get(path)).json()["code"] == "no_grant"

        body = {"reason": "Where is invoice 7?", "domain_ids": [str(stack.domain.id)], "hours": 1}
        opened_one = await http.post("/v1/support/requests", json=body)
        assert opened_one.status_code == 201, opened_one.text
        seen = (await sam.get(path)).json()
        assert (seen["subject"], seen["alias"]) == ("Invoice 7", "hello@shop.test")
        assert "550 5.1.1 No such user" in seen["events"][-1]["response"]

        async def is_told() -> bool:
            return any(b"has let our staff look" in each.content for each in owners.messages)

        await until(is_told)
        world.clock.step(timedelta(hours=1))
        assert (await sam.get(path)).json()["code"] == "no_grant"
        told = (await http.get("/v1/support/views")).json()["data"]
        assert [each["state"] for each in told] == ["refused", "viewed", "refused"]
        assert {tuple(each["message_ids"]) for each in told} == {(str(message_id),)}
        await stack.idle()
