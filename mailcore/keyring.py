"""Keys on disk, outside the database: create, sync, hand out.

A key is on disk, synced with its folder, before anything made with it leaves this module. Must never
log a key, put one into an exception, or hand one out from a folder that others can read.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

_KEY_BYTES = 32


class UnsafeKeyFolder(Exception):
    """Others could read the key folder; the text says how to mend it."""


class Keyring:
    """The service's own keys, one file each, read once. Several lines are a rotation: the first one signs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[bytes, ...]] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            raise UnsafeKeyFolder(f"the key folder {folder} can be read by others: chmod 700 {folder}")

    def keys(self, name: str) -> Sequence[bytes]:
        """All valid keys of that name, the signing one first; made at the first call on this machine."""
        if name not in self._read:
            path = self._folder / f"{name}.key"
            if not path.exists():
                self._create(path)
            self._read[name] = tuple(bytes.fromhex(line) for line in path.read_text().split())
        return self._read[name]

    def key(self, name: str) -> bytes:
        return self.keys(name)[0]

    def hashes(self, name: str, text: str) -> list[str]:
        """HMAC-SHA-256 in hex under each key of that name, the signing one first: what is known by its hash
        is found again after a rotation.
        """
        return [hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for key in self.keys(name)]

    def _create(self, path: Path) -> None:
        write_once(path, secrets.token_bytes(_KEY_BYTES).hex().encode() + b"\n")


def write_once(path: Path, content: bytes) -> None:
    """Creates a small file (mode 0600) whole and durable; another process that was first wins.

    Written aside, synced, then linked into place: nobody ever reads half of it, not even after a power cut.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # the other process was first
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes names created or removed in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
