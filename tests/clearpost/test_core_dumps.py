"""No core dump of us, of what we start, or of the embedded servers; and the doctor sees one that could be."""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from redis import Redis

from clearpost import core_dumps
from clearpost.checks import quiet
from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.process import Program, spawn, stop
from tests.support.installation import settings_for
from tests.support.services import ROOT, TestPostgres

LIMITS = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
LOWER = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
TURN_OFF = "from clearpost import core_dumps; core_dumps.turn_off(); "


def nothing() -> str:
    """What is said of a limit that was turned off; a lower one of this shell's stays."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = core_dumps.NOTHING if hard == resource.RLIM_INFINITY else min(core_dumps.NOTHING, hard)
    return f"({most}, {most})"


def test_whatever_we_start_may_leave_none(tmp_path: Path) -> None:
    log = tmp_path / "log"
    spawn(Program("child", (sys.executable, "-c", LIMITS), log)).wait(10)
    assert log.read_text().strip() == nothing()


def test_a_command_of_ours_may_leave_none() -> None:
    asked = (
        "from clearpost.cli import app; app(['queue', 'show', '--help'], standalone_mode=False); " + LIMITS
    )
    said = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == nothing()


def test_embedded_servers_may_leave_none(postgres: TestPostgres, valkey: EmbeddedValkey) -> None:
    assert postgres.server.process is not None
    assert valkey.process is not None
    assert core_dumps.is_off(postgres.server.process.pid)
    assert core_dumps.is_off(valkey.process.pid)


def test_a_limit_that_is_lower_already_stays() -> None:
    asked = LOWER + TURN_OFF + LIMITS
    said = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "(0, 0)"


def test_a_process_that_is_not_there_is_none() -> None:
    assert core_dumps.is_off(2**22 + 1) is None


def may_dump() -> bool:
    """Whether this shell may leave core dumps at all, and so what it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    return hard == resource.RLIM_INFINITY or hard > core_dumps.NOTHING


@contextmanager
def one_that_may_dump(name: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A process by that name whose limit is higher, as far as ours may go."""
    size = 4096 if may_dump() else 0
    program = [name, "-c", "import sys; sys.stdin.read()"]
    process = subprocess.Popen(
        program, executable=sys.executable, stdin=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (size, size)),
    )  # fmt: skip
    try:
        yield process
    finally:
        stop(process, signal.SIGKILL)
        assert process.stdin is not None
        process.stdin.close()


async def test_the_doctor_warns_of_a_process_that_could(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, database_url=SecretStr(database_url), redis_url=SecretStr(redis_url))
    with one_that_may_dump("clearpost") as process:
        told = [each for each in await quiet.dumps(settings) if f"process {process.pid}" in each.what]
    assert [(each.state, "LimitCORE=1" in each.mend) for each in told] == [("warn", True)] * may_dump()


async def test_the_doctor_finds_the_servers_beside_us(
    database_url: str, redis_url: str, postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, database_url=SecretStr(database_url), redis_url=SecretStr(redis_url))
    assert valkey.process is not None
    assert await quiet._redis(settings) == valkey.process.pid
    assert postgres.server.process is not None
    assert await quiet._postgres(settings) == postgres.server.process.pid
    with Redis.from_url(redis_url) as client:
        assert client.ping()
