"""The way to PostgreSQL, and the only commit in the tree.

Two doors to one database: `transaction()` on asyncpg for the path of a message, `session()` on
SQLModel for the rest. Must never be committed around: one request, one job, one SMTP transaction is
one database transaction. Lanes named with `wake()` are woken after the commit, dropped on rollback;
so is what `tell()` asks for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import UUID

import asyncpg

from mailcore.held_connections import HeldConnections
from mailcore.plans import Lane

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlmodel.ext.asyncio.session import AsyncSession

# What a cut connection looks like, whichever layer noticed it first.
CONNECTION_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
_OUTCOME_DEADLINE = 60.0
_SERVER_SETTINGS = {"synchronous_commit": "on", "timezone": "UTC"}
# A transaction of the mail path never waits for anything but the database. Where its connection was cut and
# the server did not notice, it must end by itself, and with it the locks that others wait for.
_MAIL_SETTINGS = {**_SERVER_SETTINGS, "idle_in_transaction_session_timeout": "20s", "lock_timeout": "10s"}
# Of processes that ask the same few things all day, by keys: planned once, which else costs more than running
# them. A table that was empty when a plan was made may be a backlog later: so never through a whole table.
PLANNED_ONCE: Final = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}
# Of processes that handle some hundred rows at once, never more, beside a backlog that is none or a million a
# minute later: planned each time by what is there, each row found by its key, no join that reads a table.
PLANNED_ANEW: Final = {
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
_SESSION_SETTINGS = {**_SERVER_SETTINGS, "lock_timeout": "10s"}
# Seconds for a statement, and for a free connection: a database that is stuck is a 451 or a 503, not a hang.
_COMMAND_TIMEOUT = 30.0
_PATIENCE = 10.0
# Rows that one transaction deletes.
_BATCH = 10_000
# Classes of SQLSTATE that say "try again": rolled back (deadlock), out of something, locked, ended by an
# operator, trouble with files; and 25, where a standby answered in the place of its primary.
_TRANSIENT = ("25", "40", "53", "55", "57", "58")


@dataclass(frozen=True, slots=True)
class LaneOfNode:
    """Where mail waits: spools are local to a node, so its workers are too."""

    node_id: UUID
    lane: Lane


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose rows a transaction may see, and of those only of `domain_ids` where a key is limited to them.

    Row-level security enforces it (migration 0003). Without a Tenant a transaction is the service's own.
    """

    account_id: UUID
    domain_ids: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Granted(Tenant):
    """Our staff in one account's log, under a grant of it: the role clearpost_staff, which sees rows there as
    long as a grant lives that covers them (migration 0006), whatever is said here.
    """


@dataclass(frozen=True, slots=True)
class Staff:
    """A transaction of our staff: it reads what migration 0003 lets them, and writes into audit logs."""


Wake = Callable[[frozenset[LaneOfNode]], None]
Tell = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Trace:
    """How to find out later what became of a transaction: its id, and a row that it alone could have left.

    The id alone is not enough: one that was handed out shortly before a crash is handed out again after it,
    and then tells of somebody else's COMMIT (shown by tests/mailcore/test_lost_commit.py).
    """

    xid: str
    query: str = ""
    arguments: tuple[object, ...] = ()


class UnknownOutcome(Exception):
    """COMMIT was sent and its answer never came: the rows may or may not be there. Ask `outcome_of`."""

    def __init__(self, trace: Trace) -> None:
        super().__init__("the outcome of a COMMIT is not known")
        self.trace = trace


class Aborted(Exception):
    """COMMIT was sent, its answer never came, and the server says that it did not happen."""


