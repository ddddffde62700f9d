"""Takes connections from a listening socket: each becomes a session, or hears 421 at once.

The event loop's own way would close the socket for good after one failed accept(). Must never stop
listening, spin, or spend on a client that is refused anyway more than the one line that says so.
"""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

import structlog

from mailcore import metrics, replies
from mailcore.replies import Reply

log = structlog.get_logger("doorway")

_AT_ONCE = 100
_REST = 0.25
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# Files besides clients: spool, database, DNS, and the connections of first attempts with those kept idle.
_OTHER_FILES = 500


class Doorway:
    """One listening socket. `refuse` says why the client of this socket name may not come in just now."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        refuse: Callable[[Any], Reply | None],
        session: Callable[[], asyncio.Protocol],
    ) -> None:
        self._listener = listener
        self._refuse = refuse
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._spare = _spare_file()
        self._starting: set[asyncio.Task[object]] = set()
        self._resume: asyncio.TimerHandle | None = None

    def open(self, backlog: int) -> None:
        """A reply is one write and goes out at once: connections inherit that from the listening socket."""
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener.listen(backlog)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Nobody comes in any more; who is in, stays."""
        if self._resume:
            self._resume.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def _accept(self) -> None:
        """As many as wait, but no more than others can bear to wait for."""
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._out_of_files()
                    return
                continue  # that client is gone already (accept(2) lists a dozen errors that mean this)
            self._admit(connection, peer)

    def _admit(self, connection: socket.socket, peer: Any) -> None:
        connection.setblocking(False)
        if refusal := self._refuse(peer):
            _send_away(connection, refusal)
            return
        task = self._loop.create_task(self._start(connection))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._session, connection)
        except OSError:
            connection.close()

    def _out_of_files(self) -> None:
        """Those who wait are told, one after the other in place of the spare file; then comes a rest."""
        log.warning("out_of_files")
        if self._spare is not None:
            os.close(self._spare)
            for _ in range(_AT_ONCE):
                try:
                    connection, _ = self._listener.accept()
                except OSError:
                    break
                _send_away(connection, replies.TOO_MANY_CONNECTIONS)
        self._spare = _spare_file()
        self._loop.remove_reader(self._listener)
        self._resume = self._loop.call_later(_REST, self._go_on)

    def _go_on(self) -> None:
        self._spare = _spare_file() if self._spare is None else self._spare
        self._loop.add_reader(self._listener, self._accept)


def most_connections(wanted: int) -> int:
    """So many as the limit of open files leaves room for, after raising it as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return wanted
    most = min(wanted, max(hard - _OTHER_FILES, hard // 2))
    if most < wanted:
        log.warning("fewer_connections_than_set", most=most, wanted=wanted, open_files=hard)
    return most


def _spare_file() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _send_away(connection: socket.socket, refusal: Reply) -> None:
    """A line always fits into the buffer of a fresh connection; whether it is read is not our concern."""
    metrics.REFUSED.labels(refusal.enhanced).inc()
    try:
        connection.send(refusal.line().encode() + b"\r\n")
    except OSError:
        pass
    finally:
        connection.close()
