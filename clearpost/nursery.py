"""Fork Python processes from one that has imported everything: ready in milliseconds, most memory shared.

The nursery is a child made before any event loop or thread exists. Its children die with it, and it dies with
us. Must never run anything itself, and never fork while threads run.
"""

import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

from clearpost.process import PR_SET_PDEATHSIG, Program, open_log, spawn
from clearpost.readiness import READY_FD
from mailcore.logs import where

_libc = ctypes.CDLL(None, use_errno=True)
_LARGEST = 1 << 17


class ForkedChild:
    """A process the nursery made, with the face of `subprocess.Popen`."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        self._nursery.listen()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """Our end. One message asks for a child and is answered with its pid; others tell that one has ended."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._children: dict[int, ForkedChild] = {}
        self.is_gone = False

    @classmethod
    def start(cls) -> "Nursery":
        """Fork the nursery. Call it from the main thread, when all imports are done and no loop runs yet."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sys.stdout.flush()
        parent = os.getpid()
        gc.freeze()
        if os.fork() == 0:
            ours.close()
            _die_with(parent, signal.SIGTERM)
            os.setpgid(0, 0)
            _serve(theirs)
        theirs.close()
        return cls(ours)

    def fileno(self) -> int:
        """Readable when there is something to `listen` to."""
        return self._connection.fileno()

    def spawn(self, program: Program) -> Any:
        """A child that runs the module of `argv` (python -m module ...). Without a nursery: the slow way."""
        self.listen()
        if self.is_gone:
            return spawn(program)
        request = {"argv": list(program.argv), "env": dict(program.env), "signal": int(program.death_signal)}
        with open_log(program.log) as log:
            fds = [log.fileno(), *program.pass_fds]
            with suppress(BrokenPipeError):  # the answer says so
                socket.send_fds(self._connection, [json.dumps(request).encode()], fds)
        while "pid" not in (message := self._receive()):
            if not message:
                return spawn(program)
        child = ForkedChild(self, int(message["pid"]))
        self._children[child.pid] = child
        return child

    def listen(self) -> None:
        """Take in who has ended, without waiting."""
        while not self.is_gone and select.select([self._connection], [], [], 0)[0]:
            self._receive()

    def close(self) -> None:
        """Let it go; what it made must have ended before."""
        self._connection.close()
        self.is_gone = True

    def _receive(self) -> dict[str, int]:
        """One message; empty when the nursery is gone, and all its children with it."""
        data = self._connection.recv(_LARGEST)
        if not data:
            self.is_gone = True
            for child in self._children.values():
                child.returncode = -signal.SIGTERM
            return {}
        message: dict[str, int] = json.loads(data)
        if message.get("ended") in self._children:
            self._children.pop(message["ended"]).returncode = message["code"]
        return message


def _serve(connection: socket.socket) -> NoReturn:
    """The nursery's life: fork on request, tell of ends, leave when nobody listens any more."""
    waker, wakeup = socket.socketpair()
    for end in (waker, wakeup):
        end.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        readable, _, _ = select.select([connection, waker], [], [])
        if waker in readable:
            waker.recv(4096)
            _tell_ends(connection)
        if connection in readable:
            data, fds, _, _ = socket.recv_fds(connection, _LARGEST, 8)
            if not data:
                os._exit(0)
            _answer(connection, json.loads(data), fds)


def _answer(connection: socket.socket, request: dict[str, Any], fds: list[int]) -> None:
    nursery = os.getpid()
    pid = os.fork()
    if pid == 0:
        _die_with(nursery, signal.Signals(request["signal"]))
        _become(request, fds)
    for fd in fds:
        os.close(fd)
    connection.send(json.dumps({"pid": pid}).encode())


def _tell_ends(connection: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        connection.send(json.dumps({"ended": pid, "code": code}).encode())


def _become(request: dict[str, Any], fds: list[int]) -> NoReturn:
    """In the child: take the place of `python -m module ...` and end as it would."""
    code = 1
    try:
        _settle_in(request, fds)
        runpy.run_module(request["argv"][2], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException as error:  # noqa: BLE001 - nothing may return into the nursery, no value into a log
        print(f"{type(error).__name__} at {where(error)}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _settle_in(request: dict[str, Any], fds: list[int]) -> None:
    """Its own group, signals, output, environment and arguments; nothing of the nursery's stays open."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log, *ready = fds
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    keep = {0, 1, 2, *ready}
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:  # noqa: PTH208 - numbers, not paths
        if fd not in keep:
            _close(fd)
    os.environ.clear()
    os.environ.update(request["env"])
    if ready:
        os.environ[READY_FD] = str(ready[0])
    sys.argv = [request["argv"][2], *request["argv"][3:]]


def _close(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:  # the listing's own
        return


def _die_with(parent: int, number: signal.Signals) -> None:
    _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
