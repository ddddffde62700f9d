"""The only place that asks what time it is.

Everything else receives a `Clock`, so that a test can hand in another one. Must never sleep, and must
never be used for due times: those come from the database clock.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from asyncpg.pgproto import pgproto


class Clock:
    """Wall-clock and monotonic time. Wall time is always aware and in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps; only differences mean anything."""
        return time.monotonic()

    def new_id(self) -> UUID:
        """A time-ordered identifier (UUIDv7, RFC 9562 section 5.7): sorts by creation, tells its age.

        Of the kind that rows bring, too: hashed, compared and written ten times as fast as Python's own.
        """
        milliseconds = int(self.now().timestamp() * 1000)
        value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | int.from_bytes(os.urandom(10), "big")
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        identifier: UUID = pgproto.UUID(value.to_bytes(16, "big"))
        return identifier


class ShiftedClock(Clock):
    """A clock that runs a fixed distance ahead (or behind): seven days later, without waiting."""

    def __init__(self, shift: timedelta = timedelta(0)) -> None:
        self.shift = shift

    def now(self) -> datetime:
        return super().now() + self.shift


def time_of(identifier: UUID) -> datetime:
    """The moment a `Clock.new_id` was made, to the millisecond."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)
