"""The log as a file: each event once, the policy's fields only, safe to open, and written down."""

import csv
import io
import json
from dataclasses import fields
from datetime import timedelta
from typing import Any

import httpx

from api.log_export import LogLine
from mailcore.authenticity.verdicts import DmarcVerdict, SpfVerdict, Verdicts
from mailcore.event_log import Event, LoggedMessage
from tests.support.api import Tenant, World
from tests.support.logged import write

# Fields that name or count rows, and those that say whose they are.
_OURS = {"account_id", "id", "count", "verdicts"}
# The verdicts, each by itself; they stand in the response of "received" as well.
_FROM_THE_RESPONSE = {"spf", "dkim", "dmarc", "arc", "spam"}


async def taken(tenant: Tenant, **params: Any) -> httpx.Response:
    answer = await tenant.http.get("/v1/logs/export", params=params)
    assert answer.status_code == 200, answer.text
    return answer


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text)))


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_line_for_each_event_in_both_forms(world: World, tenant: Tenant) -> None:
    first, second = await write(world, tenant), await write(world, tenant, delivered=False)
    wanted = [
        (str(second.id), "received"),
        (str(second.id), "soft-bounced"),
        (str(first.id), "received"),
        (str(first.id), "soft-bounced"),
        (str(first.id), "delivered"),
    ]
    table = rows_of(await taken(tenant))
    assert [(row["message_id"], row["type"]) for row in table] == wanted
    lines = lines_of(await taken(tenant, format="jsonl"))
    assert [(line["message_id"], line["type"]) for line in lines] == wanted
    assert (table[4]["response"], table[4]["duration_ms"]) == ("250 2.0.0 ok", "112")
    assert lines[4]["duration_ms"] == 112


def test_the_fields_are_those_of_the_policy() -> None:
    """What is written of a message and its events, in clear or sealed, and nothing else."""
    written = {each.name for kind in (LoggedMessage, Event) for each in fields(kind)} - _OURS
    assert set(LogLine.model_fields) - _FROM_THE_RESPONSE == written - {"duration"} | {"duration_ms"}


async def test_what_was_found_out_about_the_sender_stands_in_columns(world: World, tenant: Tenant) -> None:
    words = Verdicts(spf=SpfVerdict("fail"), dmarc=DmarcVerdict("fail"), spam=7).in_words()
    await write(world, tenant, verdicts=words)
    names = ("spf", "dkim", "dmarc", "arc", "spam")
    received, soft, _ = rows_of(await taken(tenant, dmarc="fail"))
    assert [received[name] for name in names] == ["fail", "none", "fail", "none", "7.0"]
    assert [soft[name] for name in names] == [""] * 5
    first, second, _ = lines_of(await taken(tenant, format="jsonl"))
    assert [first[name] for name in names] == ["fail", "none", "fail", "none", 7.0]
    assert [second[name] for name in names] == [None] * 5


async def test_what_is_accepted_says_the_form(world: World, tenant: Tenant) -> None:
    await write(world, tenant)
    for accept, media in (("application/jsonl", "application/jsonl"), ("text/csv", "text/csv; charset=utf-8"),
                          ("*/*", "text/csv; charset=utf-8")):  # fmt: skip
        answer = await tenant.http.get("/v1/logs/export", headers={"Accept": accept})
        assert answer.headers["content-type"] == media
    assert 'filename="clearpost-log.csv"' in answer.headers["content-disposition"]


async def test_it_is_filtered_as_the_list_is(world: World, tenant: Tenant) -> None:
    kept = await write(world, tenant, subject="Invoice 7")
    await write(world, tenant, subject="Other", delivered=False)
    for params in ({"q": "invoice"}, {"event": "delivered"}, {"until": (kept.received_at
                   + timedelta(seconds=5)).isoformat()}):  # fmt: skip
        found = {line["message_id"] for line in lines_of(await taken(tenant, format="jsonl", **params))}
        assert found == {str(kept.id)}, params


async def test_no_cell_is_a_formula(world: World, tenant: Tenant) -> None:
    evil = '=HYPERLINK("http://evil.test")'
    await write(world, tenant, subject=evil, sender="+1@evil.test")
    row = rows_of(await taken(tenant))[0]
    assert (row["subject"], row["sender"]) == (f"'{evil}", "'+1@evil.test")
    assert lines_of(await taken(tenant, format="jsonl"))[0]["subject"] == evil


async def test_more_than_one_page_comes_whole_and_nothing_older_than_the_log(
    world: World, tenant: Tenant
) -> None:
    await write(world, tenant, subject="old")
    world.clock.step(timedelta(days=7))
    async with world.runtime.database.transaction() as tx:
        await tx.execute(_MANY, tenant.id, world.clock.now() - timedelta(minutes=1))
    lines = lines_of(await taken(tenant, format="jsonl"))
    assert len({line["message_id"] for line in lines}) == len(lines) == 1201


_MANY = """
with made as (
    insert into log_message (id, account_id, received_at)
    select gen_random_uuid(), $1, $2 from generate_series(1, 1201)
    returning id, account_id, received_at
)
insert into log_event (message_id, account_id, received_at, at, type, code, duration_ms, attempt)
select id, account_id, received_at, received_at, 'received', '', 0, 0 from made
"""


async def test_taking_it_out_is_in_the_audit_log_without_what_was_looked_for(
    world: World, tenant: Tenant
) -> None:
    await taken(tenant, format="jsonl", q="secret words")
    (line,) = (await tenant.http.get("/v1/audit")).json()["data"]
    assert (line["action"], line["detail"]) == ("log.exported", {"format": "jsonl", "by": ["text"]})


async def test_another_account_takes_out_nothing_of_it(world: World, tenant: Tenant) -> None:
    await write(world, tenant)
    other = await world.tenant("two")
    assert (await taken(other, format="jsonl")).text == ""
