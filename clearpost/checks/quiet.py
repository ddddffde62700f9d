"""Who might write down what passes: the database server's log, core dumps. Must never change either."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import psutil
import redis.asyncio as redis
from redis.exceptions import RedisError

from clearpost import core_dumps
from clearpost.checks.finding import Finding, ok, warn
from mailcore.database import Database
from mailcore.settings import Settings

_SECONDS: Final = 5.0
# A failed INSERT would print its row, and with it what the row says of somebody. The first value is advised.
_MUST: Final[Mapping[str, Collection[str]]] = {
    "log_error_verbosity": ("terse",),
    "log_min_error_statement": ("panic", "fatal"),
    "log_parameter_max_length_on_error": ("0",),
    "debug_print_parse": ("off",),
    "debug_print_rewritten": ("off",),
    "debug_print_plan": ("off",),
    # Of extensions, where they are loaded: a plan shows the values it was made for.
    "auto_explain.log_min_duration": ("-1", ""),
    "pgaudit.log": ("none", ""),
}
# Statements of ours hold no values, their parameters do: these say nothing where parameters are cut to 0.
_STATEMENTS: Final[Mapping[str, Collection[str]]] = {
    "log_statement": ("none", "ddl"),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
    "log_transaction_sample_rate": ("0",),
}
_PARAMETERS: Final = "log_parameter_max_length"
_ASK: Final = (
    "select name, coalesce(current_setting(name, true), '') as value from unnest($1::text[]) as name"
)
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost", ""}


async def server_log(database: Database) -> Finding:
    """Whether the server's log may show what a statement of ours carried."""
    rows = await database.fetch(_ASK, [*_MUST, *_STATEMENTS, _PARAMETERS])
    found = {row["name"]: row["value"] for row in rows}
    wanted = _MUST if found[_PARAMETERS] == "0" else {**_MUST, **_STATEMENTS}
    loud = [name for name, allowed in wanted.items() if found[name] not in allowed]
    if loud:
        mend = "set " + ", ".join(f"{name}={next(iter(wanted[name]))}" for name in loud)
        return warn(
            "privacy", f"the server's log may show rows of failed statements ({', '.join(loud)})", mend
        )
    return ok("privacy", "the server's log shows no rows of failed statements")


async def dumps(settings: Settings) -> list[Finding]:
    """Whether processes of ours on this machine, and servers that run beside them, may leave a core dump."""
    servers = await asyncio.gather(_postgres(settings), _redis(settings))
    pids = {name: pid for name, pid in zip(("PostgreSQL", "Redis"), servers, strict=True) if pid}
    pids |= await asyncio.to_thread(lambda: dict(_ours()))
    loud = sorted(name for name, pid in pids.items() if core_dumps.is_off(pid) is False)
    if loud:
        what = f"may leave core dumps, which hold mail and keys: {', '.join(loud)}"
        return [warn("privacy", what, "set LimitCORE=1 in the unit (ulimit -c 0 elsewhere), and restart")]
    return [ok("privacy", "no process of ours here, and no server beside it, leaves a core dump")]


def _ours() -> Iterator[tuple[str, int]]:
    """Whatever runs as `clearpost ...`, by name and number."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(Path(word).name == "clearpost" for word in words[:4]):
            yield f"process {process.pid}", process.pid


async def _postgres(settings: Settings) -> int | None:
    """Its number, where the server runs on this machine."""
    url = settings.database_url.get_secret_value()
    try:
        if not _is_here(url):
            return None
        connection = await asyncpg.connect(url, timeout=_SECONDS)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None  # another check says so
    try:
        return _server_of(int(await connection.fetchval("select pg_backend_pid()")))
    finally:
        await connection.close()


def _server_of(backend: int) -> int | None:
    """The process behind all connections: that of ours is gone with it."""
    try:
        return psutil.Process(backend).ppid() if "postgres" in _name(backend) else None
    except psutil.Error:
        return None


async def _redis(settings: Settings) -> int | None:
    url = settings.redis_url.get_secret_value()
    try:
        if not _is_here(url):
            return None
        async with redis.Redis.from_url(url, socket_timeout=_SECONDS) as client:
            pid = int((await client.info("server"))["process_id"])
    except (RedisError, OSError, ValueError):
        return None
    return pid if {"redis", "valkey"} & set(_name(pid).split("-")) else None


def _is_here(url: str) -> bool:
    return bool(url) and (urlsplit(url).hostname or "") in _LOOPBACK


def _name(pid: int) -> str:
    """In a container of its own the number may mean another process here, or none."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
