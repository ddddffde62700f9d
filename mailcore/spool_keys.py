"""The keys of a spool's records: one file for each segment, one slot of 32 octets for each record.

A file is made with its segment: its slots are filled with random keys and synced with their folder before the
first of them is used, so that bytes never wait for a key. To destroy a key is to overwrite its slot with
zeros; a record whose slot is zero is gone, whatever is left of its bytes. Must never hand out a slot twice,
use a key that is not on disk, or touch the keys of another node: its disk may come back.
"""

import errno
import os
import secrets
import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self
from uuid import UUID

from mailcore import crash_points
from mailcore.clock import Clock
from mailcore.keyring import sync_folder
from mailcore.spool_record import Gone, KeyLost, KeyOf

KEY_BYTES = 32
# How many slots a file begins with, and how many it grows by: most segments are quiet.
FIRST_SLOTS = 256
_MORE_SLOTS = 1024

_DESTROYED = bytes(KEY_BYTES)
_SUFFIX = ".keys"

# Of each segment: slots, and since when (monotonic) nobody needs their keys.
_Slots = dict[UUID, dict[int, float]]


class SegmentKeys:
    """The key file of a segment that grows, in the hands of its writer. One thread at a time."""

    def __init__(self, path: Path, slots: int) -> None:
        """Raises OSError."""
        self._next = 0
        self._fresh: deque[bytes] = deque()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            self._grow(slots)
            sync_folder(path.parent)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise

    @property
    def used(self) -> int:
        """How many slots were handed out."""
        return self._next

    def take(self, count: int) -> list[tuple[int, bytes]]:
        """Slots with their keys, on disk already; none of them is ever handed out again. Raises OSError."""
        self.confirm()
        if count > len(self._fresh):
            self._grow(max(_MORE_SLOTS, count))
        taken = [(self._next + index, self._fresh.popleft()) for index in range(count)]
        self._next += count
        return taken

    def confirm(self) -> None:
        """Raises OSError where somebody removed the file: what is sealed under it could never be opened."""
        if os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._fresh.clear()

    def _grow(self, slots: int) -> None:
        keys = secrets.token_bytes(slots * KEY_BYTES)
        end = (self._next + len(self._fresh)) * KEY_BYTES
        crash_points.fail_io("key")
        _write(self._descriptor, keys, end)
        os.fdatasync(self._descriptor)
        self._fresh.extend(keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES))


