"""The grep: what mail says can be read in no file of ours, whatever happened to it on the way.

Real processes at debug level, PostgreSQL and Valkey too; refused statements, kill -9 of everything, soft and
hard bounces, notifications, refusals, searches, exports, staff. Then every file is read: PostgreSQL's data
and the whole of its write-ahead log, Valkey's files, spool, key folder, all logs. What nobody entered as a
setting stands nowhere at any time: body, names of attachments, subject, sender, tag of the alias, what
servers answered, who was refused. What customers entered stands only where the policy says. What the search
finds is shown by tests/support/test_byte_search.py, and here at the end, by leaks of each kind.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import asyncpg
import pytest
import redis

from customers.policy import elsewhere, page
from customers.policy.lines import Place
from mailcore import event_log
from mailcore.clock import ShiftedClock
from mailcore.database import Database
from mailcore.log_keys import LogKeys
from mailcore.plans import Lane
from mailcore.runtime import open_runtime
from tests.support.byte_search import Hit, Words, files_in, holders, told
from tests.support.destination import Act, Destination
from tests.support.relations import Relations
from tests.support.sender import sender_at
from tests.support.stack import Spawned
from tests.support.traced import House, house, letter
from workers.letters import send_letters
from workers.notices import tell_undelivered

# a: local part of an alias, d: a destination. No other word may stand in a file, ever.
SETTINGS: Final = {"a", "d"}
MAY_HOLD_THEM: Final = frozenset(row.table for row in page.ROWS if row.is_setting)
REFUSING: Final = ("message", "delivery", "log_message", "log_event")
BIG: Final = 400_000
DELIVERED, LATER, NEVER, HUNG, WAITS, LARGE, CATCH_ALL, REFUSED, FAILED, CUT, AFTER = range(1, 12)
UNTOLD, RETURNED, LOST = range(12, 15)


@pytest.mark.timeout(300)
async def test_what_mail_says_can_be_read_in_no_file(tmp_path: Path) -> None:
    words, hang = Words(), asyncio.Event()
    async with (
        Destination(recipients=answers(words, hang)) as inbox,
        Destination() as sender,
        house(tmp_path, words, inbox=inbox, sender=sender, owners=sender) as home,
    ):
        await settings(home)
        worker = await start(home)
        await mail(home, inbox, sender)
        await refusals(home)
        await failing_statements(home)
        await crashes(home, inbox, worker)
        hang.set()
        await lookers(home)
        assert_no_trace(*await home.look())
        assert_named(home)
        keys = keys_of(home)
        await tell_owners(home)
        await finish(home, inbox)
        await forget(home)
        assert_no_trace(*await home.look())
        assert [holders(key, home.files()) for key in keys] == [[]] * len(keys)
        await assert_leaks_are_seen(home)


def answers(words: Words, hang: asyncio.Event) -> dict[str, str | Act | list[str | Act]]:
    """What the inboxes say: words of theirs (r), with their address in it."""

    def said(code: str, number: int) -> str:
        address = f"<{words.word('d', number)}@inbox.test>"
        return f"{code} {address} {words.word('r', number)} for {words.word('f', number)}"

    return {
        f"{words.word('d', LATER)}@inbox.test": [said("451 4.7.1", LATER)],
        f"{words.word('d', NEVER)}@inbox.test": said("550 5.1.1", NEVER),
        f"{words.word('d', CATCH_ALL)}@inbox.test": said("550 5.1.1", CATCH_ALL),
        f"{words.word('d', UNTOLD)}@inbox.test": said("550 5.1.1", UNTOLD),
        f"{words.word('d', HUNG)}@inbox.test": [Act("250 2.1.5 OK", until=hang)],
        f"{words.word('d', WAITS)}@inbox.test": said("451 4.2.2", WAITS),
    }


# --- what happens ---


async def settings(home: House) -> None:
    """Aliases and their inboxes; one domain has a catch-all, another none."""
    for number in range(1, 15):
        await home.stack.alias(home.words.word("a", number), f"{home.words.word('d', number)}@inbox.test")
    other = await home.stack.world.domain(home.stack.account, "other.test")
    await home.stack.world.alias(other, "*", f"{home.words.word('d', CATCH_ALL)}@inbox.test")
    await home.stack.world.domain(home.stack.account, "strict.test")


async def start(home: House) -> Spawned:
    """All four, each a process of its own; the worker is returned."""
    names = ("mx", "upkeep", "api", "worker")
    processes = await home.stack.spawn_all(*((name, Lane.STANDARD) for name in names))
    return processes[-1]


async def mail(home: House, inbox: Destination, sender: Destination) -> None:
    """Delivered at once, after a soft bounce, never (its sender is told, or may not be); large; by a
    catch-all; sent back by the inbox later.
    """
    for number in (DELIVERED, LATER, NEVER, WAITS):
        await home.accepted(number)
    await home.accepted(LARGE, size=BIG)
    await home.accepted(CATCH_ALL, f"{home.words.word('u', CATCH_ALL)}@other.test")
    await home.accepted(UNTOLD, by="unknown.test")
    await inbox.wait_for(3)
    await sender.wait_for(1)
    for message in list(inbox.messages):
        back = message.mail.removeprefix("MAIL FROM:<").partition(">")[0]
        assert (await home.send(RETURNED, back, by="")).startswith("2")


async def refusals(home: House) -> None:
    """Before and after the content, by us and by the grammar."""
    words = home.words
    assert (await home.send(REFUSED, f"{words.word('u', REFUSED)}@strict.test")).startswith("550")
    async with sender_at(home.stack.settings.mx_port) as door:
        said = [
            await door.say(f"MAIL FROM:<{words.word('f', REFUSED)}@@sender.test>"),
            await door.say(f"{words.word('u', REFUSED)} what"),
            await door.say(f"MAIL FROM:<{words.word('f', REFUSED)}@sender.test>"),
            await door.say(f"RCPT TO:<{home.alias(REFUSED)}>"),
            await door.say("DATA"),
            await door.content(letter(words, REFUSED).replace(b"boundary", b"bound\nary")),
        ]
    assert [reply[:3] for reply in said] == ["501", "500", "250", "250", "354", "550"], said


async def failing_statements(home: House) -> None:
    """Every statement that carries something of mail is refused once, and so is one of the API."""
    for table in REFUSING:
        await refuse(home, table)
        assert (await home.send(FAILED)).startswith("451"), table
        await allow(home, table)
    await refuse(home, "audit_event")
    (alias, *_) = (await home.http.get("/v1/aliases")).json()["data"]
    answer = await home.http.patch(f"/v1/aliases/{alias['id']}", json={"note": home.words.word("a", FAILED)})
    assert answer.status_code >= 500
    await allow(home, "audit_event")
    await home.accepted(FAILED)


async def refuse(home: House, table: str) -> None:
    await home.stack.world.execute(f"alter table {table} add constraint refused check (false) not valid")


async def allow(home: House, table: str) -> None:
    await home.stack.world.execute(f"alter table {table} drop constraint refused")


async def crashes(home: House, inbox: Destination, worker: Spawned) -> None:
    """kill -9: the mx while content comes, the worker while it delivers, PostgreSQL while mail waits."""
    await home.accepted(HUNG)
    await inbox.reach(f"<{home.words.word('d', HUNG)}@inbox.test>", 20)
    await home.stack.kill(worker)
    (mx, *_) = (each for each in home.stack.running if isinstance(each, Spawned))
    async with sender_at(home.stack.settings.mx_port) as door:
        for line in (f"MAIL FROM:<{home.words.word('f', CUT)}@sender.test>", f"RCPT TO:<{home.alias(CUT)}>"):
            assert (await door.say(line)).startswith("250")
        assert (await door.say("DATA")).startswith("354")
        await door.put(letter(home.words, CUT, BIG)[: -BIG // 2])
        await home.stack.kill(mx)
    await home.stack.spawn_all(("mx", Lane.STANDARD), ("worker", Lane.STANDARD))
    await home.ground.kill_postgres()
    assert (await home.send(AFTER)).startswith("4")
    await home.ground.start_postgres()
    await home.accepted(AFTER)
    await inbox.wait_for(6, 20)


async def lookers(home: House) -> None:
    """Whoever reads the log: searches, timelines, exports, the queue; staff, with and without a grant."""
    log, words = "/v1/logs/messages", home.words
    for asked in (
        {"q": words.word("s", DELIVERED)},
        {"q": words.word("u", DELIVERED)},
        {"alias": home.alias(DELIVERED)},
        {"nonsense": words.word("u", DELIVERED)},
    ):
        await home.http.get(log, params=asked)
    (found, *_) = (await home.http.get(log, params={"q": words.word("s", LATER)})).json()["data"]
    assert words.word("s", LATER) in found["subject"]
    shown = await home.http.get(f"{log}/{found['id']}")
    assert words.word("r", LATER) in shown.text
    for path in ("/v1/logs/export", "/v1/account/export", "/v1/queue", "/v1/audit", "/v1/requests"):
        await home.http.get(path)
    assert (await home.http.post("/v1/aliases/" + words.word("u", LATER))).status_code in (404, 405, 422)
    staff = f"/staff/v1/accounts/{home.stack.account.id}"
    assert (await home.sam.get(staff)).status_code == 200
    assert (await home.sam.get(f"{staff}/log/messages", params={"q": words.word("s")})).status_code == 403
    grant = {"reason": "look", "domain_ids": None, "hours": 1}
    opened = await home.http.post("/v1/support/requests", json=grant)
    assert opened.status_code == 201, opened.text
    seen = await home.sam.get(f"{staff}/log/messages", params={"q": words.word("s", LATER)})
    assert words.word("s", LATER) in seen.text


async def finish(home: House, inbox: Destination) -> None:
    """What waits is delivered, our letters too, which take the fast lane; all end in good order."""
    await home.stack.spawn("worker", Lane.FAST)
    inbox.script[f"<{home.words.word('d', WAITS)}@inbox.test>"] = "250 2.1.5 OK"
    await home.stack.idle(40)
    await home.stack.stop_all()


async def tell_owners(home: House) -> None:
    """The next day's upkeep writes to the owner of what failed without a word to its sender."""
    tomorrow, settings = ShiftedClock(timedelta(days=1)), home.stack.settings
    async with open_runtime(settings, role="upkeep", lane=Lane.STANDARD, clock=tomorrow) as runtime:
        await tell_undelivered(runtime.database, runtime.clock)
        assert await home.stack.world.count("letter") == 1
        await send_letters(runtime)


