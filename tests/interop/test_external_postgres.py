"""The whole service on the oldest PostgreSQL we promise, brought up as an operator does: by our commands."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from clearpost.ports import free_port
from mailcore.settings import Settings
from tests.interop.postgres15 import external_database
from tests.interop.processes import running, said
from tests.journeys.conftest import Opener
from tests.support import disk_image
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.stack import Stack

SECRET = "The key lies under the third flower pot."
GONE = "550 5.1.1 no such user"


@pytest.fixture
async def database_url(redis_url: str) -> AsyncIterator[str]:
    """An external database in the place of the embedded one, filled by `clearpost migrate`."""
    async with external_database() as url:
        await said(Settings(database_url=SecretStr(url), redis_url=SecretStr(redis_url)), "migrate")
        yield url


async def test_mail_is_forwarded_retried_reported_listed_and_gone_on_postgres_15(opened: Opener) -> None:
    async with (
        Destination(
            recipients={"you@inbox.test": ["451 4.7.1 greylisted"], "gone@inbox.test": GONE}
        ) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}, api_port=free_port()) as stack,
        AsyncExitStack() as processes,
    ):
        assert str(await stack.world.value("show server_version")).startswith("15.")
        for command in (
            ("mx", "--lane", "standard"),
            ("worker", "--lane", "standard"),
            ("upkeep",),
            ("api",),
        ):
            await processes.enter_async_context(running(stack.settings, stack.log, *command))
        async with await customer(stack) as api:
            await claim(stack, api, "mine.test", {"hello": "you@inbox.test", "old": "gone@inbox.test"})
            content = letter(text=SECRET)
            await stack.accepted("hello@mine.test", content)
            (forwarded,) = await inbox.wait_for(1)
            await stack.accepted("old@mine.test", content)
            (report,) = await theirs.wait_for(1)
            await stack.idle()
            await has_ended(api, "hello@mine.test", ["received", "soft-bounced", "delivered"])
            await has_ended(api, "old@mine.test", ["received", "hard-bounced"])
            counts = {line["origin"]: line for line in (await asked(api, "GET", "/v1/ledger"))["balances"]}
    assert forwarded.content.endswith(content)
    assert b"Final-Recipient: rfc822; old@mine.test\r\n" in report.content
    assert SECRET.encode() not in report.content
    assert not disk_image.holds(stack.settings.spool_dir, stack.settings.key_dir, SECRET.encode())
    assert [(line["created"], line["difference"]) for line in (counts["smtp"], counts["dsn"])] == [
        (2, 0),
        (1, 0),
    ]


async def customer(stack: Stack) -> httpx.AsyncClient:
    """A new account's API, asked with the key that the command line printed."""
    created = json.loads(await said(stack.settings, "account", "create", "me@owners.test", "--json"))
    stack.zone.put_txt("_clearpost.mine.test", created["txt_value"])
    key = {"Authorization": f"Bearer {created['api_key']}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{stack.settings.api_port}", headers=key)


async def claim(stack: Stack, api: httpx.AsyncClient, name: str, aliases: dict[str, str]) -> None:
    """A verified domain with these aliases."""
    domain = await asked(api, "POST", "/v1/domains", name=name)
    stack.zone.put(name, "MX", f"10 {stack.settings.mx_name}.")
    checked = await asked(api, "POST", f"/v1/domains/{domain['id']}/check")
    assert checked["state"] == "verified", checked
    for local_part, destination in aliases.items():
        await stack.world.execute(  # how an inbox says yes is a journey of its own
            "insert into destination (id, account_id, address, confirmed_at) "
            "select $1, account_id, $2, now() from domain where name = $3",
            stack.world.clock.new_id(),
            destination,
            name,
        )
        path = f"/v1/domains/{domain['id']}/aliases"
        await asked(api, "POST", path, local_part=local_part, destinations=[destination])


async def has_ended(api: httpx.AsyncClient, alias: str, types: list[str]) -> None:
    """The list shows one message of the alias with the last of these events, and its timeline all of them."""
    listed = await asked(api, "GET", f"/v1/logs/messages?alias={alias}&event={types[-1]}")
    (message,) = listed["data"]
    timeline = await asked(api, "GET", f"/v1/logs/messages/{message['id']}")
    assert [event["type"] for event in timeline["events"]] == types


async def asked(api: httpx.AsyncClient, method: str, path: str, **body: object) -> Any:
    answer = await api.request(method, path, json=body or None)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()
