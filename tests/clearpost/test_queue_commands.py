"""`clearpost queue ...` and `clearpost spool recover`: exit codes, output, and no address in it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from clearpost import queue_commands, spool_commands
from clearpost.cli import app
from clearpost.queue_commands import BadChoice, choice_of
from mailcore.queue_admin import Choice
from mailcore.spool_record import Location
from tests.support import invariants
from tests.support.destination import Destination
from tests.support.moments import go_back, remember
from tests.support.stack import Stack, service

LATER = {"RCPT": "451 4.7.1 you@inbox.test is busy"}


@pytest.fixture
async def inbox() -> AsyncIterator[Destination]:
    async with Destination(LATER) as destination:
        yield destination


@pytest.fixture
async def stack(
    database_url: str, redis_url: str, tmp_path: Path, inbox: Destination
) -> AsyncIterator[Stack]:
    """One message for hello@shop.test waits for an hour after its first attempt."""
    hour = {"standard_ladder": (timedelta(hours=1),)}
    async with service(database_url, redis_url, tmp_path, {"inbox.test": inbox}, **hour) as opened:
        await opened.alias("hello", "you@inbox.test")
        mx = await opened.start("mx")
        message_id = await opened.accepted("hello@shop.test")
        await opened.has_event(message_id, "received", "soft-bounced")
        await opened.stop(mx)
        yield opened
        await invariants.check(opened)


async def run(capsys: pytest.CaptureFixture[str], code: int, command: Any, *args: Any, **options: Any) -> str:
    """The command in a thread of its own, as it has an event loop of its own; its output."""
    capsys.readouterr()
    assert await asyncio.to_thread(command, *args, **options) == code
    out = capsys.readouterr()
    assert "@" not in out.out + out.err
    return out.out + out.err


async def test_the_list_names_no_address(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    out = await run(
        capsys, 0, queue_commands.show_list, stack.settings, Choice(), state="", limit=9, as_json=True
    )
    (row,) = json.loads(out)["deliveries"]
    assert (row["state"], row["attempt"], row["domain_id"]) == ("waiting", 1, str(stack.domain.id))
    text = await run(
        capsys, 0, queue_commands.show_list, stack.settings, Choice(), state="held", limit=9, as_json=False
    )
    assert text == "  Nothing waits.\n"


async def test_one_delivery_is_shown_with_codes_but_without_words(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    row = await stack.world.database.row("select id, message_id from delivery")
    for identifier in row:
        out = await run(
            capsys, 0, queue_commands.show_one, stack.settings, Choice(ids=[identifier]), as_json=True
        )
        assert [event["code"] for event in json.loads(out)["events"]] == ["2.0.0", "4.7.1"]
        assert "busy" not in out
    text = await run(
        capsys, 0, queue_commands.show_one, stack.settings, Choice(ids=[row["id"]]), as_json=False
    )
    assert "soft-bounced" in text
    await run(capsys, 1, queue_commands.show_one, stack.settings, Choice(ids=[uuid4()]), as_json=False)


async def test_held_mail_is_released_and_delivered(
    stack: Stack, inbox: Destination, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = Choice(domain="shop.test")
    out = await run(capsys, 0, queue_commands.change, stack.settings, "hold", choice, as_json=False)
    assert out == "  1 delivery held; what is 4 days old ends\n"
    out = await run(capsys, 0, queue_commands.change, stack.settings, "retry", choice, as_json=True)
    assert json.loads(out) == {"changed": 0}
    inbox.script.clear()
    await stack.start("worker")
    await run(capsys, 0, queue_commands.change, stack.settings, "release", choice, as_json=False)
    await inbox.wait_for(1)
    await stack.idle()
    assert await noted(stack) == ["held", "released"]


async def noted(stack: Stack) -> list[str]:
    """What the owner's open pages were told of the queue of the domain."""
    rows = await stack.world.database.fetch(
        "select data ->> 'state' as state from change where kind = 'queue' and account_id = $1 "
        "and data ->> 'domain_id' = $2 order by id",
        stack.account.id,
        str(stack.domain.id),
    )
    return [row["state"] for row in rows]


