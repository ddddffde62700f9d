"""mailauth, an implementation of these standards that is not ours, asked about a message.

Must never reach DNS: it sees the records it is given, and no others.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.build_portal import PEERS, find_node

_CHECK = PEERS / "check.mjs"


@dataclass(frozen=True, slots=True)
class Found:
    """`dkim`: domain and result of each signature, top to bottom. `headers`: what mailauth would put on top,
    its seal first if it was given a key.
    """

    dkim: tuple[tuple[str, str], ...]
    arc: str
    sets: int
    dmarc: str
    headers: str


@dataclass(frozen=True, slots=True)
class Sealer:
    """Somebody else who seals. `private_key` in PEM."""

    domain: str
    selector: str
    private_key: str


async def mailauth(
    message: bytes,
    records: Mapping[str, str],
    *,
    sender: str = "ann@sender.test",
    sealer: Sealer | None = None,
) -> Found:
    """What it says of this message, come from nowhere in particular."""
    seal = sealer and {
        "signingDomain": sealer.domain,
        "selector": sealer.selector,
        "privateKey": sealer.private_key,
    }
    asked = {
        "message": b64encode(message).decode("ascii"),
        "records": dict(records),
        "sender": sender,
        **({"seal": seal} if seal else {}),
    }
    process = await asyncio.create_subprocess_exec(
        find_node(),
        str(_CHECK),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate(json.dumps(asked).encode())
    assert process.returncode == 0, complaint.decode()
    found = json.loads(said)
    dkim = tuple((each[0] or "", each[1]) for each in found["dkim"])
    return Found(dkim, found["arc"], found["sets"], found["dmarc"], found["headers"])
