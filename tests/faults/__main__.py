"""`python -m tests.faults`: every fault, and a table of what became of it. Exit code 1 on any failure."""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.faults.case import Case, Result, Runner
from tests.faults.ground import Ground
from tests.faults.table import all_cases, header, line
from tests.support import open_files


def main() -> int:
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool tells of each Postgres we kill
    open_files.allow_many()
    options = _options()
    chosen = _chosen(options)
    if options.list:
        sys.stdout.writelines(f"{case.id:<10}{case.what}\n" for case in chosen)
        return 0
    results = asyncio.run(_run(chosen, full=not options.reduced, as_json=options.json))
    failed = [result.id for result in results if result.failure]
    if options.json:
        sys.stdout.write(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    else:
        summary = f"{len(results) - len(failed)} of {len(results)} held"
        sys.stdout.write(summary + (f"; failed: {', '.join(failed)}\n" if failed else "\n"))
    return 1 if failed or not results else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", metavar="F13,F21", help="these faults (F1 means F1 alone)")
    parser.add_argument("--reduced", action="store_true", help="the set of `make test`, in its short form")
    parser.add_argument("--json", action="store_true", help="figures for a program")
    parser.add_argument("--list", action="store_true", help="name the cases, run none")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> list[Case]:
    wanted = {name.strip() for name in options.only.split(",") if name.strip()}
    cases = [case for case in all_cases() if case.reduced or not options.reduced]
    return [case for case in cases if not wanted or case.id in wanted or case.id.split()[0] in wanted]


async def _run(chosen: list[Case], *, full: bool, as_json: bool) -> list[Result]:
    results: list[Result] = []
    out = sys.stderr if as_json else sys.stdout
    started = time.perf_counter()

    def tell(result: Result) -> None:
        results.append(result)
        out.write(line(result))
        out.flush()

    out.write(header())
    with tempfile.TemporaryDirectory(prefix="clearpost-faults-") as folder:
        async with asyncio.TaskGroup() as group:
            for beside in (False, True):
                cases = [case for case in chosen if case.beside == beside]
                group.create_task(_run_in_turn(cases, Path(folder) / f"ground-{beside:d}", full, tell))
    out.write(f"{time.perf_counter() - started:.0f} s in all\n")
    return results


async def _run_in_turn(cases: list[Case], folder: Path, full: bool, tell: Callable[[Result], None]) -> None:
    """One after the other, on a ground of their own; `tell` has the result of each when it has ended."""
    if not cases:
        return
    ground = Ground(folder)
    await ground.start()
    runner = Runner(ground, folder, full)
    try:
        for case in cases:
            tell(await runner.run(case))
    finally:
        await runner.close()
        await ground.stop()


if __name__ == "__main__":
    sys.exit(main())
