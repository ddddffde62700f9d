"""Walks every record of a spool that nobody writes: what lies where, for whom, without its content.

Must never change a byte, and never run while a process of the node does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from mailcore import content_scan, rewriting
from mailcore.spool import InUse, Spool, segments_in
from mailcore.spool_record import Damaged, Gone, KeyLost, Location, Record
from mailcore.spool_segment import LockedSegment


@dataclass(frozen=True, slots=True)
class Found:
    """A record that can be read, without its content. `recipients` are those of submission.envelope_of."""

    id: UUID
    location: Location
    origin: str
    reverse_path: str
    authenticated: bool
    smtputf8: bool
    client_ip: str
    received_at: datetime
    subject: str
    sender: str
    recipients: Sequence[dict[str, Any]]


@dataclass(slots=True)
class SpoolWalk:
    """Iterate `records` once; the counts are complete afterwards. Blocks on the disk."""

    spool: Spool
    segments: int = 0
    readable: set[Location] = field(default_factory=set)
    discarded: int = 0
    keyless: int = 0
    damaged: int = 0

    def records(self) -> Iterator[Found]:
        """Oldest segment first. Raises InUse."""
        for path in segments_in(self.spool):
            segment = LockedSegment.take(path, self.spool.keys)
            if segment is None:
                raise InUse
            self.segments += 1
            try:
                yield from self._of(segment)
            finally:
                segment.release()

    def _of(self, segment: LockedSegment) -> Iterator[Found]:
        end = 0
        for location in segment.locations():
            end = location.offset + location.length
            try:
                record = segment.read(location)
            except Gone:
                self.discarded += 1
            except KeyLost:
                self.keyless += 1
            except Damaged:
                self.damaged += 1
            else:
                self.readable.add(location)
                yield _found(record, location)
        self.damaged += end < segment.size  # a torn tail, or lengths that make no sense


def _found(record: Record, location: Location) -> Found:
    envelope = record.envelope
    header = rewriting.header_section(record.content)
    return Found(
        id=record.id,
        location=location,
        origin=envelope["origin"],
        reverse_path=envelope["reverse_path"],
        authenticated=envelope["authenticated"],
        smtputf8=envelope["smtputf8"],
        client_ip=envelope["client_ip"],
        received_at=datetime.fromisoformat(envelope["received_at"]),
        subject=content_scan.subject(header),
        sender=content_scan.from_field(header),
        recipients=envelope["recipients"],
    )
