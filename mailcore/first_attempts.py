"""Room for first attempts in the process that accepts a message: what acceptance asks for, and who has none.

Only shapes; `in_process_attempts` has the room. Must never import delivery, which needs acceptance.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from mailcore.contents import Mail
from mailcore.plans import Lane
from mailcore.queue import Claimed


class FirstAttempts(Protocol):
    """What a process that also delivers hands in: slots reserved before the rows are inserted as leased."""

    def reserve(self, lane: Lane, deliveries: int, size: int) -> UUID | None:
        """The owner to lease to, or None where there is no room: then the queue takes the mail."""

    def release(self, deliveries: int, size: int) -> None: ...

    def prepare(self, claimed: Claimed, mail: Mail) -> None:
        """Its rows are on their way to the database; whether it is ever started nobody knows yet. Raises
        nothing.
        """

    def start(self, claimed: Sequence[Claimed], mail: Mail | None, size: int) -> None:
        """Without its mail where that lies in the spool alone."""


class NoFirstAttempts:
    """A process that only accepts: everything goes to the queue."""

    def reserve(self, lane: Lane, deliveries: int, size: int) -> UUID | None:
        return None

    def release(self, deliveries: int, size: int) -> None:
        return None

    def prepare(self, claimed: Claimed, mail: Mail) -> None:
        return None

    def start(self, claimed: Sequence[Claimed], mail: Mail | None, size: int) -> None:
        raise AssertionError("nothing was reserved")
