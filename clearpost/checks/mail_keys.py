"""Keys of waiting mail: each sealed segment has its key file, whole, in a folder that can be written.

Must never read a key, nor change anything.
"""

import os
from pathlib import Path
from typing import Final

from clearpost.checks.finding import Finding, fail, ok
from mailcore import spool_record
from mailcore.keys_in_place import away, remedy
from mailcore.settings import Settings
from mailcore.spool_keys import KEY_BYTES

_RELEASE: Final = "then run clearpost queue release"


def check(settings: Settings) -> list[Finding]:
    """Nothing to say before the first start. Blocks on the disk: call it in a thread."""
    node = settings.spool_dir / "node"
    try:
        if keys_away := away(settings.spool_dir, settings.key_dir):
            return [_away(keys_away, settings)]
        folder = settings.key_dir / "spool" / node.read_text().strip()
        segments = sorted((settings.spool_dir / "segments").glob("*.*"))
        lacking = [path for path in segments if _lacks_keys(path, folder)]
    except OSError:
        return []  # the checks of the folders say why
    if lacking:
        what = f"{len(lacking)} of {len(segments)} segments lack keys in {folder}: mail in them is held"
        mend = f"mount or bring back the key folder, {_RELEASE}; lost for good: clearpost queue fail"
        return [fail("keys", what, mend)]
    if folder.is_dir() and not os.access(folder, os.W_OK):
        what = f"{folder} can't be written: mail is answered 451, keys of delivered mail stay"
        return [fail("keys", what, "mount it writable for the user that runs the service")]
    return [ok("keys", f"{len(segments)} segments of waiting mail have their keys")]


def _away(folder: Path, settings: Settings) -> Finding:
    what = f"{folder} is not there: waiting mail is held, and no process starts"
    return fail("keys", what, f"{remedy(settings.spool_dir)}; {_RELEASE}")


def _lacks_keys(segment: Path, folder: Path) -> bool:
    """False for one that is reclaimed meanwhile: it and its key file go together."""
    try:
        with segment.open("rb") as file:
            slots = _slots(file.fileno())
    except FileNotFoundError:
        return False
    try:
        return (folder / f"{segment.stem}.keys").stat().st_size < slots * KEY_BYTES
    except FileNotFoundError:
        return slots > 0 and segment.exists()


def _slots(descriptor: int) -> int:
    """How many its records need, as far as it can be walked; none those of a release that did not seal."""
    offset, slots = 0, 0
    while header := spool_record.header_at(descriptor, offset):
        slots, offset = max(slots, header.slot + 1), offset + header.length
    return slots