class SpoolKeys:
    """All key files of one node's spool. Its methods block on the disk, and may be called by any thread."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self._clock = clock
        self._guard = threading.Lock()
        self._unsynced: _Slots = {}
        self._destroyed = 0
        self.failing = 0  # how many the last `sync` could not destroy

    @classmethod
    def open(cls, key_dir: Path, node_id: UUID, clock: Clock) -> Self:
        """Makes the node's part of the key folder at the first start."""
        folder = key_dir / "spool" / str(node_id)
        for each in (key_dir, folder.parent, folder):  # `parents` alone would let others look into them
            if not each.is_dir():
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_folder(each.parent)
        return cls(folder, clock)

    def path(self, segment: UUID) -> Path:
        return self.folder / f"{segment}{_SUFFIX}"

    def create(self, segment: UUID, slots: int) -> SegmentKeys:
        """Raises OSError."""
        return SegmentKeys(self.path(segment), slots)

    def read(self, segment: UUID, slot: int) -> bytes:
        """Raises `Gone` where it was destroyed, `KeyLost` or OSError."""
        try:
            descriptor = os.open(self.path(segment), os.O_RDONLY)
        except FileNotFoundError:
            raise KeyLost from None
        try:
            key = os.pread(descriptor, KEY_BYTES, slot * KEY_BYTES)
        finally:
            os.close(descriptor)
        if len(key) < KEY_BYTES:
            raise KeyLost
        if key == _DESTROYED:
            raise Gone
        return key

    def of(self, segment: UUID) -> KeyOf:
        """What reads the keys of one segment."""
        return lambda slot: self.read(segment, slot)

    # --- destroying ---

    def destroy(self, segment: UUID, slots: Collection[int], since: float | None = None) -> None:
        """Overwrites those keys that are there still; durable after the next `sync`, which also tries again
        where this fails now. `since` (monotonic) is when nobody needed them any more.
        """
        try:
            slots = self._live(segment, slots)
        except FileNotFoundError:
            if self._is_in_place():
                return  # removed with its segment
        except OSError:
            pass  # `sync` finds out
        if slots:
            self._remember(segment, dict.fromkeys(slots, self._clock.monotonic() if since is None else since))

    def _remember(self, segment: UUID, slots: Mapping[int, float]) -> None:
        """To be synced; what is remembered already stays as old as it is."""
        with self._guard:
            known = self._unsynced.setdefault(segment, {})
            for slot, since in slots.items():
                known.setdefault(slot, since)

    def _live(self, segment: UUID, slots: Collection[int]) -> list[int]:
        """Overwrites, and returns which of them were no zeros before."""
        descriptor = os.open(self.path(segment), os.O_RDWR)
        try:
            live = _those_alive(descriptor, slots)
            _overwrite(descriptor, live)
            return live
        finally:
            os.close(descriptor)

    def sync(self) -> list[float]:
        """Makes durable what was destroyed. Returns for each key how many seconds that took."""
        with self._guard:
            due, self._unsynced = self._unsynced, {}
        done: list[float] = []
        failing = 0
        for segment, slots in due.items():
            if self._synced(segment, slots):
                now = self._clock.monotonic()
                done += [now - since for since in slots.values()]
            else:
                self._remember(segment, slots)
                failing += len(slots)
        with self._guard:
            self._destroyed += len(done)
            self.failing = failing
        return done

    def _synced(self, segment: UUID, slots: Collection[int]) -> bool:
        """Overwritten once more: the first time may have failed, and so may have a sync of it."""
        try:
            descriptor = os.open(self.path(segment), os.O_RDWR)
            try:
                _overwrite(descriptor, slots)
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return self._is_in_place()
        except OSError:
            return False
        return True

    def _is_in_place(self) -> bool:
        """Where the whole folder is away no key in it is destroyed: it may come back."""
        return os.access(self.folder, os.F_OK)  # says no where the disk does not answer

    def take_count(self) -> int:
        """How many keys were destroyed since it was asked last."""
        with self._guard:
            count, self._destroyed = self._destroyed, 0
        return count

    def uncount(self, count: int) -> None:
        """They could not be noted: to be taken again."""
        with self._guard:
            self._destroyed += count

    # --- files ---

    def erase(self, segment: UUID) -> None:
        """Overwrites and syncs a whole file, and leaves it there. Raises OSError."""
        try:
            descriptor = os.open(self.path(segment), os.O_RDWR)
        except FileNotFoundError:
            return
        try:
            _write(descriptor, bytes(os.fstat(descriptor).st_size), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, segment: UUID) -> None:
        """After `erase`. Raises OSError."""
        self.path(segment).unlink(missing_ok=True)

    def segments(self) -> set[UUID]:
        """Those that have a key file. Raises OSError."""
        return {UUID(path.stem) for path in self.folder.iterdir() if _is_key_file(path)}


def _is_key_file(path: Path) -> bool:
    try:
        return path.suffix == _SUFFIX and bool(UUID(path.stem))
    except ValueError:
        return False


def _those_alive(descriptor: int, slots: Collection[int]) -> list[int]:
    """Which of the slots hold a key still, in order; all that lie between are read at once."""
    if not slots:
        return []
    first, last = min(slots), max(slots)
    octets = os.pread(descriptor, (last - first + 1) * KEY_BYTES, first * KEY_BYTES)
    starts = {slot: (slot - first) * KEY_BYTES for slot in sorted(slots)}
    whole = {slot: octets[start : start + KEY_BYTES] for slot, start in starts.items()}
    return [slot for slot, key in whole.items() if len(key) == KEY_BYTES and any(key)]


def _overwrite(descriptor: int, slots: Collection[int]) -> None:
    """Only slots that the file has: it never grows. Neighbours go together."""
    size = os.fstat(descriptor).st_size
    for first, count in _runs(sorted(slots)):
        end = min((first + count) * KEY_BYTES, size - size % KEY_BYTES)
        _write(descriptor, bytes(max(0, end - first * KEY_BYTES)), first * KEY_BYTES)


def _runs(slots: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Of ascending slots those that are neighbours: the first of them, and how many."""
    first = count = 0
    for slot in slots:
        if count and slot == first + count:
            count += 1
            continue
        if count:
            yield first, count
        first, count = slot, 1
    if count:
        yield first, count


def _write(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
