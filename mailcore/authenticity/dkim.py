"""DKIM signatures of a message as it arrived (RFC 6376 section 6, RFC 8301, RFC 8463).

In steps, so that the body is hashed in a thread while DNS answers: `prepare`, then `ask_keys` and
`body_hashes` for what it names, then `check`. Must never raise for what a message holds or DNS says.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from mailcore.authenticity.canonical import BodyKind, Buffer, Field, body_hashes
from mailcore.authenticity.public_keys import Flaw, Keys, PublicKey, ask_keys
from mailcore.authenticity.signatures import Header, MessageSignature, holds, read_message_signature
from mailcore.authenticity.tag_lists import Tags, domain, listed, selector, tag_list
from mailcore.authenticity.txt_records import AsksTxt
from mailcore.authenticity.verdicts import DkimVerdict
from mailcore.values import value

MOST_SIGNATURES: Final = 10
MOST_LOOKED_AT: Final = 50
# Signers' clocks go wrong, by whole time zones too; nobody gains by a signature made "tomorrow".
AHEAD_SECONDS: Final = 12 * 3600.0
_TIME_DIGITS: Final = 12


@value
class Signed:
    """A signature that can be checked. `exact`: its i= has the domain of d=, not one below it."""

    by: MessageSignature
    exact: bool

    def verdict(self, result: str, reason: str = "") -> DkimVerdict:
        signature = self.by.signature
        return DkimVerdict(result, signature.domain, signature.selector, signature.algorithm, reason)


@value
class Signatures:
    """The signatures of a header, top to bottom: to be checked, or found wanting already."""

    header: Header
    found: tuple[Signed | DkimVerdict, ...]

    @property
    def key_names(self) -> frozenset[str]:
        return frozenset(each.by.signature.key_name for each in self.found if isinstance(each, Signed))

    @property
    def bodies(self) -> frozenset[BodyKind]:
        return frozenset(each.by.body for each in self.found if isinstance(each, Signed))


async def verify(
    header: bytes, body: Iterable[Buffer], resolver: AsksTxt, *, now: datetime
) -> tuple[DkimVerdict, ...]:
    """All steps at once, one verdict for each signature, top to bottom. `header` is the section with the CRLF
    of its last field; a large `body` belongs into a thread, and so the steps should be taken apart.
    """
    signatures = prepare(Header(header), now)
    keys = await ask_keys(resolver, signatures.key_names)
    return check(signatures, keys, body_hashes(body, signatures.bodies))


def prepare(header: Header, now: datetime) -> Signatures:
    """Read the first 10 signatures that can be read."""
    found: list[Signed | DkimVerdict] = []
    room = MOST_SIGNATURES
    for field in header.named(b"dkim-signature")[:MOST_LOOKED_AT]:
        each = _read(field, header, now.timestamp())
        room -= isinstance(each, Signed)
        found.append(each)
        if not room:
            break
    return Signatures(header, tuple(found))


def check(
    signatures: Signatures, keys: Keys, bodies: Mapping[BodyKind, bytes | None]
) -> tuple[DkimVerdict, ...]:
    """CPU only: one verdict for each signature, from the keys at `key_names` and the hashes of `bodies`."""
    return tuple(
        each if isinstance(each, DkimVerdict) else _check(each, signatures.header, keys, bodies)
        for each in signatures.found
    )


def _check(
    signed: Signed, header: Header, keys: Keys, bodies: Mapping[BodyKind, bytes | None]
) -> DkimVerdict:
    by = signed.by
    key = keys[by.signature.key_name]
    if bodies[by.body] != by.body_hash:  # certain, whatever DNS does not say
        return _failed(signed, key, "body changed")
    if isinstance(key, Flaw):
        return signed.verdict(key.result, key.reason)
    if not by.signature.algorithm.startswith(f"{key.kind}-"):
        return signed.verdict("permerror", "key of another algorithm")
    if key.strict and not signed.exact:
        return signed.verdict("permerror", "i= not allowed by key")
    if not holds(by.signature, key, header.signed_by(by)):
        return _failed(signed, key, "signature does not hold")
    return signed.verdict("pass", "" if by.body.length is None else "only a part of the body is signed")


def _failed(signed: Signed, key: PublicKey | Flaw, reason: str) -> DkimVerdict:
    """A domain that only tests is treated as if it had not signed (RFC 6376 section 3.6.1, t=y)."""
    testing = isinstance(key, PublicKey) and key.testing
    return signed.verdict("neutral" if testing else "fail", reason)


def _read(field: Field, header: Header, now: float) -> Signed | DkimVerdict:
    tags = tag_list(field.raw.partition(b":")[2])
    if tags is None:
        return DkimVerdict("permerror", reason="signature not understood")
    by = read_message_signature(field, tags)
    if isinstance(by, Flaw):
        return _flawed(by, tags)
    flaw = _flaw(by, tags, header, now)
    if flaw is not None:
        return _flawed(flaw, tags)
    return Signed(by, exact=_identity(tags, by.signature.domain) == by.signature.domain)


def _flawed(flaw: Flaw, tags: Tags) -> DkimVerdict:
    """With as much as the signature says in a form that can be repeated."""
    algorithm = tags.get("a", "")
    return DkimVerdict(
        flaw.result,
        domain(tags.get("d", "")) or "",
        selector(tags.get("s", "")) or "",
        algorithm if algorithm in ("rsa-sha1", "rsa-sha256", "ed25519-sha256") else "",
        flaw.reason,
    )


def _flaw(by: MessageSignature, tags: Tags, header: Header, now: float) -> Flaw | None:
    """RFC 6376 section 6.1.1."""
    if tags.get("v") != "1":
        return Flaw("permerror", "version unknown")
    if not listed(tags.get("q", "dns/txt"), "dns/txt"):
        return Flaw("permerror", "q= unknown")
    identity = _identity(tags, by.signature.domain)
    if not f".{identity}".endswith(f".{by.signature.domain}"):
        return Flaw("permerror", "i= is not of d=")
    if b"from" not in by.names:
        return Flaw("permerror", "From not signed")
    if len(header.named(b"from")) > max(1, by.names.count(b"from")):
        return Flaw("policy", "a From is not signed")  # RFC 6376 section 8.15: who reads it sees the first
    return _out_of_time(tags, now)


def _out_of_time(tags: Tags, now: float) -> Flaw | None:
    made, expires = tags.get("t", "0"), tags.get("x")
    if int(made) > now + AHEAD_SECONDS:
        return Flaw("policy", "signed in the future")
    if expires is None:
        return None
    if not (expires.isascii() and expires.isdigit() and len(expires) <= _TIME_DIGITS):
        return Flaw("permerror", "x= not understood")
    if int(expires) <= int(made):
        return Flaw("permerror", "x= is before t=")
    return Flaw("fail", "signature expired") if int(expires) < now else None


def _identity(tags: Tags, signer: str) -> str:
    """The domain of i=, whose local part is nobody's business."""
    return tags.get("i", f"@{signer}").rpartition("@")[2].lower()
