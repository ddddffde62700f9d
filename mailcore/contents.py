"""The content of messages in flight: read once, however many deliveries of one message are attempted.

Must never keep bytes that no delivery holds any more, nor read or copy them in the event loop.
"""

import asyncio
from dataclasses import dataclass
from weakref import WeakValueDictionary

import structlog

from mailcore.authenticity.verdicts import Verdicts
from mailcore.spool import Spool
from mailcore.spool_record import Location, Record

log = structlog.get_logger("contents")


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Mail:
    """A message as it was accepted: our Received field, then its bytes as they came.

    `verdicts`: what was found out about its sender then; None for mail of our own.
    """

    content: bytes | memoryview
    verdicts: Verdicts | None


class Contents:
    """One for each process. What `read` returns is shared; it is freed with the last one that holds it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._held: WeakValueDictionary[Location, Mail] = WeakValueDictionary()
        self._reading: dict[Location, asyncio.Task[Mail]] = {}

    async def read(self, location: Location) -> Mail:
        """The verified message at `location`. Raises `Gone` or `Damaged`."""
        held = self._held.get(location)
        if held is not None:
            return held
        reading = self._reading.get(location)
        if reading is None:
            reading = self._reading[location] = asyncio.create_task(self._load(location))
            reading.add_done_callback(lambda task: self._landed(location, task))
        return await asyncio.shield(reading)  # who gives up must not take it from the others

    async def _load(self, location: Location) -> Mail:
        mail = _mail(await asyncio.to_thread(self._spool.read, location))
        self._held[location] = mail
        return mail

    def _landed(self, location: Location, task: "asyncio.Task[Mail]") -> None:
        self._reading.pop(location, None)
        if not task.cancelled():
            task.exception()  # looked at: whoever waited for it may be gone


def _mail(record: Record) -> Mail:
    """Of a record that was written before verdicts were kept, none are known; nor of one by a release that
    wrote them otherwise, for mail must outlive an update and a way back.
    """
    found = record.envelope.get("authentication")
    try:
        verdicts = Verdicts.from_json(found) if found else None
    except (KeyError, TypeError):
        log.error("verdicts_not_understood")
        verdicts = None
    return Mail(record.content, verdicts)
