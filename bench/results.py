"""The results file: what it was measured on, then a line for each finished run. Must lose no line to a kill.

One JSON object each: {"header": {...}}, {"row", "pair", "side", "figures", "at"} or {"row", "failed", "at"}.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import Figures
from bench.rows import Row
from mailcore.clock import Clock


@dataclass(slots=True)
class Results:
    """Read whole, appended to."""

    path: Path
    header: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, dict[int, dict[str, Figures]]] = field(default_factory=dict)  # row -> pair -> side
    failures: dict[str, str] = field(default_factory=dict)  # row -> why, of those not measured since

    def pairs(self, row: Row) -> dict[int, dict[str, Figures]]:
        """Those of which every side is there."""
        found = self.runs.get(row.name, {})
        return {pair: sides for pair, sides in found.items() if all(name in sides for name in row.sides)}

    def missing(self, row: Row) -> list[int]:
        """The numbers of the pairs still to be run."""
        done = self.pairs(row)
        return [pair for pair in range(row.pairs) if pair not in done]

    def is_complete(self, rows: Iterable[Row]) -> bool:
        return not any(self.missing(row) for row in rows)

    def add(self, row: str, pair: int, figures: dict[str, Figures]) -> None:
        """One pair, all its sides."""
        for side, values in figures.items():
            self.append({"row": row, "pair": pair, "side": side, "figures": values, "at": _now()})

    def fail(self, row: str, why: str) -> None:
        self.append({"row": row, "failed": why, "at": _now()})

    def append(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        if "header" in line:
            self.header = line["header"]
        elif "failed" in line:
            self.failures[line["row"]] = line["failed"]
        else:
            sides = self.runs.setdefault(line["row"], {}).setdefault(int(line["pair"]), {})
            sides[line["side"]] = line["figures"]
            self.failures.pop(line["row"], None)


def read(path: Path) -> Results:
    """A line that a kill has cut is as good as none; what follows it begins a line of its own."""
    results = Results(path)
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        try:
            results._take(json.loads(line))
        except ValueError:
            continue
    if text and not text.endswith("\n"):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")
    return results


def begin(folder: Path, kind: str, machine: dict[str, Any], command: str) -> Results:
    """A new file, named by its kind and the time."""
    folder.mkdir(parents=True, exist_ok=True)
    now = Clock().now()
    results = Results(folder / f"{kind}-{now:%Y%m%d-%H%M%S}.jsonl")
    header = {
        "kind": kind,
        "began": now.isoformat(timespec="seconds"),
        "command": command,
        "machine": machine,
    }
    results.append({"header": header})
    return results


def newest(folder: Path, kind: str) -> Results | None:
    paths = sorted(folder.glob(f"{kind}-*.jsonl"))
    return read(paths[-1]) if paths else None


def _now() -> str:
    return Clock().now().isoformat(timespec="seconds")
