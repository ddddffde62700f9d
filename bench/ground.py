"""What both sides stand on: one PostgreSQL, one resolver, one folder. Must leave nothing running behind.

The folder can be entered by everybody, as the stack's processes run as several users. It is on the disk where
the embedded PostgreSQL keeps a root's data, so that all syncs meet the same one.
"""

import contextlib
import os
import shutil
import signal
import string
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clearpost.bench.stopwatch import pause
from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.ports import free_port, is_taken
from clearpost.process import EmbeddedError, Program, spawn, stop
from clearpost.run_state import RunState, stop_leftovers
from mailcore.authenticity.signing_keys import SigningKey

HOME: Final = Path(os.environ.get("BENCH_DIR", "/var/lib/clearpost-bench"))
TEMPLATES: Final = Path(__file__).parent / "stack"
DNS: Final = "127.88.0.1"  # on port 53, as opendmarc asks no other
_STRING_OCTETS: Final = 255  # RFC 1035 section 3.3.14


class Ground:
    """Handed to all sides. `spawn` starts daemons that stay in the foreground, `end` ends one."""

    def __init__(self, home: Path, state: RunState) -> None:
        self.home = home
        self.postgres = EmbeddedPostgres(home / "postgres", free_port())
        self.sink_port = free_port()
        self.sender_key = new_key("src.test")
        self.our_key = new_key("fwd.test")
        self._state = state
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def dns(self) -> str:
        """As our setting wants it."""
        return f"{DNS}:53"

    @property
    def postgres_pids(self) -> list[int]:
        return [self.postgres.process.pid] if self.postgres.process else []

    def start(self) -> None:
        self.postgres.start()
        self._state.add("postgres", self.postgres_pids[0], signal.SIGINT)
        self._start_resolver()

    def close(self) -> None:
        for pid in list(self._running):
            self.end(pid)
        self.postgres.stop()

    def spawn(self, name: str, argv: Sequence[str]) -> int:
        """Its pid. It is asked to end when we die, and by the next bench if that did not reach it."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        log = self.home / f"{name}.log"
        process = spawn(Program(name, argv, log, env, death_signal=signal.SIGTERM))
        self._state.add(name, process.pid, signal.SIGTERM)
        self._running[process.pid] = process
        return process.pid

    def end(self, pid: int) -> None:
        stop(self._running.pop(pid), signal.SIGTERM)

    def remember(self, name: str, pid: int) -> None:
        """One that went into the background by itself: the next bench ends it, should we be killed."""
        self._state.add(name, pid, signal.SIGTERM)

    def _start_resolver(self) -> None:
        """Holds the sender's records and the reverse name of loopback; asks nobody."""
        home = self.home / "resolver"
        home.mkdir()
        records = {
            "src.test": "v=spf1 ip4:127.0.0.1 -all",
            "_dmarc.src.test": "v=DMARC1; p=reject",
            self.sender_key.record_name: self.sender_key.record,
            self.our_key.record_name: self.our_key.record,
        }
        lines = [f"local-data: '{name}. 3600 IN TXT {_strings(text)}'" for name, text in records.items()]
        lines += ["local-data: '1.0.0.127.in-addr.arpa. 3600 IN PTR localhost.'"]
        lines += ["local-data: 'localhost. 3600 IN A 127.0.0.1'"]
        (home / "records.conf").write_text("\n".join(lines) + "\n")
        write("unbound.conf", home / "unbound.conf", {"home": str(home), "dns": DNS})
        self.spawn("unbound", ["/usr/sbin/unbound", "-d", "-c", str(home / "unbound.conf")])
        for _ in range(100):
            if is_taken(53, DNS):
                return
            pause(0.05)
        raise EmbeddedError(f"unbound does not listen on {self.dns}: is another resolver there?")


@contextlib.contextmanager
def open_ground() -> Iterator[Ground]:
    """A fresh one. Raises AlreadyRunningError where another bench runs on this machine."""
    HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    state = RunState(HOME, "a bench")
    stop_leftovers(state.take())
    home = HOME / "run"
    remove(home / "postgres")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    ground = Ground(home, state)
    try:
        ground.start()
        yield ground
    finally:
        ground.close()
        remove(home / "postgres")
        shutil.rmtree(home, ignore_errors=True)
        state.release()


def new_key(domain: str) -> SigningKey:
    return SigningKey(domain, "s1", generate_private_key(65537, 2048))


def pem(key: SigningKey) -> bytes:
    """PKCS#1, which opendkim reads too."""
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def write(template: str, path: Path, values: Mapping[str, str]) -> None:
    """A file of stack/ with its `$names` filled in; other dollar signs stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(string.Template((TEMPLATES / template).read_text()).safe_substitute(values))


def _strings(text: str) -> str:
    """As a zone file has a long text: quoted pieces."""
    pieces = [text[at : at + _STRING_OCTETS] for at in range(0, len(text), _STRING_OCTETS)]
    return " ".join(f'"{piece}"' for piece in pieces)
