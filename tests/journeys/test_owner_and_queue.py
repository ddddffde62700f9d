"""An owner at the queue, with mail that really waits: see why, try now, cancel; and a test message's way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from api.app import create_app
from api.runtime import ApiRuntime
from customers import api_keys
from customers.api_keys import NewKey
from mailcore import service_status
from mailcore.clock import Clock
from mailcore.jobs import Alarm
from mailcore.plans import Lane
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.stack import Stack, until

GREYLISTED = {"RCPT": "451 4.7.1 greylisted"}
LATER = {"standard_ladder": (timedelta(hours=1),), "fast_ladder": (timedelta(hours=1),)}


@asynccontextmanager
async def owner(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key of the stack's account, on an API of its own."""
    alarm = Alarm.open(stack.redis_url)
    runtime = await ApiRuntime.open(stack.settings, clock=Clock(), wake=alarm.wake, tell=alarm.tell)
    try:
        async with _asking(runtime, stack) as http:
            yield http
    finally:
        await runtime.close()
        await alarm.close()


@asynccontextmanager
async def _asking(runtime: ApiRuntime, stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with runtime.database.session() as session:
        _, secret = await api_keys.create(
            session, runtime.clock, runtime.keyring, account_id=stack.account.id, new=NewKey("k"), live=False
        )
    transport = httpx.ASGITransport(app=create_app(runtime))
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as http:
        yield http


async def queue(http: httpx.AsyncClient, **params: str) -> list[dict[str, Any]]:
    answer = await http.get("/v1/queue", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]  # type: ignore[no-any-return]


async def test_the_owner_sees_why_mail_waits_and_tries_it_now(opened: Opener) -> None:
    inbox = Destination({"RCPT": ["451 4.7.1 greylisted"]})
    async with inbox, opened({"inbox.test": inbox}, **LATER) as stack, owner(stack) as http:
        alias = await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        (entry,) = await queue(http)
        assert (entry["message_id"], entry["alias_id"]) == (str(message_id), str(alias.id))
        assert (entry["alias"], entry["destination"]) == ("hello@shop.test", "you@inbox.test")
        assert (entry["state"], entry["attempt"], entry["lane"]) == ("waiting", 1, "standard")
        assert entry["reason"].startswith("Greylisted: normal")
        assert entry["last_attempt"]["response"] == "451 4.7.1 greylisted [no TLS]"
        assert entry["next_attempt_at"] > entry["since"]
        summary = (await http.get("/v1/queue/summary")).json()
        assert (summary["total"], summary["waiting"], summary["held"]) == (1, 1, 0)
        assert summary["next_attempt_at"] == entry["next_attempt_at"]
        (at,) = summary["providers"]
        assert (at["count"], at["next_attempt_at"]) == (1, entry["next_attempt_at"])
        answer = await http.post(f"/v1/queue/{entry['id']}/retry")
        assert answer.status_code == 202, answer.text
        await stack.has_event(message_id, "received", "soft-bounced", "delivered")
        assert await queue(http) == []
        gone = await http.post(f"/v1/queue/{entry['id']}/retry")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_what_the_owner_cancels_ends_as_hard_bounced_and_names_the_cause(opened: Opener) -> None:
    inbox = Destination(GREYLISTED)
    async with inbox, opened({"inbox.test": inbox}, **LATER) as stack, owner(stack) as http:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        (entry,) = await queue(http)
        answer = await http.post(f"/v1/queue/{entry['id']}/cancel")
        assert answer.status_code == 202, answer.text
        assert answer.json()["reason"] == "It is cancelled, and ends in a moment."
        await stack.has_event(message_id, "received", "soft-bounced", "hard-bounced")
        last = (await http.get(f"/v1/logs/messages/{message_id}")).json()["events"][-1]
        assert (last["response"], last["code"]) == ("cancelled: its owner asked for that", "5.2.1")
        assert last["explanation"] == "We ended this delivery: its owner asked for that."
        assert inbox.messages == []
        ledger = (await http.get("/v1/ledger")).json()["balances"]
        assert [line["difference"] for line in ledger] == [0] * len(ledger)
        # An address with its tag lives as long as the log: what was done to a delivery is kept for longer.
        done = await stack.world.database.fetch("select action, subject_id, subject from audit_event")
        assert [tuple(row.values()) for row in done] == [("delivery.cancelled", UUID(entry["id"]), "")]


async def test_many_are_tried_or_cancelled_by_a_filter(opened: Opener) -> None:
    inbox = Destination(GREYLISTED)
    async with inbox, opened({"inbox.test": inbox}, **LATER) as stack, owner(stack) as http:
        hello = await stack.alias("hello", "you@inbox.test")
        await stack.alias("shop", "you@inbox.test")
        await stack.start("mx", "worker")
        sent = [await stack.accepted(f"{name}@shop.test") for name in ("hello", "hello", "shop")]
        for message_id in sent:
            await stack.has_event(message_id, "received", "soft-bounced")
        assert len(await queue(http, alias_id=str(hello.id))) == 2
        assert [each["alias"] for each in await queue(http, message_id=str(sent[2]))] == ["shop@shop.test"]
        nothing = await http.post("/v1/queue/cancel", json={})
        assert (nothing.status_code, nothing.json()["code"]) == (422, "choice_missing")
        tried = await http.post("/v1/queue/retry", json={"all": True})
        assert tried.json() == {"changed": 3, "left": 0}
        for message_id in sent:
            await stack.has_event(message_id, "received", "soft-bounced", "soft-bounced")
        cancelled = await http.post("/v1/queue/cancel", json={"alias_id": str(hello.id)})
        assert cancelled.json() == {"changed": 2, "left": 0}

        async def one_waits() -> bool:
            return [each["alias"] for each in await queue(http)] == ["shop@shop.test"]

        await until(one_waits)
        actions = await stack.world.database.fetch(
            "select action, detail->>'count' as count from audit_event"
        )
        assert [tuple(row) for row in actions] == [("queue.retried", "3"), ("queue.cancelled", "2")]


async def test_one_in_flight_cannot_be_cancelled(opened: Opener) -> None:
    inbox = Destination(GREYLISTED)
    async with inbox, opened({"inbox.test": inbox}, **LATER) as stack, owner(stack) as http:
        await stack.alias("hello", "you@inbox.test")
        mx = await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        await stack.stop(mx)
        await stack.world.database.value("update delivery set lease_owner = gen_random_uuid() returning 1")
        (entry,) = await queue(http)
        assert (entry["state"], entry["next_attempt_at"]) == ("in-progress", None)
        for what in ("retry", "cancel"):
            answer = await http.post(f"/v1/queue/{entry['id']}/{what}")
            assert (answer.status_code, answer.json()["code"]) == (409, "in_flight")


async def test_mail_of_a_machine_that_is_away_is_held_and_can_be_cancelled(opened: Opener) -> None:
    inbox = Destination(GREYLISTED)
    async with inbox, opened({"inbox.test": inbox}, check=False, **LATER) as stack, owner(stack) as http:
        await stack.alias("hello", "you@inbox.test")
        mx = await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        await stack.stop(mx)
        (entry,) = await queue(http)
        assert (entry["state"], entry["reason"]) == ("held", "The machine that has it is away.")
        assert (await http.post(f"/v1/queue/{entry['id']}/cancel")).status_code == 202
        folder = stack.settings.spool_dir.with_name("elsewhere")
        await stack.start(
            "upkeep", spool_dir=folder
        )  # on another machine; nobody wipes the bytes of that one
        await stack.has_event(message_id, "received", "soft-bounced", "hard-bounced")
        last = (await stack.timeline(message_id))[-1]
        assert last.response == "cancelled: its owner asked for that"


async def test_own_mail_of_the_service_is_not_in_an_owners_queue(opened: Opener) -> None:
    inbox, sender = Destination({"RCPT": "550 5.1.1 nobody"}), Destination({"RCPT": "451 4.2.0 later"})
    routes = {"inbox.test": inbox, "sender.test": sender}
    async with inbox, sender, opened(routes, **LATER) as stack, owner(stack) as http:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test", letter())
        await stack.has_event(message_id, "received", "hard-bounced")
        await sender.reach("RCPT")
        assert await stack.waits() == 1  # the notification
        assert await queue(http) == []
        assert (await http.post("/v1/queue/cancel", json={"all": True})).json()["changed"] == 0


async def test_a_test_message_goes_the_way_of_all_mail(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack, owner(stack) as http:
        alias = await stack.alias("hello", "you@inbox.test")
        everything = await stack.alias("*", "rest@inbox.test")
        await stack.start("mx")
        answer = await http.post(f"/v1/aliases/{alias.id}/test")
        assert answer.status_code == 202, answer.text
        (arrived,) = await inbox.wait_for(1)
        message_id = UUID(answer.json()["message_id"])
        await stack.has_event(message_id, "received", "delivered")
        timeline = (await http.get(answer.headers["location"])).json()
        assert timeline["id"] == str(message_id)
        assert timeline["subject"] == "Test message for hello@shop.test"
        assert b"Auto-Submitted: auto-generated" in arrived.content
        assert (await http.post(f"/v1/aliases/{everything.id}/test")).json()["address"] == "test@shop.test"
        await inbox.wait_for(2)


async def test_a_test_message_that_the_mx_refuses_shows_its_reply(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack, owner(stack) as http:
        alias = await stack.alias("hello", "you@inbox.test", enabled=False)
        nobody = await http.post(f"/v1/aliases/{alias.id}/test")
        assert (nobody.status_code, nobody.json()["code"]) == (503, "unavailable")
        assert int(nobody.headers["retry-after"]) > 0
        await stack.start("mx")
        answer = await http.post(f"/v1/aliases/{alias.id}/test")
        assert (answer.status_code, answer.json()["code"]) == (409, "test_refused")
        assert answer.json()["reply"].startswith("550 5.2.1 ")


async def test_a_failed_test_message_is_answered_to_nobody(opened: Opener) -> None:
    inbox = Destination({"RCPT": "550 5.1.1 nobody"})
    async with inbox, opened({"inbox.test": inbox}) as stack, owner(stack) as http:
        alias = await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        answer = await http.post(f"/v1/aliases/{alias.id}/test")
        message_id = UUID(answer.json()["message_id"])
        await stack.has_event(message_id, "received", "hard-bounced")
        await stack.idle()


async def test_ten_test_messages_an_hour_are_enough(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack, owner(stack) as http:
        alias = await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        codes = [(await http.post(f"/v1/aliases/{alias.id}/test")).status_code for _ in range(11)]
        assert codes == [202] * 10 + [429]


async def test_the_status_shows_what_lives_and_how_long_mail_takes(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        for lane in Lane:
            await stack.start("mx", "worker", lane=lane)
        await stack.start("upkeep")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "delivered")
        await service_status.note_speeds(stack.world.database, stack.world.clock.now())  # as every minute
        async with owner(stack) as http:
            answer = await http.get("/status.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store", "what a canary says ends at its second"
    shown = answer.json()
    assert (shown["status"], shown["ledger_difference"]) == ("up", 0)
    assert [(part["name"], part["state"]) for part in shown["parts"]] == [
        ("database", "up"),
        ("mx standard", "up"),
        ("worker standard", "up"),
        ("mx fast", "up"),
        ("worker fast", "up"),
        ("upkeep", "up"),
    ]
    standard, fast = shown["lanes"]
    assert (standard["lane"], fast["lane"]) == ("standard", "fast")
    assert {each["delivered_last_hour"] for each in (standard, fast)} == {None}, "one is too few to tell"
    assert {each["p50_seconds"] for each in (standard, fast)} == {None}
