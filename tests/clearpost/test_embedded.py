"""Embedded Postgres and Valkey: private, quiet about content, and able to follow a killed predecessor."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.ports import free_port
from clearpost.process import EmbeddedError
from tests.support.services import ROOT, TestPostgres


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", free_port(), fsync=False)
    yield server
    server.stop()
    remove(server.home)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "val key", free_port())
    yield server
    server.stop()


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_owner_has_a_utf8_database_and_no_power_beyond_it(postgres: TestPostgres) -> None:
    cluster = postgres.server
    assert await ask(cluster.url, "select current_database() || current_user") == "clearpostclearpost"
    assert await ask(cluster.url, "show server_encoding") == "UTF8"
    assert await ask(cluster.url, "select rolsuper from pg_roles where rolname = current_user") is False
    assert await ask(cluster.admin_url, "select rolsuper from pg_roles where rolname = current_user") is True


async def test_a_wrong_password_is_refused(postgres: TestPostgres) -> None:
    cluster = postgres.server
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://clearpost:guess@127.0.0.1:{cluster.port}/clearpost")


async def test_a_failed_insert_leaves_no_text_in_the_server_log(postgres: TestPostgres) -> None:
    cluster = postgres.server
    connection = await asyncpg.connect(cluster.url)
    await connection.execute("create table note (subject text check (length(subject) < 3))")
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("insert into note values ($1)", "a very private subject")
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await connection.execute("selec 'another private subject'")
    await connection.close()
    log = cluster.log.read_text()
    assert "violates check constraint" in log
    assert "private" not in log


async def test_files_are_private_and_there_is_no_socket_file(postgres: TestPostgres) -> None:
    cluster = postgres.server
    home = cluster.home.resolve()
    assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
    for secret in home.glob("*.password"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert await ask(cluster.admin_url, "show unix_socket_directories") == ""
    listening = psutil.Process(cluster.process.pid if cluster.process else 0).net_connections("inet")
    assert {connection.laddr.ip for connection in listening if connection.status == "LISTEN"} == {"127.0.0.1"}


async def test_data_survives_a_restart(cluster: EmbeddedPostgres) -> None:
    cluster.start()
    await ask(cluster.url, "create table kept ()")
    cluster.stop()
    cluster.start()
    assert await ask(cluster.url, "select to_regclass('kept')::text") == "kept"


def test_a_second_launcher_is_refused_while_the_first_lives(cluster: EmbeddedPostgres) -> None:
    cluster.start()
    with pytest.raises(EmbeddedError, match="another process runs the database"):
        EmbeddedPostgres(cluster.home, free_port()).start()


def test_a_port_in_use_is_one_clear_line(cluster: EmbeddedPostgres, cache: EmbeddedValkey) -> None:
    cache.start()
    cluster.port = cache.port
    with pytest.raises(EmbeddedError, match=f"did not start on 127.0.0.1:{cache.port}: read "):
        cluster.start()


async def test_an_orphaned_postgres_is_stopped_and_its_data_taken_over(cluster: EmbeddedPostgres) -> None:
    cluster.start()
    await ask(cluster.url, "create table kept ()")
    orphan = cluster.process
    assert orphan is not None
    cluster.process = None  # as after a kill of the launcher, had the death signal been lost
    cluster.release()
    heir = EmbeddedPostgres(cluster.home, free_port(), fsync=False)
    heir.start()
    try:
        assert orphan.wait(5) == 0
        assert await ask(heir.url, "select to_regclass('kept')::text") == "kept"
    finally:
        heir.stop()


async def test_a_postgres_killed_hard_recovers(cluster: EmbeddedPostgres) -> None:
    cluster.start()
    await ask(cluster.url, "create table kept ()")
    assert cluster.process is not None
    cluster.process.kill()
    cluster.process.wait()
    cluster.release()
    _start_until_the_old_backends_are_gone(cluster)
    assert await ask(cluster.url, "select to_regclass('kept')::text") == "kept"


def _start_until_the_old_backends_are_gone(cluster: EmbeddedPostgres) -> None:
    for _ in range(20):
        try:
            return cluster.start()
        except EmbeddedError:
            continue
    raise AssertionError("it never came back")


def test_both_servers_end_with_their_launcher(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from clearpost.embedded.postgres import EmbeddedPostgres
from clearpost.embedded.valkey import EmbeddedValkey
postgres = EmbeddedPostgres(Path({str(tmp_path / "postgres")!r}), {free_port()}, fsync=False)
valkey = EmbeddedValkey(Path({str(tmp_path / "valkey")!r}), {free_port()})
postgres.start(), valkey.start()
print(postgres.process.pid, valkey.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    servers = []
    for pid in result.stdout.split():
        try:
            servers.append(psutil.Process(int(pid)))
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(servers, timeout=10)
    remove(tmp_path / "postgres")
    assert result.returncode == -signal.SIGKILL
    assert not alive


def test_valkey_asks_for_its_password_and_never_evicts(cache: EmbeddedValkey) -> None:
    cache.start()
    with (
        redis.Redis(port=cache.port) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    with redis.Redis.from_url(cache.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("save") == {"save": ""}


def test_valkey_with_damaged_data_starts_empty(cache: EmbeddedValkey) -> None:
    cache.start()
    cache.stop()
    for file in (cache.home / "appendonlydir").iterdir():
        file.write_bytes(b"\x00garbage\r\n")
    cache.start()
    with redis.Redis.from_url(cache.url) as client:
        assert client.dbsize() == 0


def test_an_orphaned_valkey_is_stopped(cache: EmbeddedValkey) -> None:
    cache.start()
    orphan = cache.process
    assert orphan is not None
    cache.start()
    assert orphan.wait(5) == 0
    assert cache.process is not None
    assert psutil.pid_exists(cache.process.pid)


def test_a_cluster_that_lost_its_folder_starts_anew(cluster: EmbeddedPostgres) -> None:
    """As root the data lies elsewhere, behind a link: without the link it must not come back."""
    cluster.start()
    place, first = cluster.home.resolve(), cluster.url
    cluster.stop()
    if cluster.home.is_symlink():
        assert os.geteuid() == 0
        cluster.home.unlink()
    else:
        remove(cluster.home)
    cluster.start()
    assert cluster.home.resolve() == place
    assert cluster.url != first
