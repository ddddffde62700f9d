"""`clearpost queue list|show|hold|release|retry|fail`: an operator's hand on waiting mail.

Shows ids, states, counts and codes. Must never show an address or what a server said, nor change deliveries
that were not asked for.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from clearpost.progress import complain, say, table
from mailcore import queue_admin
from mailcore.clock import Clock
from mailcore.database import Database, Tell, Tenant, Transaction, Wake
from mailcore.envelope import normalise_domain
from mailcore.event_log import Event
from mailcore.jobs import Alarm
from mailcore.keys_in_place import KeysAway
from mailcore.log_keys import LogKeys
from mailcore.log_reader import LogReader
from mailcore.plans import Lane
from mailcore.queue import Claimed
from mailcore.queue_admin import Choice, Waiting
from mailcore.runtime import Runtime, open_runtime
from mailcore.settings import Settings

_BATCH: Final = 100
DONE, UNABLE, USAGE = 0, 1, 2

Change = Callable[[Transaction, Choice], Awaitable[int]]


class BadChoice(Exception):
    """One line that says what is wrong with the options."""


def choice_of(ids: list[str], domain: str, provider: str) -> Choice:
    """Raises BadChoice."""
    try:
        parsed = tuple(UUID(text) for text in ids)
    except ValueError:
        raise BadChoice("an id looks like 0191d4a8-...: take one from `clearpost queue list`") from None
    names = []
    for name in (domain, provider):
        normal = normalise_domain(name) if name else ""
        if normal is None:
            raise BadChoice(f"{name!r} is not a domain name")
        names.append(normal)
    return Choice(parsed, *names)


def show_list(settings: Settings, choice: Choice, *, state: str, limit: int, as_json: bool) -> int:
    return _guarded(lambda: _list(settings, choice, state, limit, as_json))


async def _list(settings: Settings, choice: Choice, state: str, limit: int, as_json: bool) -> int:
    async with _Opened(settings) as database:
        rows = await queue_admin.waiting(database, choice, state=state, limit=limit)
        total = await queue_admin.count(database, choice)
    if as_json:
        say(json.dumps({"total": total, "deliveries": [_plain(asdict(row)) for row in rows]}, indent=2))
        return DONE
    if not rows:
        say("  Nothing waits.")
        return DONE
    cells = [
        (str(r.id), str(r.message_id), r.lane, "in flight" if r.in_flight else r.state, str(r.attempt),
         _span(r.due_seconds) if r.state == "waiting" else "", _span(r.age_seconds))
        for r in rows
    ]  # fmt: skip
    say(table(("delivery", "message", "lane", "state", "attempts", "due in", "age"), cells))
    if total > len(rows):
        say(f"\n  {len(rows)} of {total}; more with --limit")
    return DONE


def show_one(settings: Settings, choice: Choice, *, as_json: bool) -> int:
    """A delivery, or all of a message, with what happened to it so far."""
    return _guarded(lambda: _show(settings, choice, as_json))


async def _show(settings: Settings, choice: Choice, as_json: bool) -> int:
    async with _Opened(settings) as database:
        rows = await queue_admin.waiting(database, choice, limit=1000)
        events = await _events(settings, database, rows)
    if not rows:
        complain("no such delivery or message waits: it has ended, or never was")
        return UNABLE
    if as_json:
        deliveries = [_plain(asdict(row)) for row in rows]
        say(json.dumps({"deliveries": deliveries, "events": [_event(e) for e in events]}, indent=2))
        return DONE
    for row in rows:
        say("\n".join(f"  {name:<12} {value}" for name, value in _plain(asdict(row)).items()) + "\n")
    say(table(_EVENT, [tuple(str(value) for value in _event(e).values()) for e in events]))
    return DONE


async def _events(settings: Settings, database: Database, rows: Sequence[Waiting]) -> list[Event]:
    clock, retention = Clock(), settings.log_retention
    reader = LogReader(database, clock, retention, LogKeys(settings.key_dir, clock, retention))
    messages = {row.message_id: row.account_id for row in rows}
    return [
        event
        for message, account in messages.items()
        for event in await reader.timeline(Tenant(account), message)
    ]


_EVENT: Final = ("at", "event", "code", "attempt", "delivery")


def _event(event: Event) -> dict[str, Any]:
    """Without the text: a server's words may hold an address."""
    values = (event.at, event.type, event.code, event.attempt, event.delivery_id or "")
    return dict(zip(_EVENT, (_json(value) for value in values), strict=True))


