"""The log over HTTP: filters, pages, a timeline in plain words, and nothing past seven days."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.logs import explanation
from mailcore import event_log
from mailcore.authenticity.verdicts import DkimVerdict, DmarcVerdict, SpfVerdict, Verdicts
from mailcore.clock import Clock
from mailcore.event_log import Answer, Attempt, LoggedMessage
from mailcore.replies import Reply
from tests.support.api import Tenant, World
from tests.support.logged import put_in_queue, write


async def listed(tenant: Tenant, **params: Any) -> list[str]:
    answer = await tenant.http.get("/v1/logs/messages", params=params)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


async def refuse(world: World, tenant: Tenant, said: str, found: str = "") -> UUID:
    code, enhanced, text = said.split(" ", 2)
    message = LoggedMessage(
        world.clock.new_id(), tenant.id, None, world.clock.now(), "192.0.2.7", "", "", "ann@sender.test",
        "hello@example.test", found,
    )  # fmt: skip
    async with world.runtime.database.transaction() as tx:
        await event_log.record_messages(tx, world.runtime.log_keys, [message])
        event = event_log.refused(message, Reply(int(code), enhanced, text), "192.0.2.1")
        await event_log.record_events(tx, world.runtime.log_keys, [event])
    return message.id


async def test_a_timeline_tells_each_event_in_plain_words(world: World, tenant: Tenant) -> None:
    message = await write(world, tenant)
    told = (await tenant.http.get(f"/v1/logs/messages/{message.id}")).json()
    assert (told["subject"], told["sender"], told["alias"]) == (
        "Hi",
        "Ada <ada@example.com>",
        "hello@example.test",
    )
    assert (told["client_ip"], told["client_name"], told["last_event"]) == (
        "192.0.2.7",
        "mail.example.com",
        "delivered",
    )
    received, soft, delivered = told["events"]
    assert (received["type"], received["attempt"], received["delivery_id"]) == ("received", 0, None)
    assert (soft["type"], soft["code"], soft["response"]) == (
        "soft-bounced",
        "4.2.2",
        "452 4.2.2 mailbox full",
    )
    assert soft["explanation"] == "The mailbox behind this address is full. We try again."
    assert (delivered["server_ip"], delivered["duration_ms"], delivered["attempt"]) == ("192.0.2.25", 112, 1)
    assert delivered["explanation"] == "The message was delivered."


async def test_a_message_tells_what_was_found_out_about_its_sender(world: World, tenant: Tenant) -> None:
    found = Verdicts(SpfVerdict("softfail"), (DkimVerdict("pass"),), DmarcVerdict("pass"), spam=-1.25)
    message = await write(world, tenant, verdicts=found.in_words())
    told = (await tenant.http.get(f"/v1/logs/messages/{message.id}")).json()
    assert told["events"][0]["response"].endswith("; spf=softfail dkim=pass dmarc=pass arc=none spam=-1.2")
    assert told["authentication"] == {
        "spf": "softfail", "dkim": "pass", "dmarc": "pass", "arc": "none", "spam": -1.2
    }  # fmt: skip
    (listed,) = (await tenant.http.get("/v1/logs/messages")).json()["data"]
    assert listed["authentication"] == told["authentication"]


async def test_a_refusal_tells_what_was_found_out_too(world: World, tenant: Tenant) -> None:
    found = "spf=fail dkim=none dmarc=fail arc=none"
    refused = await refuse(world, tenant, "550 5.7.26 Refused (why; the owner hears)", found)
    told = (await tenant.http.get(f"/v1/logs/messages/{refused}")).json()
    assert (told["last_event"], told["authentication"]["dmarc"]) == ("refused", "fail")
    assert (await tenant.http.get("/v1/logs/messages")).json()["data"][0]["authentication"] == told[
        "authentication"
    ]


async def test_what_is_not_known_of_a_sender_is_null(world: World, tenant: Tenant) -> None:
    early = (await write(world, tenant)).id
    refused = await refuse(world, tenant, "550 5.1.1 The address does not exist")
    for message in (early, refused):
        told = (await tenant.http.get(f"/v1/logs/messages/{message}")).json()
        assert told["authentication"] is None
    listed = (await tenant.http.get("/v1/logs/messages")).json()["data"]
    assert [each["authentication"] for each in listed] == [None, None]


async def test_a_timeline_tells_when_the_next_try_is_and_when_all_of_it_is_deleted(
    world: World, tenant: Tenant
) -> None:
    message = await write(world, tenant, delivered=False)
    due = world.clock.now() + timedelta(minutes=5)
    waits = await put_in_queue(world, message, attempt=1, next_attempt_at=due)
    told = (await tenant.http.get(f"/v1/logs/messages/{message.id}")).json()
    assert datetime.fromisoformat(told["deleted_at"]) == message.received_at + timedelta(days=7)
    (unfinished,) = told["unfinished"]
    assert datetime.fromisoformat(unfinished.pop("next_attempt_at")) == due
    assert unfinished == {
        "delivery_id": str(waits), "destination": "", "state": "waiting", "attempt": 1
    }  # fmt: skip
    ended = await write(world, tenant)
    assert (await tenant.http.get(f"/v1/logs/messages/{ended.id}")).json()["unfinished"] == []


async def test_messages_are_found_by_each_filter(world: World, tenant: Tenant) -> None:
    start = world.clock.now()
    first = str((await write(world, tenant, subject="Invoice 100%")).id)
    second = str((await write(world, tenant, alias="shop@example.test", delivered=False)).id)
    assert await listed(tenant) == [second, first]
    assert await listed(tenant, alias="shop@example.test") == [second]
    assert await listed(tenant, event="delivered") == [first]
    assert await listed(tenant, event="soft-bounced") == [second, first]
    assert await listed(tenant, q="invoice 100%") == [first]
    assert await listed(tenant, q="ADA@") == [second, first]
    assert await listed(tenant, since=(start + timedelta(seconds=5)).isoformat()) == [second]
    assert await listed(tenant, until=(start + timedelta(seconds=5)).isoformat()) == [first]
    assert await listed(tenant, domain_id=str(uuid4())) == []


async def test_messages_are_found_by_their_result_of_dmarc(world: World, tenant: Tenant) -> None:
    found = {}
    for result in ("pass", "fail", "none"):
        words = Verdicts(dmarc=DmarcVerdict(result)).in_words()
        found[result] = str((await write(world, tenant, subject="dmarc=fail", verdicts=words)).id)
    await write(world, tenant)
    words = Verdicts(dmarc=DmarcVerdict("permerror")).in_words()
    found["permerror"] = str(await refuse(world, tenant, "550 5.7.26 no", words))
    for result, message in found.items():
        assert await listed(tenant, dmarc=result) == [message]
    assert await listed(tenant, dmarc="temperror") == []
    assert (await tenant.http.get("/v1/logs/messages?dmarc=maybe")).status_code == 422


async def test_an_address_finds_its_tagged_mail_and_nobody_elses(world: World, tenant: Tenant) -> None:
    plain = str((await write(world, tenant, alias="a_b@example.test")).id)
    tagged = str((await write(world, tenant, alias="a_b+shop@example.test")).id)
    await write(world, tenant, alias="axb+shop@example.test")
    await write(world, tenant, alias="a_b+shop@other.test")
    assert await listed(tenant, alias="a_b@example.test") == [tagged, plain]
    assert await listed(tenant, alias="a_b+shop@example.test") == [tagged]


@pytest.mark.parametrize(
    ("kind", "answer", "words"),
    [
        (event_log.hard_bounced, ("cancelled: the alias was deleted by its owner", "5.2.1", ""),
         "We ended this delivery: the alias was deleted by its owner."),
        (event_log.hard_bounced, ("550 5.2.1 gone", "5.2.1", "192.0.2.25"),
         "The mailbox behind this address is switched off."),
        (event_log.soft_bounced, ("451 4.7.1 Greylisting in action", "4.7.1", "192.0.2.25"),
         "Greylisted: normal for a server that meets a sender for the first time. We try again."),
    ],
)  # fmt: skip
async def test_an_explanation_is_true_of_what_happened(
    kind: Callable[[Attempt, Answer, datetime], event_log.Event], answer: tuple[str, str, str], words: str
) -> None:
    now = Clock().now()
    response, code, server = answer
    event = kind(
        Attempt(uuid4(), uuid4(), now, uuid4(), 1), Answer(response, code, server, timedelta(0)), now
    )
    assert explanation(event) == words


async def test_the_log_comes_in_pages_without_gaps(world: World, tenant: Tenant) -> None:
    written = [str((await write(world, tenant)).id) for _ in range(5)]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await tenant.http.get("/v1/logs/messages", params=params)).json()
        seen += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        params["cursor"] = page["next_cursor"]
        await write(world, tenant)  # newer ones must not push others out of the next page
    assert seen == written[::-1]


async def test_another_account_sees_nothing_of_it(world: World, tenant: Tenant) -> None:
    message = await write(world, tenant)
    other = await world.tenant("two")
    assert await listed(other) == []
    answer = await other.http.get(f"/v1/logs/messages/{message.id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_after_seven_days_the_log_is_empty_whatever_upkeep_did(world: World, tenant: Tenant) -> None:
    message = await write(world, tenant)
    world.clock.step(timedelta(days=7) - timedelta(seconds=20))
    assert await listed(tenant) == [str(message.id)]
    world.clock.step(timedelta(seconds=20))
    assert await listed(tenant) == []
    other = await world.tenant("two")
    answers = [await each.http.get(f"/v1/logs/messages/{message.id}") for each in (tenant, other)]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(410, "gone_by_policy")] * 2
    assert "7 days" in answers[0].json()["detail"]
    made_up = UUID(int=message.id.int ^ 1)  # as old, and nobody's
    nobodys = await tenant.http.get(f"/v1/logs/messages/{made_up}")
    assert nobodys.json() | {"request_id": ""} == answers[0].json() | {"request_id": ""}
    assert await world.runtime.database.value("select count(*) from log_message") == 1


async def test_an_id_beyond_the_calendar_is_just_absent(tenant: Tenant) -> None:
    furthest = UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")
    answer = await tenant.http.get(f"/v1/logs/messages/{furthest}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
