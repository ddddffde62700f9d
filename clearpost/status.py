"""`clearpost queue status` and `clearpost spool status`: what waits, for how long, and in how much room.

Counts only. Must never show an address, nor anything that tells one customer from another.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from clearpost.progress import table
from mailcore import ledger
from mailcore import queue as deliveries
from mailcore.clock import Clock, time_of
from mailcore.database import Database
from mailcore.settings import Settings

_PROCESSES: Final = """
select p.id, p.role, p.lane, p.heartbeat, extract(epoch from now() - p.started_at)::bigint as seconds,
       (select count(*) from delivery d where d.lease_owner = p.id) as leased
from process p order by p.role, p.lane, p.started_at
"""


def queue(settings: Settings, *, as_json: bool) -> int:
    """0, or 1 when the database does not answer or the ledger does not add up."""
    try:
        status = asyncio.run(_queue(settings))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        print(
            f"clearpost: the database does not answer ({type(error).__name__}): clearpost doctor",
            file=sys.stderr,
        )
        return 1
    print(json.dumps(status, indent=2) if as_json else _queue_text(status))
    return 0 if all(line["difference"] == 0 for line in status["ledger"]) else 1


async def _queue(settings: Settings) -> dict[str, Any]:
    database = await Database.open(settings.database_url.get_secret_value(), size=1, name="clearpost status")
    try:
        async with database.transaction() as tx:
            depths = await deliveries.depths(tx)
            processes = await tx.fetch(_PROCESSES)
        balances = await ledger.balance(database)
    finally:
        await database.close()
    return {
        "deliveries": [
            {"lane": d.lane, "state": d.state, "count": d.count, "oldest_seconds": round(d.oldest_seconds)}
            for d in depths
        ],
        "processes": [{**dict(row), "id": str(row["id"])} for row in processes],
        "ledger": [_balance(line) for line in balances],
    }


def _balance(line: ledger.Balance) -> dict[str, Any]:
    counts = {
        name: getattr(line, name) for name in ("created", "delivered", "hard_bounced", "waiting", "held")
    }
    return {"origin": line.origin, **counts, "difference": line.difference}


def _queue_text(status: dict[str, Any]) -> str:
    waiting = [
        (d["lane"], d["state"], str(d["count"]), _duration(d["oldest_seconds"])) for d in status["deliveries"]
    ]
    processes = [
        (p["role"], p["lane"], _duration(p["seconds"]), str(p["leased"])) for p in status["processes"]
    ]
    ledger_rows = [tuple(str(value) for value in line.values()) for line in status["ledger"]]
    headings = ("origin", "created", "delivered", "hard-bounced", "waiting", "held", "difference")
    parts = [
        table(("lane", "state", "deliveries", "oldest"), waiting) if waiting else "  Nothing waits.",
        table(("process", "lane", "since", "leases"), processes) if processes else "  No process runs.",
        table(headings, ledger_rows) if ledger_rows else "  Nothing was ever accepted.",
    ]
    return "\n\n".join(parts)


def spool(settings: Settings, *, as_json: bool) -> int:
    """0, or 1 when there is no spool here that this user may look into."""
    try:
        status = _spool(settings.spool_dir, Clock().now())
    except OSError as error:
        print(f"clearpost: {settings.spool_dir}: {error.strerror}: clearpost doctor", file=sys.stderr)
        return 1
    print(json.dumps(status, indent=2) if as_json else _spool_text(status))
    return 0


def _spool(folder: Path, now: datetime) -> dict[str, Any]:
    segments = folder / "segments"
    usage = os.statvfs(segments)
    kinds = {"current": _files(segments, ".seg"), "long_wait": _files(segments, ".long")}
    return {
        "folder": str(folder),
        "node": (folder / "node").read_text().strip(),
        "free_bytes": usage.f_bavail * usage.f_frsize,
        **{
            name: {
                "segments": len(files),
                "bytes": sum(size for _, size in files),
                "oldest_seconds": round(max((now - born).total_seconds() for born, _ in files))
                if files
                else 0,
            }
            for name, files in kinds.items()
        },
    }


def _files(folder: Path, suffix: str) -> Sequence[tuple[datetime, int]]:
    """When each segment began, and its size; one that goes meanwhile is left out."""
    found = []
    for path in folder.glob(f"*{suffix}"):
        try:
            found.append((time_of(UUID(path.stem)), path.stat().st_size))
        except FileNotFoundError:
            continue
    return found


def _spool_text(status: dict[str, Any]) -> str:
    rows = [
        (title, str(s["segments"]), f"{s['bytes']:,}", _duration(s["oldest_seconds"]))
        for title, s in (("current", status["current"]), ("long wait", status["long_wait"]))
    ]
    head = f"  {status['folder']}  node {status['node']}  {status['free_bytes']:,} bytes free"
    return f"{head}\n\n{table(('segments', 'files', 'bytes', 'oldest'), rows)}"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=int(seconds)))
