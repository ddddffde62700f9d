"""`python -m bench`: quick, full, report, document. Must name what it lacks, and install nothing.

0 measured, whether or not all targets are held; 1 something could not be measured; 2 usage; 3 packages lack.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import background, debian, document, report, results, runs, slow_disk
from bench.background import FOLDER
from bench.ground import HOME
from bench.machine import describe
from bench.results import Results
from bench.rows import Row, rows_of
from clearpost.process import EmbeddedError
from clearpost.run_state import AlreadyRunningError

_LACKING = 3


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # everything that was started ends first
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    quick = commands.add_parser("quick", help="the main rows, in less than ten minutes")
    quick.add_argument("--only", default="", help="rows by name, as 4k,verdicts")
    quick.set_defaults(run=_quick)
    full = commands.add_parser("full", help="all rows, in the background; goes on where it was stopped")
    full.add_argument("--only", default="", help="rows by name")
    full.add_argument("--status", action="store_true", help="how far it is")
    full.add_argument("--stop", action="store_true", help="end it; the next start goes on")
    full.add_argument("--fresh", action="store_true", help="leave an unfinished one behind, begin anew")
    full.add_argument("--foreground", action="store_true", help="here, not in the background")
    full.set_defaults(run=_full)
    one = commands.add_parser("report", help="one result as a table, or two side by side")
    one.add_argument("files", nargs="*", type=Path, help="the newest, where none is given")
    one.set_defaults(run=_report)
    writes = commands.add_parser("document", help="write docs/performance.md")
    writes.add_argument("files", nargs="+", type=Path, help="results of one or two runs")
    writes.set_defaults(run=_document)
    inside = commands.add_parser("inside", help="(for slow_disk.py)")
    inside.add_argument("file", type=Path)
    inside.add_argument("only")
    inside.set_defaults(run=_inside)
    return parser


def _quick(options: argparse.Namespace) -> int:
    if not _is_possible():
        return _LACKING
    return _measure(results.begin(FOLDER, "quick", describe(_disk()), "make bench"), options.only)


def _full(options: argparse.Namespace) -> int:
    if options.status or options.stop:
        print(background.stop() if options.stop else background.status())
        return 0
    if not _is_possible():
        return _LACKING
    if options.foreground:
        with background.only_one():
            return _measure(_unfinished(fresh=options.fresh), options.only)
    if running := background.pid():
        print(f"it runs already (process {running}): make bench-full ARGS=--status")
        return 1
    fresh = ["--fresh"] if options.fresh else []
    pid = background.start(*fresh, *(["--only", options.only] if options.only else []))
    print(f"runs in the background (process {pid}), log {background.LOG}: make bench-full ARGS=--status")
    return 0


def _unfinished(*, fresh: bool) -> Results:
    """The newest one, if it is of this commit and not done; else a new one."""
    last, machine = results.newest(FOLDER, "full"), describe(_disk())
    if last and not fresh and not last.is_complete(rows_of("full")):
        if last.header["machine"]["commit"] == machine["commit"]:
            return last
        print(f"{last.path.name} is of another commit and stays as it is")
    return results.begin(FOLDER, "full", machine, "make bench-full")


def _measure(into: Results, only: str) -> int:
    rows = _chosen(rows_of(into.header["kind"]), only)
    try:
        runs.run([row for row in rows if not row.sync_delay], into, _say)
        slow_disk.run([row for row in rows if row.sync_delay], into, _say)
    except AlreadyRunningError:
        print(f"another bench runs on this machine (see {HOME}): wait for its end", file=sys.stderr)
        return 1
    except EmbeddedError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = report.one(into)
    into.path.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\n  written to {into.path}")
    return 0 if into.is_complete(rows) else 1


def _inside(options: argparse.Namespace) -> int:
    """Called by slow_disk.py, of whose delay this process and all that it starts have their part."""
    slow_disk.end_with_strace()
    into = results.read(options.file)
    runs.run(_chosen(rows_of(into.header["kind"]), options.only), into, _say)
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


def _chosen(rows: list[Row], only: str) -> list[Row]:
    wanted = set(only.split(",")) if only else {row.name for row in rows}
    if unknown := wanted - {row.name for row in rows}:
        print(f"no such row: {', '.join(unknown)}; there are {', '.join(row.name for row in rows)}")
        raise SystemExit(2)
    return [row for row in rows if row.name in wanted]


def _report(options: argparse.Namespace) -> int:
    files = options.files or sorted(FOLDER.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)[-1:]
    if not files or len(files) > 2:
        print("one file of results, or two", file=sys.stderr)
        return 2
    read = [results.read(path) for path in files]
    print(report.one(read[0]) if len(read) == 1 else report.two(*read))
    return 0


def _document(options: argparse.Namespace) -> int:
    document.PATH.write_text(document.text([results.read(path) for path in options.files]), encoding="utf-8")
    print(f"written: {document.PATH}")
    return 0


def _is_possible() -> bool:
    if packages := debian.lacking():
        print(f"bench lacks Debian packages: apt-get install {' '.join(packages)}", file=sys.stderr)
        return False
    if os.geteuid() != 0:
        print(
            "bench must be root: Postfix starts as nobody else (clearpost bench needs neither)",
            file=sys.stderr,
        )
        return False
    return True


def _disk() -> Path:
    """Where everything will lie."""
    HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    return HOME


if __name__ == "__main__":
    sys.exit(main())
