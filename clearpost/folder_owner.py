"""Folders that root makes for the service's user, and root's work in a folder that is somebody else's.

Must never follow a link as root in a folder that somebody else may write to, nor give away a file of others.
"""

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A user with the group of the same name, by number."""

    uid: int
    gid: int


def owner_of(name: str) -> Owner | None:
    """None where nothing can be given away: no name, or we are not root. Raises LookupError."""
    if not name or os.geteuid() != 0:
        return None
    return Owner(pwd.getpwnam(name).pw_uid, grp.getgrnam(name).gr_gid)


def give(path: Path, owner: Owner) -> None:
    """A file or folder, but no link. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, owner.uid, owner.gid)
    finally:
        os.close(descriptor)


def give_folder(folder: Path, owner: Owner) -> None:
    """With all that is in it, as long as it is root's: then nobody else had a hand in it. It goes last, so
    that nobody has meanwhile. One that is somebody's already stays as it is. Raises OSError.
    """
    about = folder.stat()
    if about.st_uid != 0 or about.st_mode & 0o077:
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for _, folders, files, inside in os.fwalk(".", dir_fd=descriptor):
            for name in (*folders, *files):
                os.chown(name, owner.uid, owner.gid, dir_fd=inside, follow_symlinks=False)
        os.fchown(descriptor, owner.uid, owner.gid)
    finally:
        os.close(descriptor)


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Root works as whoever the folder belongs to: the service must read what is made here, and a link that
    lies here must not lead root to files of others.
    """
    about, group = folder.stat(), os.getegid()
    if os.geteuid() != 0 or about.st_uid == 0:
        yield
        return
    os.setegid(about.st_gid)
    os.seteuid(about.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
