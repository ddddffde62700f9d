"""Several mx processes on one port: all ready, one that dies comes back, all end together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.services import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fleet(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    readable, writable = os.pipe()
    environment = os.environ | {
        "CLEARPOST_DATABASE_URL": database_url,
        "CLEARPOST_REDIS_URL": redis_url,
        "CLEARPOST_SPOOL_DIR": str(tmp_path / "spool"),
        "CLEARPOST_KEY_DIR": str(tmp_path / "keys"),
        "CLEARPOST_MX_PORT": str(port),
        "CLEARPOST_MX_PROCESSES": "2",
        "CLEARPOST_READY_FD": str(writable),
    }
    command = [sys.executable, "-m", "clearpost", "mx"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, pass_fds=(writable,), stderr=subprocess.DEVNULL
    )
    os.close(writable)
    with open(readable, "rb") as pipe:
        assert pipe.read() == b"ready\n"
    yield process, port
    process.kill()
    process.wait()


def test_a_fleet_serves_restarts_and_ends_together(fleet: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = fleet
    children = psutil.Process(process.pid).children()
    assert len(children) == 2
    assert _greeting(port).startswith(b"220 ")
    children[0].kill()
    gone, _ = psutil.wait_procs([children[0]], timeout=10)
    assert gone
    _wait_for_two(process.pid, but=children[0].pid)
    assert _greeting(port).startswith(b"220 ")
    everyone = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=40) == 0
    assert psutil.wait_procs(everyone, timeout=1)[1] == []


def _wait_for_two(parent: int, *, but: int) -> None:
    """Until the replacement listens: the fleet starts it after a pause of a second."""
    while True:
        alive = [child.pid for child in psutil.Process(parent).children() if child.pid != but]
        if len(alive) == 2:
            return
        time.sleep(0.05)


def _greeting(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        return connection.recv(100)
