"""That each side really does the work it is measured at: SRS, a signature that verifies, verdicts if asked.

Must be seen before a side's first run: a stack that forgets to sign would be quick.
"""

from pathlib import Path
from typing import Any

import dkim
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bench import load
from bench.ground import Ground
from bench.sides import Side
from bench.signed import write_signed
from clearpost.bench import peers
from clearpost.bench.messages import SENDER
from clearpost.bench.node import Node
from mailcore.authenticity.signing_keys import SigningKey

_MESSAGES = 3


class NotDone(Exception):
    """What the side left out, in one line."""


def check(ground: Ground, name: str, side: Side) -> None:
    """Sends a few signed messages and looks at what comes out. Raises NotDone."""
    file = write_signed(ground.home / "proof.eml", ground.sender_key, 4096)
    with peers.sink(ground.sink_port, keep=_MESSAGES) as sink:
        given = load.give(side.address, load.Load(_MESSAGES, sessions=1, file=file))
        arrived = sink.wait_for(_MESSAGES, patience=20)
        samples = sink.take()["samples"]
    if arrived != _MESSAGES:
        raise NotDone(f"{name}: {arrived} of {_MESSAGES} messages arrived; {given.error}")
    for sample in samples:
        if lack := lacking(sample, _records(ground, side), verdicts="verdicts" in name):
            raise NotDone(f"{name}: {lack}")


def lacking(sample: dict[str, Any], records: dict[str, str], *, verdicts: bool) -> str:
    """What one forwarded message lacks, or nothing."""
    raw = sample["content"].encode("latin1")
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")

    def find(name: bytes, **_: Any) -> bytes:
        return records.get(name.decode().rstrip("."), "").encode()

    if SENDER in sample["envelope"][0] or "@" not in sample["envelope"][0]:
        return "the reverse-path was not rewritten (SRS)"
    fields = [line.lower() for line in head.split(b"\r\n")]
    sealed = any(line.startswith(b"arc-seal:") for line in fields)
    ours_signed = sum(line.startswith(b"dkim-signature:") for line in fields) > 1
    if not sealed and not ours_signed:
        return "it was neither signed nor sealed"
    if ours_signed and not dkim.verify(raw, dnsfunc=find):
        return "the signature does not verify"
    if sealed and dkim.arc_verify(raw, dnsfunc=find)[0] != b"pass":
        return "the seal does not verify"
    results = b" ".join(line for line in fields if b"authentication-results:" in line)
    if verdicts and not all(word in results for word in (b"dkim=pass", b"dmarc=pass", b"spf=pass")):
        return f"its verdicts are not all there: {results.decode('latin1')[:300]}"
    return ""


def _records(ground: Ground, side: Side) -> dict[str, str]:
    """The keys in DNS, and those that ours has made for itself."""
    keys = [ground.sender_key, ground.our_key]
    if isinstance(side, Node):
        keys += [_key(path) for path in (side.home / "keys" / "dkim").glob("*/*.pem")]
    return {key.record_name: key.record for key in keys}


def _key(path: Path) -> SigningKey:
    private = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(private, RSAPrivateKey)
    return SigningKey(path.parent.name, path.stem, private)
