"""One message's content as it arrives: scanned, counted, and kept in memory or streamed to disk.

Small messages wait in memory for the shared segment; a large one goes to a segment of its own while it
comes in. Must never hold more than its share of memory, nor keep content that was refused already.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from mailcore import attachments, replies
from mailcore.attachments import AttachmentCount
from mailcore.clock import Clock
from mailcore.content_scan import ContentScan
from mailcore.replies import Reply
from mailcore.spool import Spool
from mailcore.spool_seal import Buffer, Unsealable
from mailcore.spool_segment import SpoolFault
from mailcore.spool_writer import LargeEntry

# Above this, counting attachments leaves the event loop.
_INLINE_COUNT = 64 * 1024
_WRITE_SIZE = 1024 * 1024
_READ_SIZE = 128 * 1024
# Threads of its own: a flood of messages that are slow to count must not stand before those who write.
_COUNTING = ThreadPoolExecutor(max_workers=2, thread_name_prefix="attachments")


class MemoryBudget:
    """Bytes of DATA in memory in this process."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def take(self, size: int) -> bool:
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        self._left += size


class Intake:
    """Feed it DATA; afterwards `refusal` says why not, or `content` holds the trace header and the
    message.
    """

    def __init__(
        self,
        *,
        record_id: UUID,
        trace: bytes,
        limit: int,
        memory_limit: int,
        budget: MemoryBudget,
        spool: Spool,
        clock: Clock,
        scan: ContentScan,
    ) -> None:
        self.record_id = record_id
        self.scan = scan
        self.refusal: Reply | None = None
        self._trace = trace
        self._limit = limit
        self._memory_limit = memory_limit
        self._budget = budget
        self._spool = spool
        self._clock = clock
        self._chunks: list[Buffer] = [trace]
        self._held = 0
        self._large: LargeEntry | None = None
        self._writing: asyncio.Future[None] | None = None

    @property
    def size(self) -> int:
        return self.scan.size

    @property
    def content(self) -> "list[Buffer] | LargeEntry":
        return self._large or self._chunks

    async def feed(self, chunk: bytes) -> None:
        self.scan.feed(chunk)
        if self.refusal or self._refuses(chunk):
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        most = self._memory_limit if self._large is None else _WRITE_SIZE
        if self._held > most:
            await self._to_disk()

    async def finish(self) -> Reply | None:
        """After the final dot: the refusal, or None when the content may be accepted."""
        if self.refusal is None and (found := self.scan.finish()):
            self._refuse(found)
        if self.refusal is None and self._large:
            await self._to_disk(is_whole=True)
        return self.refusal

    async def count_attachments(self, stop_above: int) -> AttachmentCount:
        if isinstance(self.content, LargeEntry):
            return await _counted(_count_on_disk, self.content, len(self._trace), stop_above)
        joined = b"".join(self._chunks[1:])
        if len(joined) <= _INLINE_COUNT:
            return attachments.count(joined, stop_above=stop_above)
        return await _counted(_count_in_memory, joined, stop_above)

    async def beginning(self, limit: int) -> bytes:
        """The first bytes of the message, without our trace header."""
        if isinstance(self.content, LargeEntry):
            return await asyncio.to_thread(_read, self.content, len(self._trace), limit)
        return b"".join(self._chunks[1:])[:limit]

    async def pieces(self) -> AsyncIterator[Buffer]:
        """The whole message, without our trace header, a piece at a time; before it is handed on."""
        if not isinstance(self.content, LargeEntry):
            for chunk in self._chunks[1:]:
                yield chunk
            return
        with self.content.content(len(self._trace)) as content:
            for at in range(0, len(content), _READ_SIZE):
                try:
                    yield await asyncio.to_thread(content.__getitem__, slice(at, at + _READ_SIZE))
                except Unsealable:
                    return  # dropped meanwhile

    def body(self, start: int, given_up: threading.Event) -> Iterator[Buffer]:
        """The message from its octet `start` on, to be read in another thread, and no further once nobody
        waits for it. What is dropped meanwhile only ends.
        """
        if isinstance(self.content, LargeEntry):
            return _on_disk(self.content, len(self._trace) + start, given_up)
        return _in_memory(tuple(self._chunks[1:]), start)

    def drop(self) -> None:
        """Nothing of this message stays; a write under way ends first, lest its file close beneath it."""
        if self._writing and not self._writing.done():
            self._writing.add_done_callback(self._drop_large)
        else:
            self._drop_large()
        self._give_back()

    def _drop_large(self, written: "asyncio.Future[None] | None" = None) -> None:
        if written and not written.cancelled():
            written.exception()  # seen: whatever it was, the message is dropped
        if self._large:
            self._large.drop()
            self._large = None

    def release(self) -> None:
        """What was handed on belongs to its new owner: acceptance alone decides what becomes of its bytes."""
        self._large = None
        self._give_back()

    def abandon(self) -> None:
        """Acceptance broke, nobody knows what is committed: the bytes stay, and the sweep decides."""
        if self._large:
            self._large.keep()
        self.release()

    def _give_back(self) -> None:
        self._budget.give_back(self._held)
        self._held = 0
        self._chunks = []

    def _refuses(self, chunk: bytes) -> bool:
        if self.size > self._limit:
            self._refuse(replies.TOO_LARGE_FOR_ALL)
        elif not self._budget.take(len(chunk)):
            self._refuse(replies.OUT_OF_MEMORY)
        return self.refusal is not None

    def _refuse(self, reply: Reply) -> None:
        """The rest of DATA is read and thrown away; the reply comes after the dot (RFC 5321 section
        4.2.5).
        """
        self.refusal = reply
        self.drop()

    async def _to_disk(self, *, is_whole: bool = False) -> None:
        """Shielded: a client that leaves cancels the wait, never the thread that writes."""
        chunks, held = self._chunks, self._held
        self._chunks, self._held = [], 0
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._write, chunks, is_whole)
        try:
            await asyncio.shield(self._writing)
        except SpoolFault as fault:
            self._refuse(replies.DISK_FULL if fault.disk_full else replies.TRY_LATER)
        finally:
            self._budget.give_back(held)

    def _write(self, chunks: list[Buffer], is_whole: bool) -> None:
        """Runs in a thread."""
        if self._large is None:
            self._large = LargeEntry(self._spool, self._clock, self.record_id)
        self._large.write(chunks)
        if is_whole:
            self._large.end()


def _read(entry: LargeEntry, skip: int, limit: int) -> bytes:
    with entry.content(skip) as content:
        return content[:limit]


def _on_disk(entry: LargeEntry, skip: int, given_up: threading.Event) -> Iterator[Buffer]:
    try:
        with entry.content(skip) as content:
            for at in range(0, len(content), _READ_SIZE):
                if given_up.is_set():
                    return
                yield content[at : at + _READ_SIZE]
    except (Unsealable, OSError):
        return


def _in_memory(chunks: tuple[Buffer, ...], start: int) -> Iterator[Buffer]:
    for chunk in chunks:
        if start < len(chunk):
            yield memoryview(chunk)[start:]
        start = max(0, start - len(chunk))


async def _counted(count: Callable[..., AttachmentCount], *arguments: object) -> AttachmentCount:
    return await asyncio.get_running_loop().run_in_executor(_COUNTING, count, *arguments)


def _count_in_memory(content: bytes, stop_above: int) -> AttachmentCount:
    return attachments.count(content, stop_above=stop_above)


def _count_on_disk(entry: LargeEntry, trace_length: int, stop_above: int) -> AttachmentCount:
    with entry.content(trace_length) as content:
        return attachments.count(content, stop_above=stop_above)
