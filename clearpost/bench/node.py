"""One node of ours as it ships, with an account full of aliases. Must never be given a database in use.

Its mx, its worker and upkeep run as in production, beside a Valkey of its own; the PostgreSQL is handed in,
so that others can be measured on the same one. What differs from the defaults stands in `Node._environment`.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from clearpost.bench import account
from clearpost.bench.messages import DEAD_DOMAIN, INBOX_DOMAIN
from clearpost.bench.processes import cpu_seconds
from clearpost.bench.stopwatch import pause
from clearpost.embedded.postgres import EmbeddedPostgres
from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.migrations import upgrade
from clearpost.ports import free_port
from clearpost.process import EmbeddedError, Program, spawn, stop
from mailcore.plans import Lane

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Wish:
    """How this node differs from others; `settings` are added to the environment as they are."""

    name: str
    aliases: int = 10_000
    mx_processes: int = 1
    verdicts: bool = True
    lane: Lane = Lane.FAST
    settings: Mapping[str, str] = field(default_factory=dict)


class Node:
    """Started and stopped as often as wanted; its database, spool and keys stay until `remove`."""

    def __init__(
        self, wish: Wish, home: Path, postgres: EmbeddedPostgres, *, sink_port: int, dns: str
    ) -> None:
        self.wish = wish
        self.home = home
        self.port = free_port()
        self._postgres = postgres
        self._sink_port, self._dns = sink_port, dns
        self._database = f"bench_{wish.name}"
        self._valkey = EmbeddedValkey(home / "valkey", free_port())
        self._runner = asyncio.Runner()
        self._connection: Any = None
        self._processes: dict[str, Any] = {}

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self._postgres.url_of(self._database)

    def prepare(self) -> None:
        """An empty database, migrated and filled; no key or content of an earlier node."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self._runner.run(self._make_database())
        self.ask(account.fill, self.wish.aliases)

    def start(self) -> None:
        """Returns once it greets. Raises EmbeddedError when it does not."""
        if self._processes:
            return
        self._valkey.start()
        for name, arguments in self._commands().items():
            argv = [sys.executable, "-m", "clearpost", *arguments]
            log = self.home / f"{name}.log"
            self._processes[name] = spawn(Program(name, argv, log, self._environment()))
        wait_for_greeting(self.address, f"see {self.home / 'mx.log'}")

    def stop(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            stop(process, signal.SIGTERM, patience=40)
        self._processes = {}
        self._valkey.stop()

    def remove(self) -> None:
        """All of it, the database too."""
        self.stop()
        if self._connection is not None:
            self._runner.run(self._connection.close())
        self._runner.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def pids(self, *names: str) -> list[int]:
        """Of the processes named; of all, Valkey among them, where none is."""
        valkey = {"valkey": self._valkey.process} if self._valkey.process else {}
        running = {**self._processes, **valkey}
        return [process.pid for name, process in running.items() if not names or name in names]

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        return cpu_seconds(self.pids())

    def renew(self) -> None:
        """Before each run: room in the account's quota."""
        self.ask(account.new_day)

    def waiting(self) -> int:
        """Messages not yet gone from the queue."""
        return int(self.ask(account.waiting))

    def ask(self, question: Any, *arguments: Any) -> Any:
        """Runs an async function of `account` on this node's database."""
        if self._connection is None:
            self._connection = self._runner.run(account.connect(self.url))
        return self._runner.run(question(self._connection, *arguments))

    def _commands(self) -> dict[str, tuple[str, ...]]:
        lane = ("--lane", self.wish.lane)
        return {"mx": ("mx", *lane), "worker": ("worker", *lane), "upkeep": ("upkeep",)}

    async def _make_database(self) -> None:
        admin = await asyncpg.connect(self._postgres.admin_url)
        try:
            await admin.execute(f"drop database if exists {self._database} with (force)")
            await admin.execute(f"create database {self._database} owner clearpost")
        finally:
            await admin.close()
        await upgrade(self.url)

    def _environment(self) -> dict[str, str]:
        """Every limit is checked and counted, with room for one client and one sender that send it all."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "CLEARPOST_ENVIRONMENT": "local",
            "CLEARPOST_DATABASE_URL": self.url,
            "CLEARPOST_REDIS_URL": self._valkey.url,
            "CLEARPOST_SPOOL_DIR": str(self.home / "spool"),
            "CLEARPOST_KEY_DIR": str(self.home / "keys"),
            "CLEARPOST_DNS_SERVERS": self._dns,
            "CLEARPOST_ROUTES": f"{INBOX_DOMAIN}=127.0.0.1:{self._sink_port},{DEAD_DOMAIN}=127.0.0.1:1",
            "CLEARPOST_MX_PORT": str(self.port if self.wish.lane is Lane.STANDARD else 0),
            "CLEARPOST_FAST_MX_PORT": str(self.port if self.wish.lane is Lane.FAST else 0),
            "CLEARPOST_MX_PROCESSES": str(self.wish.mx_processes),
            "CLEARPOST_VERDICTS": str(self.wish.verdicts).lower(),
            "CLEARPOST_RATES_EXEMPT": "192.0.2.0/24",
            "CLEARPOST_CLIENT_RATE": "100000000",
            "CLEARPOST_SENDER_RATE": "100000000",
            "CLEARPOST_MAX_CONNECTIONS_PER_IP": "1000",
            **self.wish.settings,
        }


def wait_for_greeting(address: str, otherwise: str) -> None:
    """Until something answers 220 there. Raises EmbeddedError that ends with `otherwise`."""
    host, _, port = address.rpartition(":")
    for _ in range(int(_START_SECONDS / 0.1)):
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as connection:
            if connection.recv(512).startswith(b"220"):
                connection.sendall(b"QUIT\r\n")
                connection.recv(512)
                return
        pause(0.1)
    raise EmbeddedError(f"nothing greets on {address}: {otherwise}")
