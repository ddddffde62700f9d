"""Other people's mail through the whole service: a sending server, our mx, its first attempt, a destination.

Must never change a message but for the line ends, which any client that speaks SMTP writes as CRLF.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.on_top import OURS
from tests.support.services import ROOT

FETCHED = ROOT / ".venv" / "corpus"
_LINE_END = re.compile(rb"\r?\n")


def fetched(project: str) -> Path:
    """The folder of a source distribution that set-up unpacked."""
    found = sorted(FETCHED.glob(f"{project}-*"))
    assert len(found) == 1, f"no test mail of {project}: run `python3 bootstrap.py corpus`"
    return found[0]


def on_the_wire(file: Path) -> bytes:
    """The message as a client sends it: lines end in CRLF, the last one too. A bare CR stays what it is."""
    content = _LINE_END.sub(b"\r\n", file.read_bytes())
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


async def refused_of(opened: Opener, messages: Mapping[str, bytes]) -> dict[str, str]:
    """Sends one by one: what was taken must arrive byte for byte (I5). The replies to what was not."""
    refused: dict[str, str] = {}
    changed: list[str] = []
    taken = 0
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        for name, content in messages.items():
            reply = await stack.send("hello@shop.test", content)
            if not reply.startswith("250 2.0.0 Queued as "):
                refused[name] = reply
                continue
            taken += 1
            if not is_ours_and(content, (await inbox.wait_for(taken))[-1].content):
                changed.append(name)
        await stack.idle()
    assert changed == []
    assert len(inbox.messages) == taken
    return refused


def is_ours_and(content: bytes, arrived: bytes) -> bool:
    """Whether this is our header fields, then the very bytes that were sent."""
    ours = OURS.match(arrived)
    return ours is not None and arrived[ours.end() :] == content
