"""Tables of machines and their processes. Must never be needed to know what a customer has."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from mailcore.models.columns import belongs_to, big, moment


class Node(SQLModel, table=True):
    """A machine with a spool; its identity is a file in the spool folder. `sweeps`: see spool_owner.py."""

    id: UUID = Field(primary_key=True)
    sweeps: int = big(default=0)
    created_at: datetime = moment(now=True)


class Process(SQLModel, table=True):
    """A lease owner. Dead only when a sweeper has seen one `heartbeat` value for too long; `beat_at` is what
    the status page shows, and nobody decides by it.
    """

    id: UUID = Field(primary_key=True)
    node_id: UUID = belongs_to("node")
    role: str
    lane: str
    heartbeat: int = big(default=0)
    started_at: datetime = moment(now=True)
    beat_at: datetime = moment(now=True)
