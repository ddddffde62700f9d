"""The process that makes our fields: reads letters, writes fields, until its parent is gone.

Frames on its standard input and output, each a pickle behind its length: nobody else holds those pipes. Must
never outlive its parent, end for a signal that is meant for all of us (the parent drains first), or write
anything else to its output.
"""

import pickle
import signal
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from mailcore import logs
from mailcore.authenticity.signing_keys import KeyFolder, SigningKeys
from mailcore.authenticity.verdicts import Verdicts
from mailcore.clock import Clock
from mailcore.our_fields import FieldMaker, Letter, OurFields

LENGTH_OCTETS: Final = 8

_Letter = tuple[bytes, bytes, Verdicts | None, str, bool, datetime]
_Fields = tuple[bytes, bytes, bytes | None, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Order:
    """What the child must know: once, as its first frame. It makes no key: while the key folder is not
    mounted, that would hide the real ones.
    """

    key_dir: Path
    domain: str
    arc_seal: bool
    from_key: bytes = field(repr=False)
    process_log: str


def written(letter: Letter) -> _Letter:
    """As it goes to the child."""
    return letter.header, letter.body_hash, letter.verdicts, letter.alias, letter.is_forwarded, letter.at


def read(made: _Fields | None, letter: Letter) -> OurFields | None:
    """As they come back: a header section that was not changed stays here."""
    if made is None:
        return None
    seals, results, header, note, lacks = made
    return OurFields(seals, results, letter.header if header is None else header, note, lacks)


def main(given: IO[bytes], said: IO[bytes]) -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    order: Order = _next(given)
    logs.configure("fields", level=order.process_log)
    maker = FieldMaker(
        domain=order.domain,
        arc_seal=order.arc_seal,
        from_key=order.from_key,
        keys=SigningKeys(KeyFolder(order.key_dir), Clock()),
    )
    _say(said, None)
    while True:
        _say(said, [_made(maker, Letter(*letter)) for letter in _next(given)])


def _made(maker: FieldMaker, letter: Letter) -> _Fields | None:
    """None where that breaks: it will break again for whoever asked, and be told there."""
    try:
        made = maker.made(letter)
    except Exception:  # noqa: BLE001
        return None
    header = None if made.header == letter.header else made.header
    return made.seals, made.results, header, made.note, made.lacks


def _next(given: IO[bytes]) -> Any:
    """Raises SystemExit once the parent writes no more."""
    length = int.from_bytes(given.read(LENGTH_OCTETS), "big")
    if not length:
        raise SystemExit(0)
    return pickle.loads(given.read(length))


def _say(said: IO[bytes], what: object) -> None:
    octets = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    said.write(len(octets).to_bytes(LENGTH_OCTETS, "big") + octets)
    said.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
