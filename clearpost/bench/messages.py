"""What is sent: plain text of a given size with a number in its header. Must hold nobody's mail."""

import base64
import random
import re
from typing import Final

SENDER: Final = "sender@src.test"
ALIAS_DOMAIN: Final = "fwd.test"
INBOX_DOMAIN: Final = "dst.test"
DEAD_DOMAIN: Final = "dead.test"  # whose host answers nobody
_LINE: Final = 76
_NUMBER: Final = re.compile(rb"^X-Bench-Id: (\d+)\r$", re.MULTILINE)
_DATE: Final = "Sun, 22 Nov 2026 06:00:00 +0000"


def parse_size(text: str) -> int:
    """Octets: "4k", "5m" or a plain number."""
    unit = {"k": 1024, "m": 1 << 20}.get(text[-1].lower())
    return int(float(text[:-1]) * unit) if unit else int(text)


def body_of(size: int) -> bytes:
    """Lines of base64 about as long as `size`, the same at every call."""
    raw = base64.b64encode(random.Random(7).randbytes(max(64, int(size * 0.74))))
    return b"\r\n".join(raw[at : at + _LINE] for at in range(0, len(raw), _LINE)) + b"\r\n"


def alias_of(number: int, aliases: int) -> str:
    """Which of the account's aliases message `number` goes to."""
    return f"{number % aliases}alias@{ALIAS_DOMAIN}"


def message(number: int, recipient: str, body: bytes) -> bytes:
    head = (
        "Received: from mx.src.test (mx.src.test [192.0.2.1]) by relay.src.test;"
        f" {_DATE}\r\nX-Bench-Id: {number}\r\nFrom: Sender <{SENDER}>\r\nTo: <{recipient}>\r\n"
        f"Subject: bench {number}\r\nMessage-ID: <{number}.bench@src.test>\r\nDate: {_DATE}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
    )
    return head.encode() + body


def number_in(head: bytes) -> int:
    """The number that a message carries; -1 where it carries none (it is another program's)."""
    found = _NUMBER.search(head)
    return int(found[1]) if found else -1