def change(settings: Settings, what: str, choice: Choice, *, as_json: bool) -> int:
    """`what` is hold, release or retry: one transaction, whichever node the mail lies on."""
    changes: dict[str, Change] = {
        "hold": queue_admin.hold,
        "release": queue_admin.release,
        "retry": queue_admin.retry,
    }
    return _guarded(lambda: _change(settings, what, changes[what], choice, as_json))


async def _change(settings: Settings, what: str, do: Change, choice: Choice, as_json: bool) -> int:
    alarm = Alarm.open(settings.redis_url.get_secret_value())
    try:
        async with _Opened(settings, alarm) as database, database.transaction() as tx:
            changed = await do(tx, choice)
    finally:
        await alarm.close()
    words = {"hold": "held; what is 4 days old ends", "release": "released, due now", "retry": "due now"}
    say(json.dumps({"changed": changed}) if as_json else f"  {_deliveries(changed)} {words[what]}")
    return DONE


def fail(settings: Settings, choice: Choice, *, as_json: bool) -> int:
    """Ends them as hard-bounced. On the node that has their bytes, since a notification quotes the header."""
    return _guarded(lambda: _fail(settings, choice, as_json))


async def _fail(settings: Settings, choice: Choice, as_json: bool) -> int:
    ended = 0
    async with open_runtime(settings, role="queue", lane=Lane.STANDARD) as runtime:
        while taken := await _take(runtime, choice):
            await asyncio.gather(*(runtime.courier.end(queue_admin.failed(c)) for c in taken))
            ended += len(taken)
        left = await queue_admin.count(runtime.database, choice)
    if as_json:
        say(json.dumps({"ended": ended, "left": left}))
    else:
        say(f"  {_deliveries(ended)} ended as hard-bounced {queue_admin.FAILED_CODE}")
        if left:
            say(f"  {_deliveries(left)} in flight now, or on another node: run it again, or there")
    return DONE


async def _take(runtime: Runtime, choice: Choice) -> list[Claimed]:
    async with runtime.database.transaction() as tx:
        return await queue_admin.take(tx, choice, runtime.spool.node_id, runtime.lease.id, _BATCH)


class _Opened:
    """The database for one command."""

    def __init__(self, settings: Settings, alarm: Alarm | None = None) -> None:
        self._url = settings.database_url.get_secret_value()
        self._alarm = alarm

    async def __aenter__(self) -> Database:
        wake: Wake = self._alarm.wake if self._alarm else lambda _: None
        tell: Tell = self._alarm.tell if self._alarm else lambda: None
        self._database = await Database.open(self._url, size=2, name="clearpost queue", wake=wake, tell=tell)
        return self._database

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()


def _guarded(work: Callable[[], Awaitable[int]]) -> int:
    async def run() -> int:
        return await work()

    try:
        return asyncio.run(run())
    except KeysAway as reason:
        complain(str(reason))
        return UNABLE
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        complain(f"the database does not answer ({type(error).__name__}): clearpost doctor")
        return UNABLE


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _json(value) for name, value in values.items()}


def _json(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case float():
            return round(value, 1)
        case _:
            return value


def _span(seconds: float) -> str:
    return "now" if seconds <= 0 else str(timedelta(seconds=int(seconds)))


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"
