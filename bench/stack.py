"""The stack that a user would build instead: Postfix, PostgreSQL maps, postsrsd, opendkim, opendmarc.

Its work is the same as ours: durable accept, alias from PostgreSQL, SRS, a signature, forward, delete. Must
be tuned as its users tune it, and never be held back: no limit on clients, no DNS on the way out, no TLS.
"""

import asyncio
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Final

import asyncpg
import psutil

from bench.ground import DNS, Ground, pem, write
from clearpost.bench.node import wait_for_greeting
from clearpost.bench.processes import cpu_seconds
from clearpost.bench.stopwatch import pause
from clearpost.ports import free_port
from clearpost.process import EmbeddedError

_QUEUES: Final = ("incoming", "active", "maildrop", "deferred")
_TABLES: Final = """
create table domains (id serial primary key, name text unique not null, active bool default true);
create table aliases (id bigserial primary key, domain_id int references domains, destination text not null,
                      address text unique not null, active bool default true);
"""
_DOMAINS: Final = """
insert into domains (name)
select 'fwd.test' union all select 'd' || i || '.test' from generate_series(1, $1) i
"""
_ALIASES: Final = """
insert into aliases (domain_id, address, destination)
select d.id, i || 'alias@fwd.test', 'u' || i || '@dst.test' from domains d, generate_series(0, $1) i
where d.name = 'fwd.test'
"""


