"""Message content on disk, in append-only segments: append, read, discard, rotate.

A segment has one writer, which holds an exclusive lock on it until the segment is sealed and every
append in it is committed or aborted. Must never acknowledge bytes that were not synced, sync a file
again after a failed sync, or hand out bytes whose checksum does not match.
"""

import errno
import fcntl
import json
import os
import struct
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from mailcore import crash_points
from mailcore.clock import Clock
from mailcore.keyring import sync_folder, write_once

Buffer = bytes | bytearray | memoryview

# magic, length of the envelope, length of the content | id, checksum | content, envelope
_LENGTHS = struct.Struct("<4sIQ")
_HEADER = struct.Struct("<4sIQ16s16s")
_MAGIC = b"CPR1"
_ZEROS = bytes(1024 * 1024)
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Location:
    """Where a record lies: segment, offset and length in bytes, header included."""

    segment: UUID
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Record:
    """A verified record. `envelope` is enough to rebuild the rows of the message."""

    id: UUID
    envelope: dict[str, Any]
    content: memoryview


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be appended: the content in buffers, so that nothing is joined or copied."""

    id: UUID
    envelope: dict[str, Any]
    content: Sequence[Buffer]


class SpoolFault(Exception):
    """A write or sync failed; the segment is sealed for good and nothing in this batch was accepted."""

    def __init__(self, *, disk_full: bool) -> None:
        super().__init__("spool write failed")
        self.disk_full = disk_full

    @classmethod
    def of(cls, error: OSError) -> Self:
        return cls(disk_full=error.errno in (errno.ENOSPC, errno.EDQUOT))


class Damaged(Exception):
    """The bytes on disk are not the bytes that were accepted."""


class Gone(Exception):
    """No such record: its segment was reclaimed or moved, or the record discarded."""


class InUse(Exception):
    """Processes of this node have the spool open."""


class Spool:
    """The spool folder of one node. Many processes open it; `identity` names the node."""

    def __init__(self, folder: Path, identity: UUID, lock: int) -> None:
        self.folder = folder
        self.node_id = identity
        self._lock = lock

    @classmethod
    def open(cls, folder: Path, clock: Clock, *, alone: bool = False) -> Self:
        """Creates the folder and the node's identity at the first start; holds a shared lock while open.

        `alone` asks for the lock exclusively: raises `InUse` while any process of the node runs, and
        those that start meanwhile wait.
        """
        segments = folder / "segments"
        segments.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = _identity(folder, clock)
        lock = os.open(folder / "node", os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError:
            os.close(lock)
            raise InUse from None
        return cls(segments, identity, lock)

    def close(self) -> None:
        os.close(self._lock)

    def path(self, segment: UUID) -> Path:
        """A moved survivor's segment ends in `.long`; a row does not say which, so both names are tried."""
        short = self.folder / f"{segment}.seg"
        return short if short.exists() else self.folder / f"{segment}.long"

    def read(self, location: Location) -> Record:
        """The verified record. Raises `Gone` or `Damaged`."""
        try:
            descriptor = os.open(self.path(location.segment), os.O_RDONLY)
        except FileNotFoundError:
            raise Gone from None
        try:
            raw = _read_fully(descriptor, location.offset, location.length)
        finally:
            os.close(descriptor)
        return _verified(raw)

    def discard(self, location: Location) -> None:
        """Overwrites the record with zeros, keeping its lengths so that the segment can still be walked."""
        try:
            descriptor = os.open(self.path(location.segment), os.O_WRONLY)
        except FileNotFoundError:
            return  # reclaimed with its segment
        try:
            _overwrite(descriptor, location.offset + _LENGTHS.size, location.offset + location.length)
        finally:
            os.close(descriptor)

    def unlink(self, segment: UUID) -> None:
        self.path(segment).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        usage = os.statvfs(self.folder)
        return usage.f_bavail * usage.f_frsize