async def forget(home: House) -> None:
    """Seven days and an hour later."""
    later = ShiftedClock(timedelta(days=7, hours=2))
    keys = LogKeys(home.stack.settings.key_dir, later, home.stack.settings.log_retention)
    assert await keys.destroy_hours() > 0
    await event_log.expire(home.stack.world.database, later.now(), home.stack.settings.log_retention)


# --- what is left ---


def assert_no_trace(hits: list[Hit], relations: Relations) -> None:
    wrong = [hit for hit in hits if not is_a_setting(hit, relations)]
    assert not wrong, f"{len(wrong)} readable places:\n{told(wrong)}\n{whose(wrong, relations)}"
    assert {hit.kind for hit in hits} == SETTINGS, "the search does not even find what is there"


def is_a_setting(hit: Hit, relations: Relations) -> bool:
    tables = relations.tables_of(hit)
    return hit.kind in SETTINGS and bool(tables) and tables <= MAY_HOLD_THEM


def whose(hits: list[Hit], relations: Relations) -> str:
    found = {(hit.kind, ",".join(sorted(relations.tables_of(hit))) or hit.path.name) for hit in hits}
    return "\n".join(f"{kind}: {where}" for kind, where in sorted(found))


def assert_named(home: House) -> None:
    """Every file of the spool and of the key folder, and every key in Redis, has its line in the policy."""
    folders = {home.stack.settings.spool_dir: elsewhere.SPOOL, home.stack.settings.key_dir: elsewhere.KEYS}
    found = [
        (path.relative_to(folder).as_posix(), places)
        for folder, places in folders.items()
        for path in files_in(folder)
    ]
    with redis.Redis.from_url(home.ground.valkey.url) as client:
        found += [(key.decode(), elsewhere.REDIS) for key in client.scan_iter()]
    assert [name for name, places in found if not any(is_of(name, place) for place in places)] == []


