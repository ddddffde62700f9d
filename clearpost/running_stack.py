"""Tells other terminals how to reach the local stack that runs here: `stack.env`, readable by its owner only.

Lines as a shell reads them: `set -a; . var/stack.env` works too. Must never speak for a stack that ended.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

FILE: Final = "stack.env"
_HEADER: Final = re.compile(r"# process (\d+) started (\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that runs now. `environment` holds the CLEARPOST_ variables of its processes."""

    folder: Path
    pid: int
    environment: Mapping[str, str]

    def __str__(self) -> str:
        return f"the local stack in {self.folder} (process {self.pid})"


def announce(folder: Path, environment: Mapping[str, str], pid: int | None = None) -> None:
    """Written aside and renamed: nobody reads half a file, and nobody else reads it at all."""
    pid = pid or os.getpid()
    lines = [f"# process {pid} started {psutil.Process(pid).create_time():.2f}"]
    lines += [f"{name}={shlex.quote(environment[name])}" for name in sorted(environment) if _is_ours(name)]
    draft = folder / f"{FILE}.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    draft.rename(folder / FILE)


def withdraw(folder: Path) -> None:
    """This stack stops. What another process announced stays: a second start in one folder ends early."""
    stack = find(folder)
    if stack and stack.pid == os.getpid():
        (folder / FILE).unlink(missing_ok=True)


def find(*folders: Path) -> RunningStack | None:
    """The first of these folders whose stack runs; None where there is none, or it is another user's."""
    for folder in folders:
        try:
            text = (folder / FILE).read_text()
        except OSError:
            continue
        header, _, rest = text.partition("\n")
        if (owner := _HEADER.fullmatch(header)) and _is_alive(int(owner[1]), float(owner[2])):
            return RunningStack(folder, int(owner[1]), _variables(rest))
    return None


def _variables(text: str) -> dict[str, str]:
    pairs = (shlex.split(line)[0].partition("=") for line in text.splitlines() if line)
    return {name: value for name, _, value in pairs}


def _is_ours(name: str) -> bool:
    return name.startswith("CLEARPOST_")


def _is_alive(pid: int, started: float) -> bool:
    """The same process, not another that got its number."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < 0.5
    except psutil.NoSuchProcess:
        return False
