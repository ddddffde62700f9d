"""What we sign: a DKIM-Signature (RFC 6376), and an ARC set (RFC 8617), rsa-sha256 and relaxed.

Bytes in, header fields out. Must never change or hold back a message: what cannot be sealed goes without one.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from mailcore.authenticity import arc
from mailcore.authenticity.canonical import Field, relaxed_header
from mailcore.authenticity.signatures import Header
from mailcore.authenticity.signing_keys import SigningKey
from mailcore.authenticity.verdicts import ArcVerdict
from mailcore.values import value

# What a reader sees or a program obeys: these are signed once more than they occur, so that none can be added
# (RFC 6376 section 8.15).
_SEALED_OFF: Final = (
    b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
    b"content-transfer-encoding",
)  # fmt: skip
_SIGNED_TOO: Final = (
    b"sender", b"in-reply-to", b"references", b"auto-submitted", b"list-id", b"list-unsubscribe",
    b"list-unsubscribe-post", b"x-original-from",
)  # fmt: skip
_DKIM: Final = b"dkim-signature"
# A header that repeats these so often is no letter of anybody's, and h= would be longer than the letter.
_MOST_NAMES: Final = 100
_LINE_LENGTH: Final = 78


@value
class Signer:
    """Whose signature, and when."""

    key: SigningKey
    at: datetime

    @property
    def tags(self) -> list[str]:
        return [f"d={self.key.domain};", f"s={self.key.selector};", f"t={int(self.at.timestamp())};"]


def dkim_signature(header: Header, body_hash: bytes, signer: Signer) -> bytes | None:
    """The DKIM-Signature field for this header section and this hash of the relaxed body, with its CRLF; None
    where it would be out of proportion.
    """
    names = _names(header)
    if names is None:
        return None
    start = ["DKIM-Signature: v=1;", "a=rsa-sha256;", "c=relaxed/relaxed;"]
    return _message_signature(start, header, names, body_hash, signer)


def arc_set(
    header: Header, body_hash: bytes, results: bytes, verdict: ArcVerdict, signer: Signer
) -> bytes | None:
    """The three fields of one more set: ARC-Seal, ARC-Message-Signature, ARC-Authentication-Results.

    `results` is our Authentication-Results field. None where no set may follow, or nothing is known of the
    chain there is: malformed, full, already sealed as failed (RFC 8617 section 5.1), a key that was not
    answered for.
    """
    chain, names = arc.prepare(header), _names(header, _DKIM)
    if names is None or verdict.result not in ("none", "pass", "fail"):
        return None
    if not verdict.sets == len(chain.sets) == chain.instances < arc.MOST_SETS:
        return None
    instance, cv = verdict.sets + 1, verdict.result
    said = b"ARC-Authentication-Results: i=%d;" % instance + results.partition(b":")[2]
    start = [f"ARC-Message-Signature: i={instance};", "a=rsa-sha256;", "c=relaxed/relaxed;"]
    message = _message_signature(start, header, names, body_hash, signer)
    # A chain that failed is not signed again: the set of who found that out stands alone (section 5.1.2).
    older = () if cv == "fail" else chain.sets
    below = [field for each in older for field in (each.results, each.message, each.seal.field)]
    over = [*below, Field(b"arc-authentication-results", said), Field(b"arc-message-signature", message)]
    start = [f"ARC-Seal: i={instance};", "a=rsa-sha256;", f"cv={cv};"]
    return _signed(start + signer.tags, header, over, signer.key) + message + said


def _names(header: Header, *more: bytes) -> list[bytes] | None:
    """h=: each name as often as it occurs, the first of them once more. None for too many."""
    found: list[bytes] = []
    for name in _SEALED_OFF:
        found += [name] * (len(header.named(name)) + 1)
    for name in (*_SIGNED_TOO, *more):
        found += [name] * len(header.named(name))
    return found if len(found) <= _MOST_NAMES else None


def _message_signature(
    start: Sequence[str], header: Header, names: Sequence[bytes], body_hash: bytes, signer: Signer
) -> bytes:
    listed = b":".join(names).decode("ascii")
    tags = [*start, *signer.tags, f"h={listed};", f"bh={_base64(body_hash)};"]
    left = {name: list(header.named(name)) for name in set(names)}
    chosen = [left[name].pop() for name in names if left[name]]  # each name from the bottom up
    return _signed(tags, header, chosen, signer.key)


def _signed(tags: Iterable[str], header: Header, over: Iterable[Field], key: SigningKey) -> bytes:
    """A field of these tags and of b=, the signature over other fields and over itself without b=."""
    bare = _folded(tags) + b"\r\n b="
    own = relaxed_header(bare).removesuffix(b"\r\n")
    text = b"".join([header.form_of(field, "relaxed") for field in over]) + own
    return bare + b"\r\n ".join(_pieces(_base64(key.sign(text)).encode("ascii"))) + b"\r\n"


def _folded(tags: Iterable[str]) -> bytes:
    """Tags on lines of at most 78 characters; a longer one is broken behind colons, where it has any."""
    lines: list[str] = []
    last = ""
    for tag in tags:
        rest = f" {tag}" if last or lines else tag
        while len(last) + len(rest) > _LINE_LENGTH:
            end = rest.rfind(":", 0, _LINE_LENGTH - len(last)) + 1 if len(tag) >= _LINE_LENGTH else 0
            if not end and not last:  # a word that no line holds
                end = rest.find(":") + 1 or len(rest)
            last += rest[:end]
            lines.append(last)
            last, rest = "", rest[end:].lstrip(" ")
            rest = rest and f" {rest}"
        last += rest
    return "\r\n".join([*lines, last] if last else lines).encode("ascii")


def _pieces(text: bytes) -> list[bytes]:
    width = _LINE_LENGTH - len(" b=")
    return [text[start : start + width] for start in range(0, len(text), width)]


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
