"""Which database a spool belongs to, and how far that database had come.

The spool notes the server's identity and a count that every sweep moves on in the database first. A
database that was restored to an earlier moment (from a backup, a snapshot of its disk, a dump) has a lower
count than the note, and stays behind it. Must never take such a one for ours: it has forgotten mail.
"""

import asyncio
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from mailcore.database import Database
from mailcore.keyring import sync_folder

_NAME = "database"

IDENTITY = """
select system_identifier::text || ' ' || timeline_id::text as identity
from pg_control_system(), pg_control_checkpoint()
"""

# Only forward, and only from what the spool knows: on a database that fell behind it must not catch up.
_MOVE_ON = "update node set sweeps = sweeps + 1 where id = $1 and sweeps >= $2 returning sweeps"


@dataclass(frozen=True, slots=True)
class Note:
    """What the spool knows of its database: server and timeline, and the count of the last sweep."""

    identity: str
    sweeps: int

    @classmethod
    def read(cls, spool_dir: Path) -> Self | None:
        """None before the first sweep ever."""
        try:
            identity, _, sweeps = (spool_dir / _NAME).read_text().partition("\n")
        except FileNotFoundError:
            return None
        return cls(identity, int(sweeps or 0))

    def write(self, spool_dir: Path) -> None:
        """Whole or not at all, and durable."""
        draft = spool_dir / f"{_NAME}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{self.identity}\n{self.sweeps}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(spool_dir / _NAME)
        sync_folder(spool_dir)


async def confirm(database: Database, spool_dir: Path, node_id: UUID) -> bool:
    """True when this is the spool's own database and it has forgotten nothing; then the count moves on."""
    noted = Note.read(spool_dir)
    identity = str(await database.value(IDENTITY))
    if noted and noted.identity != identity:
        return False
    known = noted.sweeps if noted else 0
    async with database.transaction() as tx:
        if not known:
            await tx.execute("insert into node (id) values ($1) on conflict do nothing", node_id)
        sweeps = await tx.value(_MOVE_ON, node_id, known)
    if sweeps is None:
        return False
    await asyncio.to_thread(Note(identity, sweeps).write, spool_dir)
    return True


async def is_own(database: Database, spool_dir: Path) -> bool | None:
    """The same question without moving anything; None where the spool knows no database yet."""
    noted, node = Note.read(spool_dir), spool_dir / "node"
    if noted is None:
        return None
    if noted.identity != await database.value(IDENTITY):
        return False
    node_id = UUID(node.read_text().strip())
    sweeps = await database.value("select sweeps from node where id = $1", node_id)
    return (sweeps or 0) >= noted.sweeps


async def adopt(database: Database, spool_dir: Path, node_id: UUID) -> None:
    """From now on this database decides what the spool needs. Only after its rows were rebuilt."""
    async with database.transaction() as tx:
        await tx.execute("insert into node (id) values ($1) on conflict do nothing", node_id)
        sweeps = await tx.value("select sweeps from node where id = $1", node_id)
    note = Note(str(await database.value(IDENTITY)), sweeps)
    await asyncio.to_thread(note.write, spool_dir)
