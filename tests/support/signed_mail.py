"""Messages signed by hand, so that every tag can be odd, and the keys to them as DNS records."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mailcore.authenticity.canonical import Field, body_hash
from mailcore.authenticity.signatures import Header, MessageSignature, read_message_signature
from mailcore.authenticity.tag_lists import tag_list
from mailcore.dns_answers import TxtAnswer

PrivateKey = RSAPrivateKey | Ed25519PrivateKey

HEADER = b"From: Ann <ann@a.test>\r\nTo: bob@b.test\r\nSubject: hello\r\n"
BODY = b"Dear Bob,\r\n\r\nthis  is it.\r\n"
TAGS = {
    "v": "1",
    "a": "rsa-sha256",
    "c": "relaxed/relaxed",
    "d": "a.test",
    "s": "s1",
    "h": "from:to:subject",
}
NAME = "s1._domainkey.a.test"
PASSED = "spf=pass smtp.mailfrom=ann@a.test; dkim=pass header.d=a.test; dmarc=pass header.from=a.test"


class Records:
    """TXT records by name, in place of a resolver; None is a name server that fails."""

    def __init__(self, records: Mapping[str, str | tuple[str, ...] | None]) -> None:
        self.records = records
        self.asked: list[str] = []

    def known_txt(self, name: str) -> TxtAnswer | None:
        return None

    async def txt(self, name: str) -> TxtAnswer:
        self.asked.append(name)
        if name not in self.records:
            return TxtAnswer("none", exists=False)
        found = self.records[name]
        if found is None:
            return TxtAnswer("failure")
        return TxtAnswer("ok", (found,) if isinstance(found, str) else found)


@cache
def rsa_key(bits: int = 1024) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


@cache
def ed25519_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def record(key: PrivateKey, tags: str = "v=DKIM1; ") -> str:
    """The key record, `tags` in front."""
    public = key.public_key()
    if isinstance(key, Ed25519PrivateKey):
        octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"{tags}k=ed25519; p={b64encode(octets).decode()}"
    octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{tags}k=rsa; p={b64encode(octets).decode()}"


def for_dkimpy(key: PrivateKey) -> bytes:
    """The private key as dkimpy takes it."""
    if isinstance(key, Ed25519PrivateKey):
        return b64encode(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def sign(key: PrivateKey, text: bytes) -> bytes:
    """b= of this text."""
    if isinstance(key, Ed25519PrivateKey):
        return b64encode(key.sign(hashlib.sha256(text).digest()))
    return b64encode(key.sign(text, PKCS1v15(), SHA256()))


def signature_field(
    key: PrivateKey,
    changes: Mapping[str, str | None] | None = None,
    *,
    header: bytes = HEADER,
    body: bytes = BODY,
    name: str = "DKIM-Signature",
) -> bytes:
    """A field over header and body with the tags above, changed; None takes one away."""
    tags = {**TAGS, **(changes or {})}
    tags.setdefault("bh", b64encode(_body_hash(body, tags)).decode())
    text = "; ".join(f"{tag}={value}" for tag, value in tags.items() if value is not None)
    draft = f"{name}: {text}; b=".encode()
    return draft + sign(key, _signed_text(draft, header)) + b"\r\n"


def forwarded(
    *domains: str, says: str = PASSED, tags: dict[str, str | None] | None = None, more: str = ""
) -> bytes:
    """The header after these have passed the message on, each saying that it saw this; `tags` are changes to
    their signatures of the message, `more` stands in their seals.
    """
    header = HEADER
    below = b""
    for instance, domain in enumerate(domains, 1):
        results = f"ARC-Authentication-Results: i={instance}; {domain}; {says}\r\n".encode()
        changes = {"v": None, "i": str(instance), "d": domain, **(tags or {})}
        message = signature_field(rsa_key(), changes, header=header, name="ARC-Message-Signature")
        cv = "none" if instance == 1 else "pass"
        draft = f"ARC-Seal: i={instance}; a=rsa-sha256; cv={cv}; d={domain}; s=s1{more}; b=".encode()
        over = Header(below + results + message + draft + b"\r\n")
        seal = draft + sign(rsa_key(), over.over(over.fields[:-1], over.fields[-1], "relaxed")) + b"\r\n"
        below += results + message + seal
        header = seal + message + results + header
    return header


def _body_hash(body: bytes, tags: Mapping[str, str | None]) -> bytes:
    form = (tags.get("c") or "simple").partition("/")[2]
    length = tags.get("l") or ""
    cut = int(length) if length.isascii() and length.isdigit() else None
    return body_hash([body], "relaxed" if form == "relaxed" else "simple", cut) or b"body is shorter"


def _signed_text(draft: bytes, header: bytes) -> bytes:
    """Nothing for a signature that cannot be read: no test needs it to hold."""
    field = Field(draft.partition(b":")[0].lower(), draft + b"AA==\r\n")
    tags = tag_list(field.raw.partition(b":")[2])
    read = None if tags is None else read_message_signature(field, {**tags, "a": "rsa-sha256"})
    return Header(header).signed_by(read) if isinstance(read, MessageSignature) else b""