class Segment:
    """One open segment file of a writer. `pending` counts appends whose fate in the database is open."""

    def __init__(self, path: Path, identifier: UUID, born: float) -> None:
        self.id = identifier
        self.born = born
        self.size = 0
        self.pending = 0
        self.sealed = False
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self.descriptor).st_nlink == 0:
                raise BlockingIOError  # somebody had the lock before us, and reclaimed the file
            sync_folder(path.parent)
        except OSError:
            self.cut_back()
            os.close(self.descriptor)
            raise

    @classmethod
    def create(cls, spool: Spool, clock: Clock, suffix: str) -> Self:
        """A new, locked segment with a durable name. Raises `SpoolFault`."""
        try:
            while True:
                identifier = clock.new_id()
                try:
                    return cls(spool.folder / f"{identifier}{suffix}", identifier, clock.monotonic())
                except BlockingIOError:
                    continue  # the sweep was faster to lock the new, empty file, which it may reclaim
        except OSError as error:
            raise SpoolFault.of(error) from error

    def cut_back(self) -> None:
        """What was not accepted goes at once; where even that fails, the sweep reclaims it with the file."""
        try:
            if self.size == 0:
                self.path.unlink(missing_ok=True)
            os.ftruncate(self.descriptor, self.size)
        except OSError:
            return

    def seal(self) -> None:
        self.sealed = True
        self.close_if_done()

    def close_if_done(self) -> None:
        """Closing releases the lock: from then on the sweep may look at the segment."""
        if self.sealed and self.pending == 0 and self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class SegmentWriter:
    """The appending side of one process. `append` blocks: call it in a thread, one at a time."""

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        *,
        largest: int,
        oldest_seconds: float,
        long_wait: bool = False,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._largest = largest
        self._oldest = oldest_seconds
        self._suffix = ".long" if long_wait else ".seg"
        self._sync = sync
        self._current: Segment | None = None
        self._open: dict[UUID, Segment] = {}
        self._turn = threading.Lock()  # held while writing and syncing
        self._guard = threading.Lock()  # held for moments only: the event loop takes it too

    def append(self, entries: Sequence[Entry]) -> list[Location]:
        """One write, one sync for all entries. Raises `SpoolFault`; then none of them is in the spool.

        Until `settled` is told, the segment keeps its lock.
        """
        records = [_encode(entry) for entry in entries]
        with self._turn:
            segment = self._enter(len(entries))
            end = segment.size
            locations = []
            for record in records:
                locations.append(Location(segment.id, end, record.length))
                end += record.length
            try:
                _write_all(segment.descriptor, [part for r in records for part in r.parts], segment.size)
                crash_points.reach("spool-before-sync")
                crash_points.fail_io("sync")
                self._sync(segment.descriptor)
                crash_points.reach("spool-after-sync")
            except OSError as error:
                self._abandon(segment, len(entries))
                raise SpoolFault.of(error) from error
            segment.size = end
            return locations

    def settled(self, locations: Sequence[Location]) -> None:
        """The transaction of these appends is committed, or known to be aborted."""
        with self._guard:
            for location in locations:
                self._leave(self._open[location.segment], 1)

    def seal_if_old(self) -> None:
        """Called on a timer, so that a quiet segment is sealed too."""
        with self._guard:
            if self._current and self._current.size and self._is_old(self._current):
                self._seal_current()

    def close(self) -> None:
        """Seals the segment; locks of appends that are still open go with the process."""
        with self._guard:
            self._seal_current()

    def _enter(self, count: int) -> Segment:
        """The segment to append to, with `count` more appends pending, so that nobody closes it meanwhile."""
        with self._guard:
            current = self._current
            if current and (current.size >= self._largest or (current.size and self._is_old(current))):
                self._seal_current()
            elif current:
                current.pending += count
                return current
        fresh = Segment.create(self._spool, self._clock, self._suffix)
        with self._guard:
            fresh.pending = count
            self._current = self._open[fresh.id] = fresh
        return fresh

    def _leave(self, segment: Segment, count: int) -> None:
        segment.pending -= count
        segment.close_if_done()
        if segment.descriptor < 0:
            self._open.pop(segment.id, None)

    def _seal_current(self) -> None:
        segment, self._current = self._current, None
        if segment:
            segment.sealed = True
            self._leave(segment, 0)

    def _abandon(self, segment: Segment, count: int) -> None:
        """After a failed write or sync the file can't be trusted again; earlier, synced records in it
        stay.
        """
        segment.cut_back()
        with self._guard:
            if segment is self._current:
                self._current = None
            segment.sealed = True
            self._leave(segment, count)

    def _is_old(self, segment: Segment) -> bool:
        return self._clock.monotonic() - segment.born >= self._oldest


