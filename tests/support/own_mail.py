"""To whom mail of our own goes, which stands in the spool alone, sealed. Must never change anything."""

from mailcore.database import Database
from mailcore.spool import Spool
from mailcore.spool_record import Location

_WAITING = """
select d.origin, m.segment, m.record_offset, m.record_length from delivery d
join message m on m.id = d.message_id where d.destination_id is null and m.node_id = $1
order by d.accepted_at, d.id
"""


async def written_to(database: Database, spool: Spool) -> list[tuple[str, str]]:
    """(origin, address) of what waits on this node, the oldest first."""
    found = []
    for row in await database.fetch(_WAITING, spool.node_id):
        place = Location(row["segment"], row["record_offset"], row["record_length"])
        (recipient,) = spool.read(place).envelope["recipients"]
        found.append((row["origin"], recipient["destinations"][0]))
    return found