def is_of(name: str, place: Place) -> bool:
    parts, wanted = name.split("/"), place.name.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def keys_of(home: House) -> list[bytes]:
    """Of the message that waits, and of the hours: what must be nowhere once they were destroyed."""
    folder = home.stack.settings.key_dir
    slots = [path.read_bytes()[:32] for path in (folder / "spool").rglob("*.keys")]
    hours = [path.read_bytes() for path in (folder / "hours").glob("*.key")]
    assert hours
    assert any(map(any, slots))
    return [key for key in (*slots, *hours) if any(key)]


async def assert_leaks_are_seen(home: House) -> None:
    """One of each kind: a row, a key in Redis, a file in the spool, a line of a log, of PostgreSQL's too."""
    word = home.words.word("b", 99)
    database: Database = home.stack.world.database
    await home.stack.world.execute(
        "insert into change (account_id, kind, data) values ($1, 'x', $2::text::jsonb)",
        home.stack.account.id,
        f'{{"x": "{word}"}}',
    )
    with redis.Redis.from_url(home.ground.valkey.url) as client:
        client.set("rate:x", word)
    (home.stack.segments / "x").write_text(word)
    with home.stack.log.open("a") as log:
        log.write(word.encode().hex())
    with suppress(asyncpg.PostgresError):
        await database.fetch(f"select {word}")
    hits, relations = await home.look()
    leaks = [hit for hit in hits if hit.kind == "b"]
    places = {hit.path.name for hit in leaks if not hit.path.is_relative_to(relations.data)}
    assert {"x", "processes.log", "postgres.log"} <= places
    assert any("appendonly" in hit.path.as_posix() for hit in leaks)
    in_database = [hit for hit in leaks if hit.path.is_relative_to(relations.data)]
    assert {relations.tables_of(hit) for hit in in_database} == {frozenset({"change"})}
    assert any(hit.path.parent.name == "pg_wal" for hit in in_database)
