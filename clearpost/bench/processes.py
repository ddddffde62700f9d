"""What processes cost: CPU seconds and memory, from /proc. Must never count the same process twice."""

from collections.abc import Iterable

import psutil


def family_of(pids: Iterable[int]) -> list[psutil.Process]:
    """These processes and all that they started, each once."""
    family: dict[int, psutil.Process] = {}
    for pid in pids:
        try:
            root = psutil.Process(pid)
            family |= {each.pid: each for each in (root, *root.children(recursive=True))}
        except psutil.NoSuchProcess:
            continue
    return list(family.values())


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of the family, that of children that have ended included."""
    total = 0.0
    for process in family_of(pids):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def megabytes(pids: Iterable[int]) -> list[float]:
    """Resident memory of each process of the family."""
    sizes = []
    for process in family_of(pids):
        try:
            sizes.append(process.memory_info().rss / (1 << 20))
        except psutil.NoSuchProcess:
            continue
    return sizes
