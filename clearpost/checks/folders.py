"""Spool and key folder: private, writable, really synced, and room left. Must never read what is in them."""

import os
import stat
from pathlib import Path
from typing import Final
from uuid import uuid4

import psutil

from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore.clock import Clock
from mailcore.keyring import sync_folder
from mailcore.settings import Settings

_SLOW_SYNC: Final = 0.05
_ROOMY: Final = 4
_FORGETFUL: Final = frozenset({"tmpfs", "ramfs"})
_SHARED: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})


def check(settings: Settings, clock: Clock) -> list[Finding]:
    """Blocks on the disk: call it in a thread."""
    spool = _folder("spool", settings.spool_dir, clock)
    keys = _folder("keys", settings.key_dir, clock)
    if not _has_failed(spool):
        spool += [_room(settings), _kind_of_disk(settings)]
    if not _has_failed(keys):
        keys += _open_keys(settings.key_dir)
    return spool + keys


def _has_failed(findings: list[Finding]) -> bool:
    return any(finding.state != "ok" for finding in findings)


def _folder(area: str, folder: Path, clock: Clock) -> list[Finding]:
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        return [_absent(area, folder)]
    except OSError as error:
        return [fail(area, f"{folder}: {error.strerror}", "run doctor as the user that runs the service")]
    if not stat.S_ISDIR(mode):
        return [fail(area, f"{folder} is not a folder", f"set CLEARPOST_{_setting(area)} to a folder")]
    if mode & 0o077:
        return [_open_to_others(area, folder)]
    return [_write(area, folder, clock)]


def _open_to_others(area: str, folder: Path) -> Finding:
    """A folder that belongs to others, such as /tmp, must not be closed to them: move out instead."""
    about = folder.stat()
    is_shared = about.st_uid != os.geteuid() or about.st_mode & stat.S_ISVTX
    mend = f"set CLEARPOST_{_setting(area)} to a folder of its own" if is_shared else f"chmod 700 {folder}"
    return fail(area, f"{folder} is open to other users ({stat.filemode(about.st_mode)})", mend)


def _absent(area: str, folder: Path) -> Finding:
    """The first start makes it, where it may."""
    above = next((parent for parent in folder.absolute().parents if parent.exists()), Path("/"))
    if os.access(above, os.W_OK | os.X_OK):
        return warn(area, f"{folder} is not there yet", "nothing to do: the first start makes it")
    mend = f"install -d -m 700 -o USER {folder} (USER: who runs the service)"
    return fail(area, f"{folder} is not there, and this user may not make it in {above}", mend)


def _write(area: str, folder: Path, clock: Clock) -> Finding:
    """As the spool does it: write, sync the file, sync the folder."""
    path = folder / f"doctor.{uuid4()}"
    try:
        started = clock.monotonic()
        _write_and_sync(path)
        took = clock.monotonic() - started
    except OSError as error:
        mend = f"free space, or make {folder} writable for the user that runs the service"
        return fail(area, f"{folder} can't be written and synced: {error.strerror}", mend)
    finally:
        path.unlink(missing_ok=True)
    what = f"{folder} is private, writable, and syncs in {took * 1000:.1f} ms"
    if took > _SLOW_SYNC and area == "spool":
        return warn(
            area, what, "every 250 waits for such a sync: use a faster disk, or one with a safe cache"
        )
    return ok(area, what)


def _write_and_sync(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, bytes(4096))
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def _room(settings: Settings) -> Finding:
    usage = os.statvfs(settings.spool_dir)
    free, reserve = usage.f_bavail * usage.f_frsize, settings.spool_reserve
    what = f"{_size(free)} free"
    if free < reserve:
        mend = f"free space: below {_size(reserve)} (CLEARPOST_SPOOL_RESERVE) mail is refused with 452 4.3.1"
        return fail("spool", what, mend)
    if free < _ROOMY * reserve:
        return warn("spool", what, f"free space: mail is refused below {_size(reserve)}")
    return ok("spool", what)


def _kind_of_disk(settings: Settings) -> Finding:
    kind = _file_system(settings.spool_dir)
    if kind in _FORGETFUL and settings.environment == "production":
        return fail("spool", f"lies on {kind}: a restart loses it", "move it to a disk")
    if kind in _SHARED:
        mend = "move it to a local disk: a spool belongs to one machine, and its locks must hold"
        return fail("spool", f"lies on {kind}, a file system of another machine", mend)
    return ok("spool", f"lies on {kind or 'an unnamed file system'}")


def _file_system(folder: Path) -> str:
    """Of the mount point that is nearest above."""
    real = folder.resolve()
    mounts = [part for part in psutil.disk_partitions(all=True) if real.is_relative_to(part.mountpoint)]
    return str(max(mounts, key=lambda part: len(part.mountpoint)).fstype) if mounts else ""


def _open_keys(folder: Path) -> list[Finding]:
    loose = sorted(path.name for path in folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077)
    if loose:
        return [fail("keys", f"other users may read {', '.join(loose)}", f"chmod 600 {folder}/*")]
    return []


def _setting(area: str) -> str:
    return "SPOOL_DIR" if area == "spool" else "KEY_DIR"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
