"""Every dialogue file is replayed against a real mx, and every reply we can give is shown somewhere."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.ports import free_port
from clearpost.standins.dns import Fault
from mailcore import replies
from mailcore.plans import Lane, Plan, limits_for
from mailcore.replies import Reply
from mailcore.settings import Settings
from tests.dialogues import dialogue
from tests.support.mx import Mx, Surroundings, running_mx, surroundings
from tests.support.services import TestPostgres
from tests.support.spam_filter import small_filter
from tests.support.world import World

FILES = dialogue.files()
HOSTNAME = "mx.clearpost.test"

# Replies that no dialogue and no test shows, each with its reason.
UNSHOWN: dict[str, str] = {}


async def build(world: World) -> None:
    """The town all dialogues play in. Its domains say what they are for."""
    free = await world.account("free")
    shop = await world.domain(free, "shop.test")
    await world.alias(shop, "hello", "you@inbox.test")
    await world.alias(shop, "both", "you@inbox.test", "second@inbox.test")
    await world.alias(shop, "paused", "you@inbox.test", enabled=False)
    await world.alias(shop, "lonely")
    await world.alias(shop, "new", "new@inbox.test")
    await world.alias(shop, "half", "you@inbox.test", "new@inbox.test")
    await world.alias(shop, "stopped", "stopped@inbox.test")
    await world.execute("update destination set confirmed_at = null where address = 'new@inbox.test'")
    await world.execute("update destination set stopped_at = now() where address = 'stopped@inbox.test'")
    await world.alias(await world.domain(free, "off.test"), "hello", "you@inbox.test")
    await world.execute("update domain set off_at = now() where name = 'off.test'")
    await world.alias(shop, "newest", "you@inbox.test")
    await world.execute("update alias set paused_at = now() where local_part = 'newest'")
    await world.alias(await world.domain(free, "surplus.test"), "hello", "you@inbox.test")
    await world.execute("update domain set paused_at = now() where name = 'surplus.test'")
    for name, days in (("lately", 1), ("long-ago", 3)):
        suspended = await world.account(f"suspended-{name}")
        await world.alias(await world.domain(suspended, f"{name}.test"), "hello", "you@inbox.test")
        await world.execute(
            "update account set suspended_for = 'spam', suspended_at = now() - $2 * interval '1 day' "
            "where id = $1",
            suspended.id,
            days,
        )
    await world.alias(shop, "jürgen", "you@inbox.test")
    await world.alias(await world.domain(free, "all.test"), "*", "you@inbox.test")
    plain = await world.domain(free, "plain.test", plus_addressing=False)
    await world.alias(plain, "hello", "you@inbox.test")
    await world.alias(await world.domain(free, "xn--mnchen-3ya.test"), "hello", "you@inbox.test")
    await world.domain(free, "fresh.test", verified=False)
    await world.domain(free, "stale.test", verified=False, claimed=timedelta(hours=80))
    await world.alias(await world.domain(free, "strict.test"), "hello", "you@inbox.test")
    await world.execute("update domain set strict_dmarc = true where name = 'strict.test'")
    await world.alias(await world.domain(free, "unfiltered.test"), "hello", "you@inbox.test")
    await world.execute("update domain set spam_threshold = null where name = 'unfiltered.test'")
    premium = await world.account("premium")
    await world.alias(await world.domain(premium, "gold.test"), "hello", "boss@inbox.test")
    full = await world.account("full")
    await world.alias(await world.domain(full, "full.test"), "hello", "full@inbox.test")
    await world.alias(await world.domain(full, "nearly.test"), "both", "a@inbox.test", "b@inbox.test")
    await world.used_today(full, limits_for(Plan.FREE).daily_quota)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(
    migrated_postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Surroundings]:
    url = await migrated_postgres.create_database()
    async with surroundings(url, valkey.url, tmp_path_factory.mktemp("town")) as around:
        await build(around.world)
        around.dns.zone.put("1.0.0.127.bl.test", "A", "127.0.0.2")
        around.dns.zone.put_txt("_dmarc.bank.test", "v=DMARC1; p=reject")
        around.dns.zone.fail("late.bank.test", Fault.SERVFAIL)
        yield around
    await migrated_postgres.drop_database(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mx(town: Surroundings) -> AsyncIterator[Mx]:
    async with running_mx(town.settings) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
async def test_dialogue(path: Path, town: Surroundings, mx: Mx) -> None:
    conversation = dialogue.parse(path)
    if conversation.headers.keys() & {"settings", "lane", "spam"}:
        async with (
            _asking_a_filter(_special(town, conversation), conversation) as settings,
            running_mx(settings, _lane(conversation)) as own,
            own.client() as client,
        ):
            await dialogue.replay(conversation, client)
    else:
        async with mx.client() as client:
            await dialogue.replay(conversation, client)


@asynccontextmanager
async def _asking_a_filter(settings: Settings, conversation: dialogue.Dialogue) -> AsyncIterator[Settings]:
    """One that gives every message the dialogue's score."""
    async with small_filter() as rspamd:
        rspamd.scores(float(conversation.headers.get("spam", 0)))
        asked = {"rspamd_url": rspamd.url} if "spam" in conversation.headers else {}
        yield settings.model_copy(update=asked)