class LargeEntry:
    """A message too large for memory: streams into a segment of its own. All methods block.

    The header is written last, so a torn file never looks like a record.
    """

    def __init__(
        self, spool: Spool, clock: Clock, record_id: UUID, *, sync: Callable[[int], None] = os.fdatasync
    ) -> None:
        self._record_id = record_id
        self._sync = sync
        self._digest = blake2b(digest_size=_DIGEST_BYTES)
        self._content = 0
        self._segment = Segment.create(spool, clock, ".seg")

    def write(self, buffers: Sequence[Buffer]) -> None:
        try:
            _write_all(self._segment.descriptor, buffers, _HEADER.size + self._content)
        except OSError as error:
            raise SpoolFault.of(error) from error
        for buffer in buffers:
            self._digest.update(buffer)
            self._content += len(buffer)

    @property
    def descriptor(self) -> int:
        """For reading the content back before it is accepted (`content_offset` is where it starts)."""
        return self._segment.descriptor

    content_offset = _HEADER.size

    def finish(self, envelope: dict[str, Any]) -> Location:
        """Writes envelope and header, syncs. Raises `SpoolFault`."""
        encoded = _dump(envelope)
        self._digest.update(encoded)
        header = _HEADER.pack(
            _MAGIC, len(encoded), self._content, self._record_id.bytes, self._digest.digest()
        )
        length = _HEADER.size + self._content + len(encoded)
        try:
            _write_all(self._segment.descriptor, [encoded], _HEADER.size + self._content)
            _write_all(self._segment.descriptor, [header], 0)
            crash_points.fail_io("sync")
            self._sync(self._segment.descriptor)
        except OSError as error:
            raise SpoolFault.of(error) from error
        self._segment.size = length
        return Location(self._segment.id, 0, length)

    def keep(self) -> None:
        """Committed, or unknown no longer: the lock goes, the sweep takes over."""
        self._segment.seal()

    def drop(self) -> None:
        """Not accepted: the bytes go at once."""
        self._segment.size = 0
        self._segment.cut_back()
        self._segment.seal()


class LockedSegment:
    """A segment nobody writes any more, held by the sweep while it decides."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.id = UUID(path.stem)
        self.long_wait = path.suffix == ".long"
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """None while its writer holds it, or when it is gone."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> Record:
        return _verified(_read_fully(self._descriptor, offset, length))

    def locations(self) -> Iterator[Location]:
        """Where records lie, discarded ones included. Ends early where damage leaves no way to tell."""
        offset = 0
        while offset < self.size:
            end = self._record_end(offset)
            if end is not None and end <= self.size:
                yield Location(self.id, offset, end - offset)
            elif (end := self._after_zeros(offset)) == offset:
                return
            offset = end

    def _after_zeros(self, offset: int) -> int:
        """Wiped ranges may have lost their lengths; what follows them begins with a byte that is not zero."""
        while chunk := os.pread(self._descriptor, len(_ZEROS), offset):
            rest = chunk.lstrip(b"\0")
            offset += len(chunk) - len(rest)
            if rest:
                break
        return offset

    def wipe_except(self, needed: Sequence[Location]) -> None:
        """Zeros every record but these; lengths stay where they can be read, so that it can be walked."""
        ends = {location.offset: location.offset + location.length for location in needed}
        starts = [*sorted(ends), self.size]
        offset = 0
        while offset < self.size:
            if offset in ends:
                offset = ends[offset]
                continue
            limit = starts[bisect_right(starts, offset)]
            end = self._record_end(offset)
            if end is None or end > limit:  # no record, or one whose lengths are damaged
                _overwrite(self._descriptor, offset, limit)
                offset = limit
            else:
                self._wipe(offset, end)
                offset = end

    def _record_end(self, offset: int) -> int | None:
        lengths = os.pread(self._descriptor, _LENGTHS.size, offset)
        if len(lengths) < _LENGTHS.size or not lengths.startswith(_MAGIC):
            return None
        _, envelope, content = _LENGTHS.unpack(lengths)
        return offset + _HEADER.size + int(envelope) + int(content)

    def _wipe(self, offset: int, end: int) -> None:
        """A record ends in `}`, and is overwritten from its beginning: a zero there means that it is done."""
        if os.pread(self._descriptor, 1, end - 1) != b"\0":
            _overwrite(self._descriptor, offset + _LENGTHS.size, end)

    def unlink(self) -> None:
        self.path.unlink(missing_ok=True)

    def release(self) -> None:
        os.close(self._descriptor)


