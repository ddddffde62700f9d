"""Whether the keys of a spool lie where they were made, or their volume is not mounted.

A spool notes that its part of the key folder was made once. Where that part is gone later, another one must
not be made by itself: keys made now would be out of sight once the volume is mounted, and mail sealed under
them lost. Must never make or read a key.
"""

from pathlib import Path

from mailcore.keyring import write_once

_NAME = "keys-made"


class KeysAway(Exception):
    """The text says what is away, and what to do."""


def away(spool_dir: Path, key_dir: Path) -> Path | None:
    """The folder that held keys of waiting mail and is not there; None where all is well, before the first
    start, and for who may not look into the spool. Raises OSError where a disk does not answer.
    """
    try:
        (spool_dir / _NAME).stat()
        node = (spool_dir / "node").read_text().strip()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    folder = key_dir / "spool" / node
    return None if folder.is_dir() else folder


def check(spool_dir: Path, key_dir: Path) -> None:
    """Before any key is made. Raises `KeysAway`, OSError."""
    if folder := away(spool_dir, key_dir):
        raise KeysAway(
            f"{folder} is not there: waiting mail can't be read, and new mail would be lost with its keys. "
            f"{remedy(spool_dir)}"
        )


def remedy(spool_dir: Path) -> str:
    return f"Mount the key folder. Only where its keys are lost for good: remove {spool_dir / _NAME}"


def note(spool_dir: Path) -> None:
    """Once the folder is made. Raises OSError."""
    if not (spool_dir / _NAME).exists():
        write_once(spool_dir / _NAME, b"")