def _special(town: Surroundings, conversation: dialogue.Dialogue) -> Settings:
    """The dialogue's settings, on ports of its own beside the town's mx."""
    changes: dict[str, Any] = {"mx_port": free_port(), "fast_mx_port": free_port()}
    for pair in conversation.headers.get("settings", "").split():
        name, _, value = pair.partition("=")
        known = getattr(town.settings, name)
        changes[name] = _as(known, value)
    return town.changed(**changes).settings


def _as(known: object, value: str) -> object:
    """Text as that kind of value."""
    match known:
        case timedelta():
            return timedelta(seconds=float(value))
        case tuple():
            return tuple(filter(None, value.split(",")))
        case _:
            return int(value)


def _lane(conversation: dialogue.Dialogue) -> Lane:
    return Lane(conversation.headers.get("lane", "standard"))


def test_every_dialogue_says_its_rule_first() -> None:
    for path in FILES:
        assert re.match(r"# [A-Z].+\.\n", path.read_text(encoding="utf-8")), path.name


def test_every_file_name_tells_the_codes_it_shows() -> None:
    for path in FILES:
        if codes := re.search(r"_(\d{3})(?:_(\d)_(\d)_(\d))?$", path.stem):
            start = codes[1] + (f" {codes[2]}.{codes[3]}.{codes[4]}" if codes[2] else "")
            assert any(line.startswith(start) for line in dialogue.parse(path).expected), path.name


def test_every_reply_is_shown() -> None:
    shown = {line for path in FILES for line in dialogue.parse(path).expected}
    tested = "\n".join(path.read_text(encoding="utf-8") for path in dialogue.FOLDER.parent.rglob("test_*.py"))
    unshown = {
        name
        for name, reply in vars(replies).items()
        if isinstance(reply, Reply) and reply.line() not in shown and f"replies.{name}" not in tested
    }
    assert unshown == set(UNSHOWN)


def test_every_composed_reply_is_shown() -> None:
    shown = {line for path in FILES for line in dialogue.parse(path).expected}
    free = limits_for(Plan.FREE)
    composed = [
        replies.greeting(HOSTNAME),
        replies.queued("{id}"),
        replies.too_large_for_plan(Plan.FREE, free.message_bytes),
        replies.attachments_too_large(Plan.FREE, free.attachment_bytes),
        replies.listed("bl.test"),
        replies.listed_for_long("bl.test"),
        replies.spam(15.2, 15),
        replies.dmarc_refused("bank.test"),
        replies.dmarc_undecided("bank.test"),
    ]
    assert not [reply.line() for reply in composed if reply.line() not in shown]


def test_no_reply_names_a_destination_or_an_internal() -> None:
    for path in FILES:
        for line in dialogue.parse(path).expected:
            assert not re.search(r"inbox\.test|Error|Traceback|sql", line), path.name
