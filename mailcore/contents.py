"""The content of messages in flight: read once, however many deliveries of one message are attempted.

With it comes what stands in its sealed envelope alone, and in no table: whom it is from, the alias as it was
written to, the address of mail of our own. Must never keep bytes that no delivery holds any more, nor read or
copy them in the event loop.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

import structlog

from mailcore.authenticity.verdicts import Verdicts
from mailcore.queue import Claimed
from mailcore.spool import Spool
from mailcore.spool_record import Damaged, Location, Record

log = structlog.get_logger("contents")


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Mail:
    """A message as it was accepted: our Received field, then its bytes as they came.

    `verdicts`: what was found out about its sender then; None for mail of our own. `envelope` as
    submission.envelope_of made it; None where it was accepted in this process a moment ago.
    """

    content: bytes | memoryview
    verdicts: Verdicts | None
    envelope: Mapping[str, Any] | None = None

    def addressed(self, claimed: Claimed) -> Claimed:
        """The delivery with the words that only the envelope has. Raises `Damaged` where it has them not."""
        if self.envelope is None:
            return claimed
        recipient = _recipient(claimed, self.envelope["recipients"])
        ours = claimed.destination_id is None and not claimed.cancelled
        return replace(
            claimed,
            reverse_path=self.envelope["reverse_path"],
            alias_address=recipient["address"],
            address=recipient["destinations"][0] if ours else claimed.address,
        )


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
    return Mail(record.content, verdicts, record.envelope)


def _recipient(claimed: Claimed, recipients: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Rows of releases before the sealed spool don't tell which: the first of the same alias."""
    if claimed.recipient is None:
        alias = claimed.alias_id and str(claimed.alias_id)
        return next((r for r in recipients if r["alias"] == alias), recipients[0])
    if claimed.recipient >= len(recipients):
        raise Damaged
    return recipients[claimed.recipient]
