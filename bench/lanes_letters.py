"""The messages that load and probes are made of, and whom they go to. Must never look like anybody's mail."""

import base64
import random
from collections.abc import Iterator, Sequence

from bench.lanes_sender import Letter

_LINE = 76


def body(size: int) -> bytes:
    """About so many octets in lines of 76, none of which begins with a dot; the same each time."""
    raw = base64.b64encode(random.Random(7).randbytes(max(64, size * 37 // 50)))
    return b"".join(raw[i : i + _LINE] + b"\r\n" for i in range(0, len(raw), _LINE))


def letter(number: int, recipients: Sequence[str], text: bytes) -> Letter:
    """`number` stands in it as X-Bench-Id, by which its arrival is known."""
    sender = f"user{number % 997}@src.test"
    header = (
        f"X-Bench-Id: {number}\r\nFrom: <{sender}>\r\nTo: <{recipients[0]}>\r\nSubject: bench {number}\r\n"
        f"Message-ID: <{number}@src.test>\r\nDate: Sun, 22 Nov 2026 06:00:00 +0000\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
    )
    return Letter(number, sender, recipients, header.encode() + text)


def addresses(kind: str, tenants: int, aliases: int) -> Iterator[str]:
    """Every alias of this kind, tenant after tenant, round and round: all tenants get the same share."""
    while True:
        for alias in range(aliases):
            for tenant in range(tenants):
                yield f"a{alias}@{kind}{tenant}.test"