@dataclass(slots=True)
class Transaction:
    """An open transaction of the mail path; thin names over asyncpg's."""

    connection: Any
    trace: Trace | None = None
    woken: set[LaneOfNode] = field(default_factory=set)
    is_told: bool = False

    async def execute(self, query: str, *arguments: object) -> str:
        return str(await self.connection.execute(query, *arguments))

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        return list(await self.connection.fetch(query, *arguments))

    async def row(self, query: str, *arguments: object) -> Any:
        return await self.connection.fetchrow(query, *arguments)

    async def value(self, query: str, *arguments: object) -> Any:
        return await self.connection.fetchval(query, *arguments)

    def known_as(self, xid: str) -> None:
        """Its id, as a statement of the block returned it: from here on the transaction is `certain`."""
        if self.trace is None:
            self.trace = Trace(xid)

    async def know(self) -> None:
        """Asks for its id, unless it is known."""
        if self.trace is None:
            self.known_as(await self.value("select pg_current_xact_id()::text"))

    def leaves(self, query: str, *arguments: object) -> None:
        """Says how to tell that this transaction was committed: a query that answers true where a row stands
        that it has written, and that nobody else could have. The first one counts. Where nothing is said,
        it wrote nothing that matters.
        """
        if self.trace is not None and not self.trace.query:
            self.trace = Trace(self.trace.xid, query, arguments)

    def wake(self, node_id: UUID, lane: Lane) -> None:
        self.woken.add(LaneOfNode(node_id, lane))

    def tell(self) -> None:
        """After the commit, open pages are told to look: it wrote what they show."""
        self.is_told = True


def is_transient(error: asyncpg.PostgresError) -> bool:
    """Whether the same statements may succeed a little later."""
    return str(error.sqlstate or "")[:2] in _TRANSIENT


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://", 1).replace(
        "postgres://", "postgresql+asyncpg://", 1
    )


