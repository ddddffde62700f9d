"""Folders in memory, for files that no test needs after a power cut.

A folder is made where others look for it as a link to it. Must never fill the memory: where there is little,
or no file system in it, nothing is placed there; what a killed run has left is removed by the next one.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
# A server of the tests takes a quarter of a gigabyte, and each of three workers has one.
ENOUGH = 4 * 2**30
_PREFIX = f"clearpost-tests-{os.getuid()}-"
_LOCK = "owner.lock"  # held as long as the process lives that placed the folder


def place(home: Path, memory: Path = MEMORY, enough: int = ENOUGH) -> None:
    """Makes `home` a link to an empty folder in memory, or nothing."""
    if not _has_room(memory, enough):
        return
    _clear_leftovers(memory)
    fresh = Path(tempfile.mkdtemp(prefix="clearpost-fresh-", dir=memory))
    _take(fresh / _LOCK)
    fresh.chmod(0o711)  # as root, the server runs as nobody
    home.symlink_to(fresh.rename(fresh.with_name(_PREFIX + fresh.name.rpartition("-")[2])))


def clear(home: Path) -> None:
    """Removes what `home` links to, once nothing runs there."""
    target = home.resolve()
    if target.name.startswith(_PREFIX):
        shutil.rmtree(target)


def _has_room(memory: Path, enough: int) -> bool:
    try:
        free = shutil.disk_usage(memory).free
    except OSError:
        return False
    return os.access(memory, os.W_OK) and min(free, psutil.virtual_memory().available) >= enough


def _clear_leftovers(memory: Path) -> None:
    for lock in memory.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            os.close(_take(lock))
        except OSError:  # its owner lives, or another run removes it
            continue
        shutil.rmtree(lock.parent, ignore_errors=True)


def _take(path: Path) -> int:
    """Raises OSError where another process has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock
