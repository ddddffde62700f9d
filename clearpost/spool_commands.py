"""`clearpost spool recover`: after the database was restored, rebuild from this machine's spool what it lost.

Must never run beside another process of the node, and says what it did in counts alone.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import asyncpg

from clearpost.progress import complain, say
from mailcore import spool_owner
from mailcore.clock import Clock
from mailcore.database import CONNECTION_LOST, Aborted, Database, UnknownOutcome
from mailcore.keys_in_place import KeysAway
from mailcore.log_keys import LogKeys
from mailcore.settings import Settings
from mailcore.spool import InUse, Spool
from mailcore.spool_recovery import Recovered, Recovery

DONE, UNABLE = 0, 1

_LINES: Final[Sequence[tuple[str, str]]] = (
    ("segments", "segments read"),
    ("records", "messages that can be read"),
    ("rebuilt_messages", "of them unknown to the database: they wait again"),
    ("rebuilt_deliveries", "deliveries of these"),
    ("found_again", "messages that had been moved, found again"),
    ("ended_before", "messages that had ended before, left for the sweep"),
    ("lost_deliveries", "deliveries without content, ended with 4.3.0"),
    ("keyless", "records whose key is missing: is the key folder mounted?"),
    ("damaged", "records that cannot be read"),
)


def recover(settings: Settings, *, again: bool, as_json: bool) -> int:
    """0 done, or nothing to do; 1 where processes run, or the spool, its keys or the database are away."""
    if not (settings.spool_dir / "node").exists():
        complain(f"{settings.spool_dir} is no spool: set CLEARPOST_SPOOL_DIR")
        return UNABLE
    try:
        return asyncio.run(_recover(settings, again, as_json))
    except KeysAway as reason:
        complain(str(reason))
    except InUse:
        complain("stop all Clearpost processes of this machine first: systemctl stop clearpost.target")
    except (*CONNECTION_LOST, Aborted, UnknownOutcome, asyncpg.PostgresError) as error:
        complain(f"interrupted ({type(error).__name__}): see clearpost doctor, then run it again")
    return UNABLE


async def _recover(settings: Settings, again: bool, as_json: bool) -> int:
    clock = Clock()
    keys = LogKeys(settings.key_dir, clock, settings.log_retention)
    spool = Spool.open(settings.spool_dir, settings.key_dir, clock, alone=True)
    try:
        url = settings.database_url.get_secret_value()
        database = await Database.open(url, size=2, name="clearpost recover")
        try:
            if not again and await spool_owner.is_own(database, settings.spool_dir):
                say("{}" if as_json else "  Spool and database agree: there is nothing to recover.")
                return DONE
            _report(await Recovery(database, spool, clock, keys).run(), as_json)
        finally:
            await database.close()
    finally:
        spool.close()
    return DONE


def _report(done: Recovered, as_json: bool) -> None:
    counts = asdict(done)
    if as_json:
        say(json.dumps(counts, indent=2))
        return
    for name, words in _LINES:
        say(f"  {counts[name]:>9,}  {words}")
    say("\n  The spool belongs to this database now: start the processes.")
