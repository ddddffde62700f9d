"""A message as it leaves us: our fields on top, forged ones of our name cut, From rewritten where it must be.

All else is the bytes that came. Says where that is done: of a large message in a thread, of a small one in
the event loop, or by another process if several come together. Must never have one message wait for what
takes long with another one.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from mailcore import metrics, rewriting
from mailcore.authenticity.verdicts import Verdicts
from mailcore.batching import Batcher
from mailcore.clock import Clock
from mailcore.contents import Mail
from mailcore.fields_process import FieldsProcess
from mailcore.keyring import Keyring
from mailcore.our_fields import FieldMaker, Letter, OurFields, hash_of
from mailcore.queue import Claimed

# Octets of a message that needs no thread. It takes half a millisecond, and a thread costs the event loop as
# much, each time it comes back from OpenSSL. A header made to be slow to read takes up to 2 us an octet.
_SMALL: Final = 64 * 1024
_SMALL_HEADER: Final = 16 * 1024
_TOGETHER: Final = 32
_THREADS: Final = 2
_HEADER_CAP: Final = rewriting.HEADER_CAP + 8192  # ours included


@dataclass(frozen=True, slots=True)
class Dressed:
    """What one attempt sends. `header` is all of its header section; `note` what its event tells of it."""

    pieces: tuple[bytes | memoryview, ...]
    header: bytes
    eight_bit: bool
    note: str = ""

    @property
    def size(self) -> int:
        return sum(len(piece) for piece in self.pieces)


@dataclass(slots=True)
class _Message:
    """A message in flight, parted once. `lock`: one of its deliveries at a time, the others find what it
    made; one that is cancelled leaves its thread at work, and then two make the same.
    """

    header: bytes
    rest: memoryview  # the empty line and the body
    verdicts: Verdicts | None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body_hash: bytes = b""
    eight_bit: bool = False
    fields: dict[str, OurFields] = field(default_factory=dict)

    @property
    def is_small(self) -> bool:
        return len(self.header) <= _SMALL_HEADER and len(self.rest) <= _SMALL

    def read(self) -> None:
        """What is asked of its body, once; it takes as long as that is large."""
        if not self.body_hash:
            self.eight_bit = rewriting.is_eight_bit(self.rest)
            self.body_hash = hash_of(self.rest)


class Dressing:
    """One for each process. What it made for a message is kept as long as that message is in flight."""

    def __init__(
        self, *, clock: Clock, keyring: Keyring, maker: FieldMaker, process: FieldsProcess | None = None
    ) -> None:
        """Without a `process` all small messages are dressed in the event loop."""
        self._clock = clock
        self._loop_key = keyring.key("loop")
        self._maker = maker
        self._process = process
        self._messages: WeakKeyDictionary[Mail, _Message] = WeakKeyDictionary()
        self._pool = ThreadPoolExecutor(_THREADS, "dressing")
        self._small = Batcher(self._make_together, largest=_TOGETHER, concurrency=1)

    async def of(self, claimed: Claimed, mail: Mail) -> Dressed:
        message = self._message(mail)
        fields = message.fields.get(claimed.alias_address)
        if fields is None:
            fields = await self._fields(claimed, message)
        header = fields.seals + self._loop_mark(claimed) + fields.results + fields.header
        return Dressed((header, message.rest), header, message.eight_bit or not header.isascii(), fields.note)

    def ahead(self, claimed: Claimed, mail: Mail) -> None:
        """What is quick to make, before `of` is asked for it. What breaks here breaks there again."""
        with suppress(Exception):
            message = self._message(mail)
            if message.is_small:
                self._note(claimed, message, self._made_here(claimed, message))

    def header(self, mail: Mail) -> bytes:
        """Its header section as it came, our Received field included: parted once for all attempts."""
        return self._message(mail).header

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._process:
            await self._process.close()

    def _message(self, mail: Mail) -> _Message:
        message = self._messages.get(mail)
        if message is None:
            message = self._messages[mail] = _parted(mail)
        return message

    def _loop_mark(self, claimed: Claimed) -> bytes:
        return rewriting.loop_mark(self._loop_key, claimed.alias_id) if claimed.alias_id else b""

    async def _fields(self, claimed: Claimed, message: _Message) -> OurFields:
        async with message.lock:
            if made := message.fields.get(claimed.alias_address):
                return made
            made = await self._made(claimed, message)
            self._note(claimed, message, made)
        return made

    def _note(self, claimed: Claimed, message: _Message, made: OurFields) -> None:
        message.fields[claimed.alias_address] = made
        for lack in made.lacks:
            metrics.UNSEALED.labels(lack).inc()

    def _letter(self, claimed: Claimed, message: _Message) -> Letter:
        message.read()
        return Letter(
            message.header,
            message.body_hash,
            message.verdicts,
            claimed.alias_address,
            is_forwarded=claimed.origin == "smtp",
            at=self._clock.now(),
        )

    async def _made(self, claimed: Claimed, message: _Message) -> OurFields:
        if not message.is_small:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._made_here, claimed, message)
        made = None
        if self._process and self._process.is_willing:
            made = await self._small.submit(self._letter(claimed, message))
        return made or self._made_here(claimed, message)

    def _made_here(self, claimed: Claimed, message: _Message) -> OurFields:
        return self._maker.made(self._letter(claimed, message))

    async def _make_together(self, letters: Sequence[Letter]) -> Sequence[OurFields | None]:
        """None for what is to be made here: one alone is made sooner than handed over."""
        made = await self._process.make(letters) if self._process and len(letters) > 1 else None
        return made or [None] * len(letters)


def _parted(mail: Mail) -> _Message:
    header = rewriting.header_section(mail.content, _HEADER_CAP)
    return _Message(header, memoryview(mail.content)[len(header) :], mail.verdicts)