class Stack:
    """One installation. `verdicts`: opendkim also verifies, and opendmarc asks SPF and DMARC."""

    def __init__(self, ground: Ground, name: str, *, aliases: int = 10_000, verdicts: bool = False) -> None:
        self.name = name
        self.port = free_port()
        self._ground = ground
        self._home = ground.home / name
        self._aliases, self._verdicts = aliases, verdicts
        self._running: list[int] = []
        self._master: list[psutil.Process] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Database, keys and configuration."""
        asyncio.run(self._make_database())
        ports = {"port": self.port, "srs_port": free_port(), "back_port": free_port()}
        values = {
            "home": str(self._home),
            "sink_port": str(self._ground.sink_port),
            "database": self._ground.postgres.url_of(f"bench_{self.name}"),
            "dbname": f"bench_{self.name}",
            "dns": DNS,
            "milters": ", ".join(f"unix:{self._home}/milters/{name}" for name in self._milters()),
            **{name: str(port) for name, port in ports.items()},
        }
        self._ports = ports
        for name in ("main.cf", "master.cf", "aliases.cf", "domains.cf"):
            write(name, self._home / "etc" / name, values)
        for name in self._milters().values():
            write(name, self._home / name, values)
        (self._home / "resolv.conf").write_text(f"nameserver {DNS}\n")
        self._make_folders()

    def start(self) -> None:
        """Returns once it greets. Raises EmbeddedError when it does not."""
        if self._running:
            return
        spawn, home = self._ground.spawn, self._home
        self._running.append(spawn(f"{self.name}-postsrsd", self._postsrsd()))
        for name, file in self._milters().items():
            path = home / "milters" / name
            path.unlink(missing_ok=True)
            argv = self._opendmarc(home / file) if name == "dmarc" else _opendkim(home / file)
            self._running.append(spawn(f"{self.name}-{name}", argv))
            _wait_for_socket(path)
        self._start_postfix()
        wait_for_greeting(self.address, f"see {home / 'mail.log'}")

    def stop(self) -> None:
        for process in self._master:
            process.terminate()
            psutil.wait_procs([process], timeout=20)
        for pid in reversed(self._running):
            self._ground.end(pid)
        self._running, self._master = [], []

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def cpu(self) -> float:
        """Seconds of CPU so far, of all its processes."""
        return cpu_seconds([*self._running, *(process.pid for process in self._master)])

    def renew(self) -> None:
        """Nothing of it runs out."""

    def waiting(self) -> int:
        """Queue files not yet gone."""
        spool = self._home / "spool"
        return sum(path.is_file() for queue in _QUEUES for path in (spool / queue).rglob("*"))

    def _milters(self) -> dict[str, str]:
        """Socket -> configuration, in the order in which Postfix asks them."""
        judges = {"verify": "verify.conf", "dmarc": "dmarc.conf"} if self._verdicts else {}
        return {**judges, "sign": "sign.conf"}

    def _postsrsd(self) -> list[str]:
        """The sender's address becomes one of ours, and a bounce finds the way back."""
        ports = ["-f", str(self._ports["srs_port"]), "-r", str(self._ports["back_port"]), "-l", "127.0.0.1"]
        secret = ["-s", str(self._home / "srs.secret"), "-a", "=", "-n", "4", "-N", "4"]
        return ["/usr/sbin/postsrsd", *ports, "-d", "fwd.test", *secret, "-u", "postsrsd"]

    def _opendmarc(self, file: Path) -> list[str]:
        """It asks whoever /etc/resolv.conf names and nobody else: so it sees another one."""
        mount = f"mount --bind {self._home}/resolv.conf /etc/resolv.conf"
        return ["/usr/bin/unshare", "-m", "sh", "-c", f"{mount} && exec /usr/sbin/opendmarc -f -c {file}"]

    def _start_postfix(self) -> None:
        """Its master leads a session of its own, so it can be no child of ours."""
        with (self._home / "start.log").open("wb") as log:
            command = ["/usr/sbin/postfix", "-c", str(self._home / "etc"), "start"]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
        try:
            pid = int((self._home / "spool" / "pid" / "master.pid").read_text())
        except OSError:
            raise EmbeddedError(f"Postfix did not start: see {self._home / 'start.log'}") from None
        self._ground.remember(f"{self.name}-postfix", pid)
        self._master = [psutil.Process(pid)]

    def _make_folders(self) -> None:
        home, etc = self._home, self._home / "etc"
        home.chmod(0o755)
        for name, owner in (("spool", "root"), ("data", "postfix"), ("milters", "opendkim")):
            (home / name).mkdir(mode=0o755)
            shutil.chown(home / name, owner)
        (home / "milters").chmod(0o777)
        (home / "srs.secret").write_text(secrets.token_urlsafe(18) + "\n")
        self._write_for_opendkim("key.pem", pem(self._ground.our_key))
        self._write_for_opendkim("keytable", f"k1 fwd.test:s1:{home}/milters/key.pem\n".encode())
        self._write_for_opendkim("signing", b"* k1\n")
        self._write_for_opendkim("nobody", b"192.0.2.1\n")
        sender = self._ground.sender_key
        self._write_for_opendkim("records", f"{sender.record_name} {sender.record}\n".encode())
        (home / "milters" / "nobody").chmod(0o644)
        for name in ("dynamicmaps.cf", "postfix-files"):
            shutil.copy(Path("/etc/postfix") / name, etc / name)
        shutil.copytree("/etc/postfix/dynamicmaps.cf.d", etc / "dynamicmaps.cf.d", dirs_exist_ok=True)

    def _write_for_opendkim(self, name: str, content: bytes) -> None:
        path = self._home / "milters" / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        shutil.chown(path, "opendkim")

    async def _make_database(self) -> None:
        postgres, name = self._ground.postgres, f"bench_{self.name}"
        admin = await asyncpg.connect(postgres.admin_url)
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.execute(f"create database {name} owner clearpost")
        await admin.close()
        connection = await asyncpg.connect(postgres.url_of(name))
        await connection.execute(_TABLES)
        await connection.execute(_DOMAINS, max(1, self._aliases // 20))
        await connection.execute(_ALIASES, self._aliases)
        await connection.execute("vacuum analyze")
        await connection.close()


def _opendkim(file: Path) -> list[str]:
    return ["/usr/sbin/opendkim", "-f", "-x", str(file)]


def _wait_for_socket(path: Path) -> None:
    for _ in range(100):
        if path.is_socket():
            return
        pause(0.1)
    raise EmbeddedError(f"nothing listens on {path}")
