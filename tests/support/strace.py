"""Reads what `strace -f -ttt -yy` wrote: one `Call` for each system call that moves bytes or makes them last.

A call that blocked while another thread worked is written in two lines: `began` and `ended` are the numbers
of its first and last line, so that "ended before the other began" is a fact and not a guess from clocks.
Must never guess: a line that looks like one of our calls and cannot be read raises.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WRITES = frozenset({"write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev", "pwritev2"})
READS = frozenset({"read", "readv", "recvfrom", "recvmsg", "pread64", "preadv", "preadv2"})
SYNCS = frozenset({"fsync", "fdatasync"})
REMOVALS = frozenset({"unlink", "unlinkat"})
CALLS = WRITES | READS | SYNCS | REMOVALS | {"openat"}
_VECTORED = frozenset({"writev", "sendmsg", "pwritev", "pwritev2", "readv", "recvmsg", "preadv", "preadv2"})
_LAST_NUMBER_IS_OFFSET = frozenset({"pwrite64", "pwritev", "pread64", "preadv"})
_OFFSET_COMES_BEFORE_FLAGS = frozenset({"pwritev2", "preadv2"})

_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_WHOLE = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)(.*)")
_UNFINISHED = re.compile(r"(\w+)\((.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?')
_IO_VECTOR = re.compile(r'iov_base="((?:[^"\\]|\\.)*)"')
_FILE = re.compile(r"(?:AT_FDCWD|\d+)<([^\"]*?)>(?:, |$)")
_OPENED = re.compile(r"<(.*)>$")


class Unreadable(Exception):
    """A line of a trace that is not as we know them."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one thread. `target` is the path, or both ends of the connection."""

    name: str
    thread: int
    target: str
    data: bytes
    offset: int | None
    result: int
    began: int
    ended: int
    creates: bool = False

    @property
    def is_write(self) -> bool:
        return self.name in WRITES

    @property
    def is_read(self) -> bool:
        return self.name in READS

    @property
    def is_sync(self) -> bool:
        return self.name in SYNCS


def parse(lines: Iterable[str]) -> list[Call]:
    """The calls that succeeded, in the order of their beginning."""
    return sorted(_calls(lines), key=lambda call: call.began)


def _calls(lines: Iterable[str]) -> Iterator[Call]:
    open_calls: dict[int, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line.rstrip("\n"))
        if match is None:
            raise Unreadable(f"line {number + 1} has no thread and time")
        thread, said = int(match[1]), match[3]
        began = number
        if unfinished := _UNFINISHED.fullmatch(said):
            open_calls[thread] = number, f"{unfinished[1]}({unfinished[2]}"
            continue
        if resumed := _RESUMED.fullmatch(said):
            began, start = open_calls.pop(thread, (number, ""))
            if not start.startswith(f"{resumed[1]}("):
                raise Unreadable(f"line {number + 1} resumes what did not begin")
            said = start + resumed[2]
        if said.partition("(")[0] in CALLS and (call := _call(said, thread, began, number)):
            yield call


def _call(said: str, thread: int, began: int, ended: int) -> Call | None:
    """None for a call that failed, or that the end of its process left open."""
    match = _WHOLE.fullmatch(said)
    if match is None:
        raise Unreadable(f"line {ended + 1}: {said[:60]}")
    name, arguments, result = match[1], match[2], match[3]
    if result == "?" or int(result) < 0:
        return None
    has_data = name in WRITES | READS
    return Call(
        name=name,
        thread=thread,
        target=_target(name, arguments, match[4]),
        data=_data(name, arguments) if has_data else b"",
        offset=_offset(name, arguments),
        result=int(result),
        began=began,
        ended=ended,
        creates=name == "openat" and "O_CREAT" in arguments,
    )


def _target(name: str, arguments: str, after: str) -> str:
    """What a descriptor stands for; of a removal the name as it was given."""
    if name in REMOVALS:
        found = _STRING.search(arguments)
    else:
        found = _OPENED.search(after) if name == "openat" else _FILE.match(arguments)
    return found[1] if found else ""


def _data(name: str, arguments: str) -> bytes:
    """Octets as strace shows them: the first so many, with C escapes."""
    if name in _VECTORED:
        return b"".join(_octets(found[1]) for found in _IO_VECTOR.finditer(arguments))
    first = _STRING.search(arguments)
    return _octets(first[1]) if first else b""


def _octets(escaped: str) -> bytes:
    octets = ast.literal_eval(f'b"{escaped}"')
    assert isinstance(octets, bytes)
    return octets


def _offset(name: str, arguments: str) -> int | None:
    numbers = re.findall(r", (-?\w+)", arguments[max(arguments.rfind('"'), arguments.rfind("]")) + 1 :])
    if name in _LAST_NUMBER_IS_OFFSET:
        return int(numbers[-1])
    return int(numbers[-2]) if name in _OFFSET_COMES_BEFORE_FLAGS else None
