"""All verdicts on a message when it has arrived, each within the time there is, else temperror.

DNS is asked for all of it at once; a large body is hashed in a thread meanwhile. Must never raise for what a
message holds, outlast the time it has, or keep the event loop busy with a large message.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol, TypeVar

import structlog

from mailcore.authenticity import arc, dkim, dmarc
from mailcore.authenticity.author import Authors, authors_of
from mailcore.authenticity.canonical import BodyKind, Buffer, body_hashes
from mailcore.authenticity.dmarc_records import questions_of_walk
from mailcore.authenticity.public_keys import Keys, ask_keys
from mailcore.authenticity.signatures import Header
from mailcore.authenticity.spf import AsksTexts, domain_asked, spf
from mailcore.authenticity.txt_records import AsksTxt
from mailcore.authenticity.verdicts import ArcVerdict, DkimVerdict, DmarcVerdict, SpfVerdict, Verdicts
from mailcore.clock import Clock
from mailcore.dns_answers import TxtAnswer
from mailcore.envelope import Mailbox
from mailcore.logs import where
from mailcore.settings import Settings
from mailcore.values import value

T = TypeVar("T")

log = structlog.get_logger("arrival")

LARGEST_INLINE: Final = 100 * 1024  # octets of a message; above, hashing it leaves the event loop
_LARGEST_HEADER_INLINE: Final = 16 * 1024
# The last part of the time is for what needs the other verdicts: alignment.
_PART_BEFORE_DMARC: Final = 0.75
_LATE: Final = "not checked in time"
_NEVER: Final = threading.Event()  # what is read in the event loop is not given up meanwhile
# Threads of its own: a flood of large messages must not stand before those who write.
_THREADS: Final = ThreadPoolExecutor(max_workers=4, thread_name_prefix="verdicts")

_Found = tuple[tuple[DkimVerdict, ...], ArcVerdict]


class AsksDns(AsksTxt, AsksTexts, Protocol):
    """What the resolver is to us."""


@value
class Message:
    """`header`: the section with the CRLF of its last field. `body` gives what is behind the empty line, read
    in a thread where `size`, of all of it, is large, and stops once the event is set.
    """

    header: bytes
    size: int
    body: Callable[[threading.Event], Iterator[Buffer]]


@value
class SpfQuestion:
    """Asked while the content still comes. `late` is the verdict if there is no answer in time."""

    asking: "asyncio.Task[SpfVerdict]"
    late: SpfVerdict

    def drop(self) -> None:
        self.asking.cancel()


@value
class _Read:
    """What the header says, before anybody is asked."""

    signatures: dkim.Signatures
    chain: arc.Chain
    authors: Authors

    @property
    def key_names(self) -> frozenset[str]:
        return self.signatures.key_names | self.chain.key_names

    @property
    def bodies(self) -> frozenset[BodyKind]:
        return self.signatures.bodies | self.chain.bodies

    def late(self) -> _Found:
        """Each signature that would have been checked is a temperror."""
        found = (
            each if isinstance(each, DkimVerdict) else each.verdict("temperror", _LATE)
            for each in self.signatures.found
        )
        if self.chain.message is None:
            return tuple(found), arc.check(self.chain, {}, {})
        sealers = tuple(each.seal.domain for each in self.chain.sets)
        return tuple(found), ArcVerdict("temperror", self.chain.instances, sealers)


class Arrivals:
    """One for each process."""

    def __init__(self, *, settings: Settings, clock: Clock, resolver: AsksDns) -> None:
        self._seconds = settings.verdict_timeout.total_seconds()
        self._clock = clock
        self._resolver = resolver

    def ask_spf(self, *, client_ip: str, helo: str, reverse_path: Mailbox | None) -> SpfQuestion:
        asking = spf(
            client_ip=client_ip,
            helo=helo,
            reverse_path=reverse_path,
            resolver=self._resolver,
            timeout=self._seconds,
        )
        late = SpfVerdict("temperror", domain_asked(helo, reverse_path), of_helo=reverse_path is None)
        return SpfQuestion(asyncio.create_task(asking), late)

    async def check(self, message: Message, question: SpfQuestion) -> Verdicts:
        """Within `verdict_timeout` from now on."""
        looking = _Looking(message, self._resolver, self._clock.now(), self._seconds)
        try:
            return await looking.verdicts(question)
        finally:
            await looking.end()


class _Looking:
    """At one message."""

    def __init__(
        self,
        message: Message,
        resolver: AsksTxt,
        now: datetime,
        seconds: float,
    ) -> None:
        self._message = message
        self._resolver = resolver
        self._now = now
        self._loop = asyncio.get_running_loop()
        began = self._loop.time()
        self._before_dmarc = began + seconds * _PART_BEFORE_DMARC
        self._end = began + seconds
        self._asking: list[asyncio.Task[TxtAnswer]] = []
        self._is_large = message.size > LARGEST_INLINE
        self._given_up = threading.Event() if self._is_large else _NEVER
        self._header_is_large = len(message.header) > _LARGEST_HEADER_INLINE

    async def end(self) -> None:
        """What came too late is waited for by nobody."""
        if self._is_large:
            self._given_up.set()
        for task in self._asking:
            task.cancel()
        if self._asking:
            await asyncio.gather(*self._asking, return_exceptions=True)

    async def verdicts(self, question: SpfQuestion) -> Verdicts:
        read = await self._run(
            self._header_is_large, self._before_dmarc, _read, self._message.header, self._now
        )
        if read is None:
            return _unread(await self._spf(question))
        self._ask_ahead(read)
        by_dkim, by_arc = await self._signatures(read) or read.late()
        by_spf = await self._spf(question)
        evaluating = dmarc.evaluate(read.authors, by_spf, by_dkim, self._resolver)
        by_dmarc, by_dkim = await self._by(self._end, evaluating) or _undecided(read, by_dkim)
        return Verdicts(by_spf, by_dkim, by_dmarc, by_arc)

    def _ask_ahead(self, read: _Read) -> None:
        """All at once, so that each answer is known to the resolver, or under way, when it is needed."""
        names = set(read.key_names)
        for domain in read.authors.domains[: dmarc.MOST_DOMAINS]:
            names.update(questions_of_walk(domain))
        for name in names:
            if self._resolver.known_txt(name) is None:
                self._asking.append(asyncio.create_task(self._resolver.txt(name)))

    async def _spf(self, question: SpfQuestion) -> SpfVerdict:
        asking = question.asking
        if not asking.done():
            await asyncio.wait({asking}, timeout=self._left(self._before_dmarc))
        if not asking.done() or asking.cancelled():
            return question.late
        if error := asking.exception():
            _tell(error)
            return question.late
        return asking.result()

    async def _signatures(self, read: _Read) -> _Found | None:
        """None: not in time."""
        hashes = await self._hashes(read.bodies)
        if hashes is None:
            return None
        keys = await ask_keys(self._resolver, read.key_names, self._left(self._before_dmarc))
        return await self._run(self._header_is_large, self._end, _checked, read, keys, hashes)

    async def _hashes(self, kinds: Collection[BodyKind]) -> Mapping[BodyKind, bytes | None] | None:
        """None: not in time."""
        if not kinds:
            return {}
        body = self._message.body(self._given_up)
        work = body_hashes if self._is_large else _hashes_at_once
        return await self._run(self._is_large, self._before_dmarc, work, body, kinds)

    def _left(self, when: float) -> float:
        return max(0.0, when - self._loop.time())

    async def _run(
        self, in_thread: bool, when: float, work: Callable[..., T], *arguments: object
    ) -> T | None:
        """What it computes, in a thread until `when`. None: not there in time, or broken."""
        if in_thread:
            return await self._by(when, self._loop.run_in_executor(_THREADS, work, *arguments))
        try:
            return work(*arguments)
        except Exception as error:  # noqa: BLE001
            _tell(error)
            return None

    async def _by(self, when: float, work: Awaitable[T]) -> T | None:
        """The same of what is waited for."""
        try:
            async with asyncio.timeout_at(when):
                return await work
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001
            _tell(error)
            return None


def _tell(error: BaseException) -> None:
    """A fault of ours accuses nobody."""
    log.error("verdict_broken", error=type(error).__name__, where=where(error))


def _undecided(read: _Read, by_dkim: tuple[DkimVerdict, ...]) -> tuple[DmarcVerdict, tuple[DkimVerdict, ...]]:
    """Each signature may be the author's."""
    author = next(iter(read.authors.domains), "")
    verdict = DmarcVerdict("temperror", author, undecided=True)
    return verdict, tuple(replace(each, of_author=True) for each in by_dkim)


def _unread(by_spf: SpfVerdict) -> Verdicts:
    """The header was not read in time, or broke us: nothing is known but SPF."""
    dmarc_verdict = DmarcVerdict("temperror", undecided=True)
    signatures = (DkimVerdict("temperror", reason=_LATE),)
    return Verdicts(by_spf, signatures, dmarc_verdict, ArcVerdict("temperror"))


def _hashes_at_once(body: Iterator[Buffer], kinds: Collection[BodyKind]) -> Mapping[BodyKind, bytes | None]:
    """Of a body that is small: without the machinery for pieces."""
    return body_hashes(tuple(body), kinds)


def _read(section: bytes, now: datetime) -> _Read:
    header = Header(section)
    return _Read(dkim.prepare(header, now), arc.prepare(header), authors_of(header.named(b"from")))


def _checked(read: _Read, keys: Keys, hashes: Mapping[BodyKind, bytes | None]) -> _Found:
    return dkim.check(read.signatures, keys, hashes), arc.check(read.chain, keys, hashes)
