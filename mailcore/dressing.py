"""A message as it leaves us: our fields on top, forged ones of our name cut, From rewritten where it must be.

All else is the bytes that came. Large messages have threads of their own. Must never hold a message back for
what we would add: that is left out where it cannot be made, and counted. Only one whose forged fields cannot
be cut waits (a soft bounce): others would take them for our word.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import structlog

from mailcore import metrics, rewriting
from mailcore.authenticity import from_rewrite, policy, results, sealing
from mailcore.authenticity.author import authors_of
from mailcore.authenticity.canonical import body_hash
from mailcore.authenticity.sealing import Signer
from mailcore.authenticity.signatures import Header
from mailcore.authenticity.signing_keys import SigningKey, SigningKeys
from mailcore.authenticity.verdicts import ArcVerdict, Verdicts
from mailcore.clock import Clock
from mailcore.contents import Mail
from mailcore.keyring import Keyring
from mailcore.logs import where
from mailcore.queue import Claimed
from mailcore.settings import Settings

log = structlog.get_logger("dressing")

Made = TypeVar("Made")

# Octets of a message that is dressed in the event loop: that takes half a millisecond, and a thread costs as
# much by what it takes from the loop, each time it comes back from OpenSSL. A header made to be slow to read
# takes up to 2 us an octet.
_SMALL: Final = 64 * 1024
_SMALL_HEADER: Final = 16 * 1024
_THREADS: Final = 2
_HEADER_CAP: Final = rewriting.HEADER_CAP + 8192  # ours included
_EMPTY_LINE: Final = b"\r\n"


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


@dataclass(frozen=True, slots=True)
class _Clothes:
    """What all deliveries of a message to one alias share: fields above and below the loop mark, and the
    header section below those.
    """

    seals: bytes
    results: bytes
    header: bytes
    note: str = ""


@dataclass(slots=True)
class _Message:
    """A message in flight, parted once. `lock`: one of its deliveries at a time, and so one thread; the
    others find what it made. One that is cancelled leaves its thread at work: then two make the same.
    """

    header: bytes
    rest: memoryview  # the empty line and the body
    verdicts: Verdicts | None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    eight_bit: bool | None = None
    body_hash: bytes = b""
    clothes: dict[str, _Clothes] = field(default_factory=dict)

    def is_quick_for(self, claimed: Claimed) -> bool:
        """It is small, or another delivery to the same alias had all that takes time."""
        is_small = len(self.header) <= _SMALL_HEADER and len(self.rest) <= _SMALL
        return is_small or claimed.alias_address in self.clothes


class Dressing:
    """One for each process. What it made for a message is kept as long as that message is in flight."""

    def __init__(self, *, settings: Settings, clock: Clock, keyring: Keyring, keys: SigningKeys) -> None:
        self._settings = settings
        self._domain = settings.service_domain
        self._clock = clock
        self._keys = keys
        self._loop_key = keyring.key("loop")
        self._from_key = keyring.key("from")
        self._messages: WeakKeyDictionary[Mail, _Message] = WeakKeyDictionary()
        self._pool = ThreadPoolExecutor(_THREADS, "dressing")

    async def of(self, claimed: Claimed, mail: Mail) -> Dressed:
        message, now = self._message(mail), self._clock.now()
        if message.is_quick_for(claimed):
            return self._dressed(claimed, message, now)
        async with message.lock:  # and not in the thread: those who wait would keep it from other messages
            if message.is_quick_for(claimed):
                return self._dressed(claimed, message, now)
            work = partial(self._dressed, claimed, message, now)
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def header(self, mail: Mail) -> bytes:
        """Its header section as it came, our Received field included: parted once for all attempts."""
        return self._message(mail).header

    def _message(self, mail: Mail) -> _Message:
        message = self._messages.get(mail)
        if message is None:
            message = self._messages[mail] = _parted(mail)
        return message

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- of a large message in a thread ---

    def _dressed(self, claimed: Claimed, message: _Message, now: datetime) -> Dressed:
        if message.eight_bit is None:
            message.eight_bit = rewriting.is_eight_bit(message.rest)
        clothes = message.clothes.get(claimed.alias_address)
        if clothes is None:
            clothes = message.clothes[claimed.alias_address] = self._clothes(claimed, message, now)
        top = clothes.seals + self._loop_mark(claimed) + clothes.results
        header = top + clothes.header
        pieces = (header, message.rest)
        return Dressed(pieces, header, message.eight_bit or not header.isascii(), clothes.note)

    def _clothes(self, claimed: Claimed, message: _Message, now: datetime) -> _Clothes:
        if claimed.origin != "smtp":
            return _Clothes(self._signature(message, message.header, now), b"", message.header)
        header = results.without_forged(message.header, self._domain)
        if message.verdicts is None:  # nobody asked, so there is nothing that a seal could say
            return _Clothes(self._signature(message, header, now), b"", header)
        return self._forwarded(claimed.alias_address, message, header, message.verdicts, now)

    def _forwarded(
        self, alias: str, message: _Message, header: bytes, verdicts: Verdicts, now: datetime
    ) -> _Clothes:
        """Each part by itself: where one breaks, the others are made all the same."""
        said = _or(lambda: results.authentication_results(self._domain, verdicts), b"")
        changed = _or(lambda: self._rewritten(alias, header, verdicts), None)
        if changed is None:
            return _Clothes(self._seal(message, header, said, verdicts.arc, now), said, header)
        signature = self._signature(message, changed, now)
        seal = self._seal(message, signature + changed, said, verdicts.arc, now)
        return _Clothes(seal + signature, said, changed, "From rewritten")

    def _rewritten(self, alias: str, header: bytes, verdicts: Verdicts) -> bytes | None:
        """The header section with a From of ours; None where it stays as it is."""
        if not policy.from_must_be_rewritten(verdicts):
            return None
        return from_rewrite.rewritten(header, self._from_key, alias, self._domain)

    def _loop_mark(self, claimed: Claimed) -> bytes:
        return rewriting.loop_mark(self._loop_key, claimed.alias_id) if claimed.alias_id else b""

    # --- seals ---

    def _signature(self, message: _Message, header: bytes, now: datetime) -> bytes:
        """A DKIM-Signature of ours, of the domain in From where we have a key of that; empty where there can
        be none.
        """

        fields = Header(header)

        def make(signer: Signer) -> bytes | None:
            return sealing.dkim_signature(fields, message.body_hash, signer)

        return _or(lambda: self._signed(self._key_for(fields), message, now, make), b"")

    def _key_for(self, fields: Header) -> SigningKey | None:
        written_by = authors_of(fields.named(b"from")).domains
        found = (self._keys.signing(domain) for domain in (*written_by[:1], self._domain))
        return next((key for key in found if key), None)

    def _seal(self, message: _Message, header: bytes, said: bytes, found: ArcVerdict, now: datetime) -> bytes:
        """An ARC set of ours; empty where there can be none, or none is wanted."""

        def make(signer: Signer) -> bytes | None:
            return sealing.arc_set(Header(header), message.body_hash, said, found, signer)

        if not self._settings.arc_seal or not said:
            return b""
        return _or(lambda: self._signed(self._keys.signing(self._domain), message, now, make), b"")

    def _signed(
        self,
        key: SigningKey | None,
        message: _Message,
        now: datetime,
        make: Callable[[Signer], bytes | None],
    ) -> bytes:
        if key is None:
            metrics.UNSEALED.labels("key").inc()
            return b""
        if not message.body_hash:
            message.body_hash = _body_hash(message)
        made = make(Signer(key, now))
        if made is None:
            metrics.UNSEALED.labels("message").inc()
        return made or b""


def _or(make: Callable[[], Made], instead: Made) -> Made:
    """What is made of a message; `instead`, logged and counted, where that breaks: odd mail goes too."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001
        log.error("not_sealed", error=type(error).__name__, where=where(error))
        metrics.UNSEALED.labels("fault").inc()
        return instead


def _parted(mail: Mail) -> _Message:
    header = rewriting.header_section(mail.content, _HEADER_CAP)
    return _Message(header, memoryview(mail.content)[len(header) :], mail.verdicts)


def _body_hash(message: _Message) -> bytes:
    made = body_hash([message.rest[len(_EMPTY_LINE) :]], "relaxed")
    assert made is not None, "only a body that was said to be longer has none"
    return made
