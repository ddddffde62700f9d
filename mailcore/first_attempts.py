"""Room for first attempts in the process that accepts a message: what acceptance asks for, and who has none.

Only shapes; `in_process_attempts` has the room. Must never import delivery, which needs acceptance.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from mailcore.authenticity.verdicts import Verdicts
from mailcore.plans import Lane
from mailcore.queue import Claimed
from mailcore.spool_seal import Buffer


class FirstAttempts(Protocol):
    """What a process that also delivers hands in: slots reserved before the rows are inserted as leased."""

    def reserve(self, lane: Lane, deliveries: int, size: int) -> UUID | None:
        """The owner to lease to, or None where there is no room: then the queue takes the mail."""

    def release(self, deliveries: int, size: int) -> None: ...

    def start(
        self,
        claimed: Sequence[Claimed],
        content: Sequence[Buffer] | None,
        verdicts: Verdicts | None,
        size: int,
    ) -> None: ...


class NoFirstAttempts:
    """A process that only accepts: everything goes to the queue."""

    def reserve(self, lane: Lane, deliveries: int, size: int) -> UUID | None:
        return None

    def release(self, deliveries: int, size: int) -> None:
        return None

    def start(
        self,
        claimed: Sequence[Claimed],
        content: Sequence[Buffer] | None,
        verdicts: Verdicts | None,
        size: int,
    ) -> None:
        raise AssertionError("nothing was reserved")
