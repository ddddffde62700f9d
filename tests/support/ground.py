"""The ground under the mail path for one test: database, spool, acceptance, settling; nothing listens.

Must never be a copy of the code under test: it only wires the real parts together.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from mailcore import queue_claim
from mailcore.acceptance import Acceptance
from mailcore.clock import Clock, ShiftedClock
from mailcore.contents import Mail
from mailcore.database import PLANNED_ONCE, Database
from mailcore.event_log import Answer, ensure_partitions
from mailcore.first_attempts import FirstAttempts, NoFirstAttempts
from mailcore.keyring import Keyring
from mailcore.log_keys import LogKeys
from mailcore.plans import Lane, Plan
from mailcore.queue import Claimed
from mailcore.queue_claim import Room
from mailcore.retries import Settlement
from mailcore.routing import DestinationRef, Recipient
from mailcore.settings import Settings
from mailcore.settlement import Settler
from mailcore.spool import Spool
from mailcore.spool_record import Location
from mailcore.spool_writer import SegmentWriter
from mailcore.submission import Client, Submission
from tests.support import disk_image
from tests.support.world import World

CLIENT = Client("192.0.2.1", "client.test", "client.test", "127.0.0.1", timedelta(milliseconds=5))
CONTENT = b"Subject: hello\r\n\r\nthe secret words\r\n"


class SteppedClock(ShiftedClock):
    """Moves on by `step`, both the wall clock and the monotonic one; `jump` moves only the wall clock."""

    def __init__(self) -> None:
        super().__init__()
        self._stepped = 0.0

    def step(self, seconds: float) -> None:
        self.shift += timedelta(seconds=seconds)
        self._stepped += seconds

    def jump(self, by: timedelta) -> None:
        self.shift += by

    def monotonic(self) -> float:
        return super().monotonic() + self._stepped


@dataclass
class Collected:
    """First attempts that are only noted, leased to `owner`."""

    owner: UUID
    started: list[Claimed] = field(default_factory=list)
    prepared: list[Claimed] = field(default_factory=list)
    slots: int = 0

    def reserve(self, lane: Lane, deliveries: int, size: int) -> UUID | None:
        self.slots += deliveries
        return self.owner

    def release(self, deliveries: int, size: int) -> None:
        self.slots -= deliveries

    def prepare(self, claimed: Claimed, mail: Mail) -> None:
        self.prepared.append(claimed)

    def start(self, claimed: Sequence[Claimed], mail: Mail | None, size: int) -> None:
        self.started += claimed


@dataclass
class Ground:
    """One process's parts. `second()` gives another process's on the same database and spool."""

    database: Database
    spool: Spool
    writer: SegmentWriter
    acceptance: Acceptance
    settler: Settler
    clock: SteppedClock
    settings: Settings
    world: World
    syncs: list[int]
    keys: LogKeys

    async def recipient(self, name: str, *destinations: str, plan: Plan = Plan.FREE) -> Recipient:
        """An account with a domain and an alias that goes there."""
        account = await self.world.account(name, plan)
        domain = await self.world.domain(account, f"{name}.test")
        addresses = destinations or (f"{name}@inbox.test",)
        alias = await self.world.alias(domain, "hello", *addresses)
        rows = await self.database.fetch(
            "select t.id, t.address from alias_destination l join destination t on t.id = l.destination_id "
            "where l.alias_id = $1 order by t.address",
            alias.id,
        )
        refs = tuple(DestinationRef(row["id"], row["address"]) for row in rows)
        return Recipient(account.id, plan, domain.id, alias.id, alias.number, alias.address, refs)

    def submission(self, *recipients: Recipient, content: bytes = CONTENT) -> Submission:
        return Submission(
            id=self.clock.new_id(),
            origin="smtp",
            reverse_path="ann@sender.test",
            sender_authenticated=True,
            smtputf8=False,
            recipients=recipients,
            client=CLIENT,
            subject="hello",
            sender="ann@sender.test",
            received_at=self.clock.now(),
            content=[content],
            size=len(content),
        )

    async def claim(self, owner: UUID | None = None, limit: int = 100) -> list[Claimed]:
        async with self.database.transaction() as tx:
            turns = await queue_claim.turns(tx, self.spool.node_id, Lane.STANDARD)
            return await queue_claim.claim(
                tx,
                owner or self.clock.new_id(),
                self.spool.node_id,
                Lane.STANDARD,
                turns.order,
                Room(limit, limit),
            )

    async def live(self) -> None:
        """Registers a process, as every real one does: without any, a node's mail counts as held."""
        node = self.spool.node_id
        await self.world.execute("insert into node (id) values ($1) on conflict do nothing", node)
        await self.world.execute(
            "insert into process (id, node_id, role, lane) values ($1, $2, 'mx', 'standard')",
            self.clock.new_id(),
            node,
        )

    async def count(self, table: str, where: str = "true") -> int:
        counted: int = await self.database.value(f"select count(*) from {table} where {where}")
        return counted

    def readable(self, words: bytes) -> bool:
        """Whether somebody with an image of the disks can read the words."""
        return self.count_of(words) > 0

    def count_of(self, words: bytes) -> int:
        """How often they can."""
        found = disk_image.texts(self.spool.folder.parent, self.settings.key_dir)
        return sum(text.count(words) for text in found)


