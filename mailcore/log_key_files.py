"""The files of the log's keys: one for each account, one for each hour in UTC.

32 random bytes each, in the key folder, outside the database and its backups. Must never make a key again
that was destroyed, nor hand one out that a power cut could take back. Blocks on the disk: not for the loop.
"""

import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from mailcore.keyring import sync_folder, write_once

KEY_BYTES: Final = 32
_HOUR: Final = "%Y%m%dT%H"
_SUFFIX: Final = ".key"


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


class LogKeyFiles:
    """Folders `accounts` and `hours` of the key folder. All methods raise OSError where the disk fails."""

    def __init__(self, folder: Path) -> None:
        self._accounts = folder / "accounts"
        self._hours = folder / "hours"
        self._synced: set[Path] = set()

    def account(self, account_id: UUID, *, make: bool = False) -> bytes | None:
        """None where there is none; or it was erased, or is damaged, and then it is not made either."""
        return self._key(self._account_path(account_id), make=make)

    def hour(self, hour: datetime, *, make: bool = False) -> bytes | None:
        """As `account`. Whoever makes one knows that its hour is not over for long."""
        return self._key(self._hour_path(hour), make=make)

    def make_accounts(self, account_ids: Iterable[UUID]) -> None:
        """Of those without a file; all are durable then, by one sync where they were there already."""
        self._make([self._account_path(account_id) for account_id in account_ids])

    def hours(self) -> Sequence[datetime]:
        """Of which hours there are keys, the oldest first."""
        if not self._hours.is_dir():
            return []
        names = sorted(path.stem for path in self._hours.glob(f"*{_SUFFIX}"))
        return [hour for name in names if (hour := _named_hour(name))]

    def accounts(self) -> Sequence[UUID]:
        """Of which accounts there is a file, erased ones included."""
        if not self._accounts.is_dir():
            return []
        return [UUID(path.stem) for path in self._accounts.glob(f"*{_SUFFIX}") if _is_uuid(path.stem)]

    def destroy_hour(self, hour: datetime) -> bool:
        """Overwritten, synced, gone. False where another process was first."""
        path = self._hour_path(hour)
        if _overwrite(path) is None:
            return False
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(self._hours)
        return True

    def erase_account(self, account_id: UUID) -> bool:
        """Overwritten, synced, empty. False where it was erased before, or there was none.

        The empty file stays, so that a late result of its mail cannot make a key anew: `forget_account`.
        """
        path = self._account_path(account_id)
        if not path.exists():
            _ensure(self._accounts)
            write_once(path, b"")
        if path.stat().st_size == 0:
            return False
        length = _overwrite(path)
        with path.open("rb+") as file:
            file.truncate(0)
            os.fsync(file.fileno())
        return bool(length)

    def forget_account(self, account_id: UUID) -> None:
        """Removes the empty file of an erased account, once nothing of it can be written any more."""
        path = self._account_path(account_id)
        if path.exists() and path.stat().st_size == 0:
            path.unlink(missing_ok=True)
            sync_folder(self._accounts)

    def _key(self, path: Path, *, make: bool) -> bytes | None:
        if make:
            self._make([path])
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            self._synced.discard(path)
            return None
        return key if len(key) == KEY_BYTES and any(key) else None

    def _make(self, paths: Sequence[Path]) -> None:
        """There, and their names durable: whoever made them may not have come that far yet. Of one folder."""
        unsure = [path for path in paths if path not in self._synced]
        found = {path for path in unsure if path.exists()}
        for path in unsure:
            if path not in found:
                _ensure(path.parent)
                write_once(path, secrets.token_bytes(KEY_BYTES))
        if found:
            sync_folder(found.pop().parent)
        self._synced.update(unsure)

    def _account_path(self, account_id: UUID) -> Path:
        return self._accounts / f"{account_id}{_SUFFIX}"

    def _hour_path(self, hour: datetime) -> Path:
        return self._hours / f"{hour:{_HOUR}}{_SUFFIX}"


def _ensure(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def _overwrite(path: Path) -> int | None:
    """Zeros over all of it, in place and synced: how many. None where it is not there."""
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return None
    try:
        length = os.fstat(descriptor).st_size
        os.pwrite(descriptor, bytes(length), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return length


def _named_hour(name: str) -> datetime | None:
    try:
        hour = datetime.strptime(name, _HOUR).replace(tzinfo=UTC)
    except ValueError:
        return None
    return hour if hour.strftime(_HOUR) == name else None


def _is_uuid(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
