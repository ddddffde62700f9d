"""Pages whose words are written by hand and whose figures are not: these stand between marks.

Must never change a word.
"""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime

import psutil

_END = "<!-- end -->"


def filled(text: str, parts: Mapping[str, str]) -> str:
    """`text` with each part between its marks. Raises ValueError where a mark is missing."""
    for name, part in parts.items():
        mark = f"<!-- measured: {name} -->"
        before, found, rest = text.partition(mark)
        if not found:
            raise ValueError(f"no mark for {name}")
        text = f"{before}{mark}\n{part}{_END}{rest.partition(_END)[2]}"
    return text


def measured_by(command: str) -> str:
    """When, on which machine, by which command."""
    machine = f"{psutil.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    return f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine}, by `{command}`"
