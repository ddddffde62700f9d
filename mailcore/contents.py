"""The content of messages in flight: read once, however many deliveries of one message are attempted.

Must never keep bytes that no delivery holds any more, nor read or copy them in the event loop.
"""

import asyncio
from weakref import WeakValueDictionary

from mailcore.spool import Spool
from mailcore.spool_record import Location


class Contents:
    """One for each process. What `read` returns is shared; it is freed with the last one that holds it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._held: WeakValueDictionary[Location, memoryview] = WeakValueDictionary()
        self._reading: dict[Location, asyncio.Task[memoryview]] = {}

    async def read(self, location: Location) -> memoryview:
        """The verified content at `location`. Raises `Gone` or `Damaged`."""
        held = self._held.get(location)
        if held is not None:
            return held
        reading = self._reading.get(location)
        if reading is None:
            reading = self._reading[location] = asyncio.create_task(self._load(location))
            reading.add_done_callback(lambda task: self._landed(location, task))
        return await asyncio.shield(reading)  # who gives up must not take it from the others

    async def _load(self, location: Location) -> memoryview:
        record = await asyncio.to_thread(self._spool.read, location)
        self._held[location] = record.content
        return record.content

    def _landed(self, location: Location, task: "asyncio.Task[memoryview]") -> None:
        self._reading.pop(location, None)
        if not task.cancelled():
            task.exception()  # looked at: whoever waited for it may be gone
