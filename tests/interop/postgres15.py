"""A cluster of Debian's PostgreSQL 15, made for a test. Must never touch the system's own cluster."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from clearpost.embedded.postgres import NARROW_ROLES
from clearpost.ports import free_port
from clearpost.process import Program, spawn, stop
from tests.support.stack import until

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}


@asynccontextmanager
async def external_database() -> AsyncIterator[str]:
    """An empty database on 127.0.0.1, owned by a role that may do nothing else: its URL."""
    password = secrets.token_hex(16)
    folder = Path(tempfile.mkdtemp(prefix="clearpost-postgres15-"))
    try:
        async with _server(folder, password) as admin_url:
            connection = await asyncpg.connect(admin_url)
            await connection.execute(f"create role clearpost login password '{password}'")
            for role in NARROW_ROLES:
                await connection.execute(f"create role {role} nologin")
                await connection.execute(f"grant {role} to clearpost")
            await connection.execute("create database clearpost owner clearpost")
            await connection.close()
            yield admin_url.replace("postgres:", "clearpost:", 1).removesuffix("/postgres") + "/clearpost"
    finally:
        shutil.rmtree(folder)


@asynccontextmanager
async def _server(folder: Path, password: str) -> AsyncIterator[str]:
    """Postgres refuses to run as root: then it runs as `nobody`."""
    port, user = free_port(), pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    uid, gid = (user.pw_uid, user.pw_gid) if user else (None, None)
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    await asyncio.to_thread(_make_cluster, folder, password, uid, gid)
    flags = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
    settings = [word for name, value in flags.items() for word in ("-c", f"{name}={value}")]
    argv = (str(_PROGRAMS / "postgres"), "-D", str(folder / "data"), *settings)
    log = folder / "server.log"
    server = spawn(
        Program("postgres", argv, log, _ENVIRONMENT, uid, gid, signal.SIGINT, death_signal=signal.SIGINT)
    )
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    try:
        await until(lambda: _answers(url))
        yield url
    finally:
        await asyncio.to_thread(stop, server, signal.SIGINT)


def _make_cluster(folder: Path, password: str, user: int | None, group: int | None) -> None:
    """The password lies in the folder, which only that user and root may enter, and goes with it."""
    secret = folder / "password"
    secret.write_text(f"{password}\n", encoding="ascii")
    argv = [
        str(_PROGRAMS / "initdb"),
        "-D",
        str(folder / "data"),
        "--username=postgres",
        f"--pwfile={secret}",
    ]
    subprocess.run(
        [*argv, "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"],
        env=_ENVIRONMENT,
        cwd=folder,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        stdout=subprocess.DEVNULL,
        check=True,
    )


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    await connection.close()
    return True
