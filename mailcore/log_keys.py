"""The keys of the log in a process: handed out by account and hour, made on first use, forgotten in time.

A key is durable before a row under it can be committed. A lost key never fails mail, nor does a disk that
hangs hold it up: then there is none, and what would be sealed is left out. Must never make one for an hour
that is past the retention, nor keep one in memory for longer than ten minutes without looking whether it is
still on the disk.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import structlog

from mailcore import metrics
from mailcore.clock import Clock
from mailcore.log_key_files import LogKeyFiles, hour_of
from mailcore.log_seal import RowKey

log = structlog.get_logger("log_keys")
_T = TypeVar("_T")
# Threads of their own: a key stands before a 250, and nothing else that blocks may.
_READING = ThreadPoolExecutor(max_workers=2, thread_name_prefix="log-keys")

HOUR: Final = timedelta(hours=1)
# Then they are read from disk anew; `forget` must run at least as often as the rest of the ten minutes.
_TRUSTED_SECONDS: Final = 300.0
FORGET_EVERY: Final = timedelta(minutes=1)
_MOST_CACHED: Final = 50_000
# So long a transaction that takes mail, or settles it, may stand open for a key.
_PATIENCE_SECONDS: Final = 2.0
_AHEAD_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class RowKeys:
    """Keys that were looked up together."""

    found: Mapping[tuple[UUID, datetime], RowKey]

    def of(self, account_id: UUID, received_at: datetime) -> RowKey | None:
        """None: lost or destroyed."""
        return self.found.get((account_id, hour_of(received_at)))


_Loaded = dict[tuple[UUID, datetime], RowKey]


@dataclass(frozen=True, slots=True)
class _Cached:
    key: RowKey
    read_at: float


class LogKeys:
    """One for each process. `forget()` runs every minute, in every process that lives longer."""

    def __init__(self, folder: Path, clock: Clock, retention: timedelta) -> None:
        self.files = LogKeyFiles(folder)
        self._clock = clock
        self._retention = retention
        self._rows: dict[tuple[UUID, datetime], _Cached] = {}
        self._accounts: dict[UUID, _Cached] = {}
        self._hanging: asyncio.Future[_Loaded] | None = None

    async def make_ahead(self, account_ids: Collection[UUID]) -> int:
        """Keys of accounts that have none, so that no mail waits for their syncs; how many. An erased one
        gets none. Raises OSError.
        """
        there = set(await asyncio.to_thread(self.files.accounts))
        lacking = [account_id for account_id in account_ids if account_id not in there]
        for first in range(0, len(lacking), _AHEAD_AT_ONCE):
            await asyncio.to_thread(self.files.make_accounts, lacking[first : first + _AHEAD_AT_ONCE])
        return len(lacking)

    async def to_write(self, rows: Iterable[tuple[UUID, datetime]]) -> list[RowKey | None]:
        """One for each row, by account and moment of receipt; made where there was none yet. Await it before
        the COMMIT. What is not there within two seconds is None, and lost to these rows.
        """
        wanted = [(account, hour_of(at)) for account, at in rows]
        found = (await self._rows_of(set(wanted), make=True)).found
        return [found.get(row) for row in wanted]

    async def to_read(self, rows: Iterable[tuple[UUID, datetime]]) -> RowKeys:
        """Those that are still there."""
        return await self._rows_of({(account, hour_of(at)) for account, at in rows}, make=False)

    async def of_all_hours(self, account_id: UUID) -> Sequence[RowKey]:
        """Of every hour that is still there: by their hashes a row is found whenever it was written."""
        none: Sequence[datetime] = ()
        hours = await _in_thread(lambda: self._read_or(none, self.files.hours))
        return list((await self.to_read((account_id, hour) for hour in hours)).found.values())

    async def of_account(self, account_id: UUID, *, make: bool = False) -> RowKey | None:
        """For what outlives the hours: None where it is lost or was erased."""
        if (cached := self._accounts.get(account_id)) and self._is_fresh(cached.read_at):
            return cached.key
        key = await _in_thread(lambda: self._account(account_id, make))
        if key is None:
            return None
        self._accounts[account_id] = _Cached(RowKey.of_account(key), self._clock.monotonic())
        return self._accounts[account_id].key

    async def erase(self, account_id: UUID) -> bool:
        """The account's key is overwritten; whatever was sealed under it is unreadable from now on, in other
        processes within ten minutes. False where it was done before. Raises OSError.
        """
        held = await _in_thread(lambda: self.files.erase_account(account_id))
        self._accounts.pop(account_id, None)
        for row in [row for row in self._rows if row[0] == account_id]:
            del self._rows[row]
        return held

    async def destroy_hours(self) -> int:
        """Of hours that ended longer ago than the retention; how many. Raises OSError."""
        hours = await _in_thread(self.files.hours)
        past = [hour for hour in hours if self._is_past(hour)]
        destroyed = await _in_thread(lambda: [self.files.destroy_hour(hour) for hour in past])
        self.forget()
        return sum(destroyed)

    def forget(self) -> None:
        """Drops from memory what is past the retention, or was read from disk a while ago."""
        self._rows = {
            row: cached
            for row, cached in self._rows.items()
            if self._is_fresh(cached.read_at) and not self._is_past(row[1])
        }
        self._accounts = {
            account: cached for account, cached in self._accounts.items() if self._is_fresh(cached.read_at)
        }

    async def forget_forever(self) -> None:
        while True:
            await asyncio.sleep(FORGET_EVERY.total_seconds())
            self.forget()

    async def _rows_of(self, rows: set[tuple[UUID, datetime]], *, make: bool) -> RowKeys:
        found = {}
        missing = []
        for row in rows:
            cached = self._rows.get(row)
            if self._is_past(row[1]):
                continue
            if cached and self._is_fresh(cached.read_at):
                found[row] = cached.key
            else:
                missing.append(row)
        if missing:
            found |= await (self._made(missing) if make else _in_thread(lambda: self._load(missing, False)))
            self._remember(found)
        return RowKeys(found)

    async def _made(self, rows: Sequence[tuple[UUID, datetime]]) -> _Loaded:
        """Once the disk hangs, nobody waits for it until what was asked of it is over."""
        made: _Loaded = {}
        if self._hanging is None or self._hanging.done():
            work = asyncio.get_running_loop().run_in_executor(_READING, self._load, rows, True)
            ended, _ = await asyncio.wait({work}, timeout=_PATIENCE_SECONDS)
            if ended:
                made = work.result()
            else:
                self._hanging = work
                log.error("log_key_failed", error="TimeoutError")
        metrics.LOG_KEYS_MISSING.inc(len(rows) - len(made))
        return made

    def _remember(self, found: Mapping[tuple[UUID, datetime], RowKey]) -> None:
        if len(self._rows) > _MOST_CACHED:
            self._rows.clear()
        now = self._clock.monotonic()
        for row, key in found.items():
            if row not in self._rows or not self._is_fresh(self._rows[row].read_at):
                self._rows[row] = _Cached(key, now)

    def _load(self, rows: Sequence[tuple[UUID, datetime]], make: bool) -> _Loaded:
        """In a thread. Every file is read once."""
        wanted = {account for account, _ in rows}
        if make:
            self._read_or(None, lambda: self.files.make_accounts(wanted))
        accounts = {account: self._account(account, make) for account in wanted}
        hours = {hour: self._hour(hour, make) for hour in {hour for _, hour in rows}}
        loaded = {}
        for account, hour in rows:
            account_key, hour_key = accounts[account], hours[hour]
            if account_key and hour_key:
                loaded[account, hour] = RowKey.of(account_key, hour_key)
        return loaded

    def _account(self, account_id: UUID, make: bool) -> bytes | None:
        return self._read_or(None, lambda: self.files.account(account_id, make=make))

    def _hour(self, hour: datetime, make: bool) -> bytes | None:
        return self._read_or(None, lambda: self.files.hour(hour, make=make))

    def _read_or(self, otherwise: _T, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except OSError as error:
            log.error("log_key_failed", error=type(error).__name__)
            return otherwise

    def _is_past(self, hour: datetime) -> bool:
        return hour + HOUR + self._retention <= self._clock.now()

    def _is_fresh(self, read_at: float) -> bool:
        return self._clock.monotonic() - read_at < _TRUSTED_SECONDS


async def _in_thread(work: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(_READING, work)