async def test_failing_tells_the_sender_and_deletes_the_content(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """The invariants look for readable bytes afterwards."""
    choice = Choice(domain="shop.test")
    await run(capsys, 0, queue_commands.change, stack.settings, "hold", choice, as_json=False)
    out = await run(capsys, 0, queue_commands.fail, stack.settings, choice, as_json=True)
    assert json.loads(out) == {"ended": 1, "left": 0}
    assert await noted(stack) == ["held", "failed"]
    (row,) = await stack.world.database.fetch(
        "select origin, segment, record_offset, record_length from message"
    )
    record = stack.spool().read(Location(row["segment"], row["record_offset"], row["record_length"]))
    (told,) = record.envelope["recipients"]
    assert (row["origin"], told["destinations"]) == ("dsn", ["ann@sender.test"])
    assert await stack.world.value("select code from log_event where type = 'hard-bounced'") == "5.3.0"


async def test_a_database_that_does_not_answer_is_one_line(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = stack.settings.model_copy(update={"database_url": SecretStr("postgresql://x:y@127.0.0.1:1/z")})
    out = await run(capsys, 1, queue_commands.change, gone, "hold", Choice(domain="shop.test"), as_json=False)
    assert out.startswith("clearpost: the database does not answer")


async def test_recovering_waits_for_no_process_and_rebuilds(
    stack: Stack, inbox: Destination, capsys: pytest.CaptureFixture[str]
) -> None:
    """The restore lost one message that waits; another one had ended meanwhile."""
    before = await remember(stack.world.database)
    mx = await stack.start("mx", "upkeep")
    out = await run(capsys, 1, spool_commands.recover, stack.settings, again=False, as_json=False)
    assert "systemctl stop" in out
    await stack.accepted("hello@shop.test")
    await stack.stop_all()
    assert mx not in stack.running
    await go_back(stack.world.database, before)
    out = await run(capsys, 0, spool_commands.recover, stack.settings, again=False, as_json=True)
    assert json.loads(out)["rebuilt_messages"] == 1
    out = await run(capsys, 0, spool_commands.recover, stack.settings, again=False, as_json=False)
    assert "nothing to recover" in out
    inbox.script.clear()
    await stack.world.execute("update delivery set next_attempt_at = now()")
    await stack.start("worker", "upkeep")
    await inbox.wait_for(2)
    await stack.idle()


async def test_recovering_without_a_spool_says_so(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = stack.settings.model_copy(update={"spool_dir": tmp_path / "nowhere"})
    await run(capsys, 1, spool_commands.recover, nowhere, again=False, as_json=False)
    assert not (tmp_path / "nowhere").exists()


def test_ids_and_names_are_checked() -> None:
    chosen = choice_of(["0191d4a8-0000-7000-8000-000000000000"], "Shop.Test", "")
    assert (len(chosen.ids), chosen.domain, chosen.is_everything) == (1, "shop.test", False)
    for ids, domain in ((["nonsense"], ""), ([], "no domain"), ([], "localhost")):
        with pytest.raises(BadChoice):
            choice_of(ids, domain, "")


@pytest.mark.parametrize("name", ["hold", "release", "retry", "fail"])
def test_nothing_is_chosen_for_want_of_an_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        app(["queue", name])
    assert end.value.code == 2
    assert capsys.readouterr().err == "clearpost: say which: ids, --domain or --provider\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nonsense"], "an id looks like"),
        (["hold", "--domain", "localhost"], "'localhost' is not a domain name"),
        (["list", "--state", "lost"], "--state is waiting or held"),
    ],
)
def test_a_wrong_option_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        app(["queue", *arguments])
    out = capsys.readouterr().err
    assert (end.value.code, out.count("\n")) == (2, 1)
    assert said in out