class PromptSpool(Spool):
    """Its process has no key wiper: what ended is discarded at once."""

    def discard_soon(self, locations: Iterable[Location], since: float) -> None:
        super().discard_soon(locations, since)
        assert self.discard_ended() == 0


def settlement(claimed: Claimed, kind: str, code: str = "2.0.0") -> Settlement:
    """The end of an attempt, as `retries.settle` would decide it."""
    waits = dict.fromkeys(Lane, timedelta(minutes=1))
    answer = Answer(f"250 {code} said so", code, "127.0.0.1", timedelta(milliseconds=3))
    return Settlement(claimed, kind, answer, waits)  # type: ignore[arg-type]


@asynccontextmanager
async def ground(
    database_url: str,
    folder: Path,
    *,
    first_attempts: FirstAttempts | None = None,
    look_on: str = "",
) -> AsyncIterator[Ground]:
    """`look_on` is another way to the same database, for the test's own questions."""
    clock, settings = SteppedClock(), Settings(spool_dir=folder, key_dir=folder / "keys")
    Keyring(settings.key_dir)  # makes the folder
    keys = LogKeys(settings.key_dir, clock, settings.log_retention)
    database = await Database.open(database_url, size=4, plans=PLANNED_ONCE)
    onlooker = await Database.open(look_on or database_url, size=2)
    spool = PromptSpool.open(folder / "spool", folder / "keys", clock)
    syncs: list[int] = []
    writer = counted_writer(spool, clock, syncs)
    acceptance = Acceptance(
        database=database,
        spool=spool,
        writer=writer,
        clock=clock,
        log_keys=keys,
        first_attempts=first_attempts or NoFirstAttempts(),
    )
    settler = Settler(database=database, spool=spool, acceptance=acceptance, clock=clock, log_keys=keys)
    await ensure_partitions(onlooker, clock.now(), settings.log_retention)
    world = World(onlooker, clock, settings.key_dir)
    try:
        yield Ground(database, spool, writer, acceptance, settler, clock, settings, world, syncs, keys)
    finally:
        await acceptance.drain()
        writer.close()
        spool.close()
        await database.close()
        await onlooker.close()


def counted_writer(
    spool: Spool, clock: Clock, syncs: list[int], *, largest: int = 1_000_000, long_wait: bool = False
) -> SegmentWriter:
    """Syncs for real, and notes each sync."""
    return SegmentWriter(
        spool, clock, largest=largest, oldest_seconds=10, long_wait=long_wait, sync=syncs.append
    )
