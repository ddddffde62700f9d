"""What a signature field says, over what it was made, and whether it holds (RFC 6376, RFC 8301, RFC 8463).

Shared by DKIM and ARC. Pure. Must never raise for what a message holds.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from mailcore.authenticity.canonical import BodyKind, Canonicalisation, Field, header_fields, relaxed_header
from mailcore.authenticity.public_keys import Flaw, PublicKey, key_name
from mailcore.authenticity.tag_lists import Tags, base64, domain, selector
from mailcore.values import value

_VALUE_OF_B: Final = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_CANONICALISATION: Final = re.compile(r"(simple|relaxed)(?:/(simple|relaxed))?")
_TIME: Final = re.compile(r"[0-9]{1,12}")
# More fields than a message may have: nobody signs so many, and each is looked for.
_MOST_NAMES: Final = 2_000
_LENGTH: Final = re.compile(r"[0-9]{1,76}")


@value
class Signature:
    """What every kind of signature says: who (d=, s=), how (a=), and `value` (b=)."""

    field: Field
    domain: str
    selector: str
    algorithm: str
    value: bytes

    @property
    def key_name(self) -> str:
        return key_name(self.selector, self.domain)


@value
class MessageSignature:
    """A signature over named fields (h=, lower case) and a body (bh=)."""

    signature: Signature
    names: tuple[bytes, ...]
    form: Canonicalisation
    body: BodyKind
    body_hash: bytes


class Header:
    """A header section as signatures see it."""

    def __init__(self, section: bytes) -> None:
        self.fields = header_fields(section)
        self._relaxed: dict[bytes, bytes] = {}
        self._named: dict[bytes, list[Field]] = {}
        for field in self.fields:
            self._named.setdefault(field.name, []).append(field)

    def named(self, name: bytes) -> list[Field]:
        """Top to bottom."""
        return self._named.get(name, [])

    def form_of(self, field: Field, form: Canonicalisation) -> bytes:
        """Kept: an ARC chain of n sets looks at its first set n times."""
        if form == "simple":
            return field.raw
        found = self._relaxed.get(field.raw)
        if found is None:
            found = self._relaxed[field.raw] = relaxed_header(field.raw)
        return found

    def signed_by(self, signature: MessageSignature) -> bytes:
        """What b= was made over (RFC 6376 section 3.7): the named fields, each name from the bottom up, a
        name that has no field (left) standing for nothing; then the signature field itself.
        """
        own = signature.signature.field
        left = {name: [each for each in self.named(name) if each is not own] for name in set(signature.names)}
        fields = [left[name].pop() for name in signature.names if left[name]]
        return self.over(fields, own, signature.form)

    def over(self, fields: Iterable[Field], own: Field, form: Canonicalisation) -> bytes:
        """These fields, then the signature's own without the value of b= and without its last CRLF."""
        name, _, value = own.raw.partition(b":")
        bare = Field(own.name, name + b":" + _VALUE_OF_B.sub(rb"\1", value.removesuffix(b"\r\n"), count=1))
        last = relaxed_header(bare.raw).removesuffix(b"\r\n") if form == "relaxed" else bare.raw
        return b"".join(self.form_of(field, form) for field in fields) + last


def read_signature(field: Field, tags: Tags) -> Signature | Flaw:
    """What DKIM-Signature, ARC-Message-Signature and ARC-Seal have in common."""
    for name in ("a", "b", "d", "s"):
        if not tags.get(name):
            return Flaw("permerror", f"{name}= missing")
    if tags["a"] == "rsa-sha1":
        return Flaw("policy", "sha1 proves nothing")  # RFC 8301 section 3.1
    if tags["a"] not in ("rsa-sha256", "ed25519-sha256"):
        return Flaw("permerror", "algorithm unknown")
    of, at, value = domain(tags["d"]), selector(tags["s"]), base64(tags["b"])
    if of is None or at is None or value is None:
        return Flaw("permerror", "d=, s= or b= not understood")
    if not _TIME.fullmatch(tags.get("t", "0")):
        return Flaw("permerror", "t= not understood")
    return Signature(field, of, at, tags["a"], value)


def read_message_signature(field: Field, tags: Tags, forms: str = "simple") -> MessageSignature | Flaw:
    """What DKIM-Signature and ARC-Message-Signature have in common; `forms` where c= is absent."""
    signature = read_signature(field, tags)
    if isinstance(signature, Flaw):
        return signature
    if "h" not in tags:
        return Flaw("permerror", "h= missing")
    c = _CANONICALISATION.fullmatch(tags.get("c", forms))
    if c is None or not _LENGTH.fullmatch(tags.get("l", "0")):
        return Flaw("permerror", "c= or l= not understood")
    body_hash = base64(tags.get("bh", ""))
    if body_hash is None:
        return Flaw("permerror", "bh= missing or not understood")
    names = tuple(name.strip(b" \t").lower() for name in tags["h"].encode().split(b":"))
    if len(names) > _MOST_NAMES:
        return Flaw("permerror", "h= too long")
    return MessageSignature(
        signature,
        tuple(name for name in names if name),
        cast(Canonicalisation, c[1]),
        BodyKind(cast(Canonicalisation, c[2] or "simple"), int(tags["l"]) if "l" in tags else None),
        body_hash,
    )


def holds(signature: Signature, key: PublicKey, text: bytes) -> bool:
    """Was b= made over `text` with the private half of `key`?"""
    if not signature.algorithm.startswith(f"{key.kind}-"):
        return False
    try:
        if isinstance(key.key, Ed25519PublicKey):
            key.key.verify(signature.value, hashlib.sha256(text).digest())  # RFC 8463 section 3
        else:
            key.key.verify(signature.value, text, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