class Database:
    """Connections of one process. `open()` connects, `close()` ends.

    Whoever gets none within `patience` seconds hears `TimeoutError`, which is in CONNECTION_LOST.
    """

    def __init__(
        self,
        held: HeldConnections,
        url: str,
        size: int,
        wake: Wake,
        tell: Tell,
        patience: float = _PATIENCE,
    ) -> None:
        self._held = held
        self._url = url
        self._size = size
        self._wake = wake
        self._tell = tell
        self._patience = patience
        self._engine: AsyncEngine | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        size: int = 8,
        wake: Wake = lambda _: None,
        tell: Tell = lambda: None,
        name: str = "clearpost",
        patience: float = _PATIENCE,
        plans: Mapping[str, str] = MappingProxyType({}),
    ) -> Self:
        """`plans`: how statements are planned; as PostgreSQL thinks best where nothing is said."""
        settings = {**_MAIL_SETTINGS, **plans, "application_name": name}
        held = await HeldConnections.open(
            url,
            size,
            patience,
            timeout=_PATIENCE,
            command_timeout=_COMMAND_TIMEOUT,
            server_settings=settings,
        )
        return cls(held, url, size, wake, tell, patience)

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()
        await self._held.close()

    @asynccontextmanager
    async def transaction(
        self, *, certain: bool = False, tenant: Tenant | None = None
    ) -> AsyncIterator[Transaction]:
        """One transaction, committed at the end of the block; with a `tenant` it sees no other's rows.

        `certain` notes the transaction id inside, and the block says what it `leaves`, so that after a cut
        COMMIT the server can be asked what became of it: committed goes on as if nothing happened, aborted
        raises `Aborted`, and where nobody can tell within a minute `UnknownOutcome` is raised.
        """
        async with self._held.one() as connection:
            tx = Transaction(connection)
            await connection.execute("BEGIN;")
            try:
                if certain:
                    await tx.know()
                if tenant is not None:
                    await tx.execute(_NARROW.format("$1", "$2", "$3"), *_narrowed(tenant))
                yield tx
            except BaseException:
                await _roll_back(connection)
                raise
            try:
                if await connection.execute("COMMIT;") != "COMMIT":
                    raise Aborted  # a statement had failed, and the block went on as if it had not
                cut = False
            except CONNECTION_LOST:
                cut = True
        if cut:
            await self._after_cut_commit(tx)
        if tx.woken:
            self._wake(frozenset(tx.woken))
        if tx.is_told:
            self._tell()

    async def _after_cut_commit(self, tx: Transaction) -> None:
        if tx.trace is None:
            raise Aborted  # the caller did not ask for certainty: treated as not done
        try:
            async with asyncio.timeout(_OUTCOME_DEADLINE):
                committed = await self.outcome_of(tx.trace)
        except TimeoutError:
            raise UnknownOutcome(tx.trace) from None
        if not committed:
            raise Aborted

    async def outcome_of(self, trace: Trace) -> bool:
        """True once that transaction is committed, False once it is aborted; asks until it is one of them."""
        while (committed := await self._was_committed(trace)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        return committed

    async def _was_committed(self, trace: Trace) -> bool | None:
        """None while it is in progress, or the database does not answer."""
        try:
            status = await self.value("select pg_xact_status($1::text::xid8)", trace.xid)
            if status == "committed" and trace.query:
                return bool(await self.value(trace.query, *trace.arguments))
        except CONNECTION_LOST:
            return None
        except asyncpg.InvalidParameterValueError:  # in the future: this database never came that far
            return False
        return {"committed": True, "aborted": False}.get(status)

    async def fetch(self, query: str, *arguments: object) -> Sequence[Any]:
        """Rows of one reading statement, outside of any transaction."""
        async with self._held.one() as connection:
            return await connection.fetch(query, *arguments)  # type: ignore[no-any-return]

    async def row(self, query: str, *arguments: object) -> Any:
        async with self._held.one() as connection:
            return await connection.fetchrow(query, *arguments)

    async def value(self, query: str, *arguments: object) -> Any:
        async with self._held.one() as connection:
            return await connection.fetchval(query, *arguments)

    async def delete_in_batches(self, table: str, rows: str, *arguments: object, batch: int = _BATCH) -> int:
        """Deletes the rows of `table` of which the condition `rows` (SQL of ours) is true; how many.

        So many in a transaction: one statement has 30 s, and what it did not finish by then it did not begin.
        """
        # A ctid may be that of another partition's row, too; that one goes only if it is to go as well.
        chosen = f"select ctid from {table} where {rows} limit {batch}"
        statement = f"delete from {table} where ctid = any(array({chosen})) and ({rows})"
        deleted = 0
        while True:
            async with self.transaction() as tx:
                count = int((await tx.execute(statement, *arguments)).rpartition(" ")[2])
            deleted += count
            if count < batch:
                return deleted

    @asynccontextmanager
    async def session(self, tenant: Tenant | Staff | None = None) -> "AsyncIterator[AsyncSession]":
        """One SQLModel session and transaction, committed at the end of the block; see `transaction`."""
        # Here and not above: the processes on the path of a message never come here, and start a second
        # sooner.
        from sqlalchemy import text
        from sqlmodel.ext.asyncio.session import AsyncSession

        async with AsyncSession(self._open_engine(), expire_on_commit=False) as session:
            if tenant is not None:
                names = ("role", "account", "domains")
                narrow = text(_NARROW.format(*(f":{name}" for name in names)))
                await (await session.connection()).execute(
                    narrow, dict(zip(names, _narrowed(tenant), strict=True))
                )
            yield session
            await session.commit()
            if woken := session.info.get("woken"):
                self._wake(frozenset(woken))
            if session.info.get("is_told"):
                self._tell()

    def _open_engine(self) -> "AsyncEngine":
        from sqlalchemy.ext.asyncio import create_async_engine

        if self._engine is None:
            self._engine = create_async_engine(
                sqlalchemy_url(self._url),
                pool_size=self._size,
                max_overflow=0,
                pool_pre_ping=True,
                hide_parameters=True,  # an error must not carry values
                pool_timeout=self._patience,
                connect_args={"server_settings": _SESSION_SETTINGS, "command_timeout": _COMMAND_TIMEOUT},
            )
        return self._engine


# The role and its settings end with the transaction.
_NARROW = (
    "select set_config('role', {}, true), set_config('clearpost.account', {}, true), "
    "set_config('clearpost.domains', {}, true)"
)


def _narrowed(tenant: Tenant | Staff) -> tuple[str, str, str]:
    if isinstance(tenant, Staff):
        return "clearpost_staff", "", ""
    domains = "" if tenant.domain_ids is None else "{" + ",".join(map(str, sorted(tenant.domain_ids))) + "}"
    role = "clearpost_staff" if isinstance(tenant, Granted) else "clearpost_api"
    return role, str(tenant.account_id), domains


def wake_after_commit(session: "AsyncSession", node_id: UUID, lane: Lane) -> None:
    """The same as `Transaction.wake` for a SQLModel session."""
    session.info.setdefault("woken", set()).add(LaneOfNode(node_id, lane))


def tell_after_commit(session: "AsyncSession") -> None:
    """The same as `Transaction.tell` for a SQLModel session."""
    session.info["is_told"] = True


async def _roll_back(connection: Any) -> None:
    try:
        await connection.execute("ROLLBACK;")
    except (*CONNECTION_LOST, asyncpg.PostgresError):
        return  # the connection is gone, and with it the transaction
