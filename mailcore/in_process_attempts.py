"""First attempts in the process that accepted the message: so much room, and no more.

Must never take a slot without giving it back, nor be imported by acceptance, which sees `first_attempts`.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from mailcore.contents import Mail
from mailcore.delivery import Courier
from mailcore.plans import Lane
from mailcore.queue import Claimed
from mailcore.settings import Settings


class InProcessAttempts:
    """The room of one process: no queue hop while there is some.

    The standard lane sheds to the queue when the event loop lags; the fast lane keeps its place.
    """

    def __init__(self, courier: Courier, settings: Settings, is_lagging: Callable[[], bool]) -> None:
        self._courier = courier
        self._is_lagging = is_lagging
        self._slots = settings.first_attempts
        self._bytes = settings.first_attempt_bytes

    def reserve(self, lane: Lane, deliveries: int, size: int) -> UUID | None:
        courier = self._courier
        if courier.closing or not courier.lease.is_fresh() or (lane is Lane.STANDARD and self._is_lagging()):
            return None
        if deliveries > self._slots or size * deliveries > self._bytes:
            return None
        self._slots -= deliveries
        self._bytes -= size * deliveries
        return courier.lease.id

    def release(self, deliveries: int, size: int) -> None:
        self._slots += deliveries
        self._bytes += size * deliveries

    def prepare(self, claimed: Claimed, mail: Mail) -> None:
        self._courier.dressing.ahead(claimed, mail)

    def start(self, claimed: Sequence[Claimed], mail: Mail | None, size: int) -> None:
        for c in claimed:
            self._courier.start(c, mail, lambda: self.release(1, size))