def segments_in(spool: Spool) -> Iterator[Path]:
    """All segment files, oldest first (names are time-ordered)."""
    yield from sorted(filter(_is_segment, spool.folder.iterdir()), key=lambda path: path.stem)


def _is_segment(path: Path) -> bool:
    try:
        return path.suffix in (".seg", ".long") and bool(UUID(path.stem))
    except ValueError:
        return False  # somebody else's file


def _identity(folder: Path, clock: Clock) -> UUID:
    """Two processes at once agree on one identity."""
    path = folder / "node"
    if not path.exists():
        write_once(path, f"{clock.new_id()}\n".encode())
    return UUID(path.read_text().strip())


def _dump(envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=True).encode()


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A record as it goes to disk."""

    parts: Sequence[Buffer]
    length: int


def _encode(entry: Entry) -> _Encoded:
    envelope = _dump(entry.envelope)
    digest = blake2b(digest_size=_DIGEST_BYTES)
    size = 0
    for buffer in entry.content:
        digest.update(buffer)
        size += len(buffer)
    digest.update(envelope)
    header = _HEADER.pack(_MAGIC, len(envelope), size, entry.id.bytes, digest.digest())
    return _Encoded([header, *entry.content, envelope], _HEADER.size + size + len(envelope))


def _verified(raw: bytes) -> Record:
    if len(raw) < _HEADER.size:
        raise Damaged
    magic, envelope_length, content_length, identifier, digest = _HEADER.unpack_from(raw)
    end = _HEADER.size + content_length
    if magic != _MAGIC or end + envelope_length != len(raw):
        raise Damaged
    if not any(digest):
        raise Gone
    body = memoryview(raw)[_HEADER.size :]
    if blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
        raise Damaged
    return Record(UUID(bytes=identifier), json.loads(raw[end:]), memoryview(raw)[_HEADER.size : end])


def _read_fully(descriptor: int, offset: int, length: int) -> bytes:
    parts = []
    while length > 0:
        part = os.pread(descriptor, length, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


_MOST_BUFFERS = 512  # of IOV_MAX, 1024 on Linux


def _write_all(descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
    crash_points.fail_io("write")
    for start in range(0, len(buffers), _MOST_BUFFERS):
        chunk = list(buffers[start : start + _MOST_BUFFERS])
        while chunk:
            written = os.pwritev(descriptor, chunk, offset)
            offset += written
            chunk = _after(chunk, written)


def _after(buffers: list[Buffer], written: int) -> list[Buffer]:
    """What is left of the buffers once the first `written` bytes are out (a write may be short)."""
    for index, buffer in enumerate(buffers):
        if written < len(buffer):
            return [memoryview(buffer)[written:], *buffers[index + 1 :]]
        written -= len(buffer)
    return []


def _overwrite(descriptor: int, start: int, end: int) -> None:
    end = min(end, os.fstat(descriptor).st_size)
    while start < end:
        start += os.pwrite(descriptor, _ZEROS[: min(len(_ZEROS), end - start)], start)
