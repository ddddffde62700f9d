"""Lines on the terminal: steps with their times, tables, complaints. Must never hold state."""

import asyncio
import sys
from collections.abc import Awaitable, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def say(text: str = "") -> None:
    print(text, flush=True)


def complain(text: str) -> None:
    """One line about what went wrong and what to do."""
    print(f"clearpost: {text}", file=sys.stderr, flush=True)


async def step(name: str, where: str, work: Awaitable[Result]) -> Result:
    """Do the work, then print its name, place and time."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    result = await work
    say(f"  {name:<18} {where:<26} {loop.time() - started:5.2f} s")
    return result


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headings, *rows)
    ]
    return "\n".join(f"  {line}" for line in lines)
