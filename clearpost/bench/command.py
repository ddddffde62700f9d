"""`clearpost bench`: throughput and latency of one node of ours, with nothing but what we ship.

Source and sink are our own, in Python: they take more of the processors than Postfix's would, so figures are
lower than those of `make bench`. Must leave nothing behind.
"""

import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clearpost.bench import peers
from clearpost.bench.figures import median, milliseconds
from clearpost.bench.messages import SENDER
from clearpost.bench.node import Node, Wish
from clearpost.bench.peers import Load, Sink
from clearpost.bench.stopwatch import pause, seconds
from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.ports import free_port
from clearpost.process import EmbeddedError, Program, spawn, stop
from clearpost.progress import complain, say, table

_PATIENCE = 20.0
_ZONE = f"""\
{SENDER.partition("@")[2]}. 300 IN TXT "v=spf1 ip4:127.0.0.1 -all"
1.0.0.127.in-addr.arpa. 300 IN PTR localhost.
localhost. 300 IN A 127.0.0.1
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the table: `runs` times the same load, medians of them."""

    name: str
    load: Load


def parts(messages: int) -> list[Part]:
    """`messages` of 4 KB, and fewer where they are larger."""
    return [
        Part("4 KB, new connections", Load(messages)),
        Part("4 KB, kept connections", Load(messages, keep=True)),
        Part("50 KB", Load(max(20, messages // 3), size=50 * 1024)),
        Part("5 MB", Load(max(5, messages // 50), size=5 << 20)),
        Part("20 a second", Load(max(10, messages // 10), rate=20)),
    ]


def main(*, messages: int, runs: int, mx_processes: int, verdicts: bool, as_json: bool) -> int:
    """0 measured, 1 something did not work."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # everything that was started ends first
    wish = Wish("alone", messages, mx_processes, verdicts)
    try:
        with node(wish) as (running, sink):
            lines = [_line(running, sink, part, runs) for part in parts(messages)]
    except EmbeddedError as error:
        complain(str(error))
        return 1
    say(json.dumps(lines) if as_json else _text(lines))
    return 0 if all(line["arrived"] == line["sent"] for line in lines) else 1


@contextmanager
def node(wish: Wish) -> Iterator[tuple[Node, Sink]]:
    """A whole node in a folder that is removed afterwards, and the sink that it delivers to."""
    with tempfile.TemporaryDirectory(prefix="clearpost-bench-") as folder:
        home = Path(folder)
        (home / "zone").write_text(_ZONE)
        postgres, dns = EmbeddedPostgres(home / "postgres", free_port()), free_port()
        names = [sys.executable, "-m", "clearpost.bench.names", str(home / "zone"), str(dns)]
        resolver = spawn(Program("names", names, home / "names.log", {"PYTHONPATH": _checkout()}))
        try:
            postgres.start()
            with peers.sink() as sink:
                made = Node(wish, home / "node", postgres, sink_port=sink.port, dns=f"127.0.0.1:{dns}")
                try:
                    made.prepare()
                    made.start()
                    _once(made, sink, Load(20))  # the first messages make connections, keys and caches
                    yield made, sink
                finally:
                    made.remove()
        finally:
            postgres.stop()
            stop(resolver, signal.SIGTERM)
            remove(home / "postgres")


def _line(running: Node, sink: Sink, part: Part, runs: int) -> dict[str, float | str]:
    found = [_once(running, sink, part.load) for _ in range(runs)]
    medians = {name: median([figures[name] for figures in found]) for name in found[0]}
    return {"what": part.name, **{name: round(value, 3) for name, value in medians.items()}}


def _once(running: Node, sink: Sink, load: Load) -> dict[str, float]:
    running.renew()
    before, cpu = sink.count(), running.cpu()
    sent = peers.read_source(peers.start_source(running.address, load))
    arrived = sink.wait_for(before + load.messages, patience=_PATIENCE) - before
    since = seconds()
    while running.waiting() and seconds() - since < _PATIENCE:
        pause(0.02)
    came: list[tuple[int, float]] = sink.take()["arrived"]
    last = max((moment for _, moment in came), default=sent.ended)
    return {
        "sent": load.messages,
        "arrived": arrived,
        "rate": arrived / (last - sent.began),
        "cpu_ms": (running.cpu() - cpu) / load.messages * 1000,
        **milliseconds(peers.latencies(sent, came)),
    }


def _text(lines: Sequence[dict[str, float | str]]) -> str:
    headings = ("what", "arrived", "messages/s", "CPU ms", "p50 ms", "p95 ms", "p99 ms")
    rows = [
        [
            str(line["what"]),
            f"{line['arrived']:.0f} of {line['sent']:.0f}",
            *(f"{line[name]:.4g}" for name in ("rate", "cpu_ms", "p50", "p95", "p99")),
        ]
        for line in lines
    ]
    return table(headings, rows)


def _checkout() -> str:
    return str(Path(__file__).resolve().parents[2])
