"""Odd but lawful mail, signed by dkimpy in every way there is: what must still verify once it has passed us.

Nothing here is ours: dkimpy signs, and says before what counts as valid.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Final

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.support.signed_mail import rsa_key

DOMAIN: Final = "signer.test"
FORMS: Final = ("simple", "relaxed")

_HEAD = b"From: Ann <ann@signer.test>\r\nTo: hello@shop.test\r\nDate: Sun, 22 Nov 2026 09:14:36 +0000\r\n"
_PLAIN = _HEAD + b"Message-ID: <1@signer.test>\r\nSubject: plain\r\n"
ODD: Final[Mapping[str, bytes]] = {
    "plain": _PLAIN + b"\r\nDear Bob,\r\n",
    "no body": _PLAIN + b"\r\n",
    "empty lines only": _PLAIN + b"\r\n\r\n\r\n\r\n",
    "empty lines at the end": _PLAIN + b"\r\ntext\r\n\r\n\r\n\r\n",
    "dots": _PLAIN + b"\r\n.\r\n..\r\n.leading\r\n...\r\n.\r\n",
    "spaces and tabs": _PLAIN + b"\r\n a  b\t\tc \t \r\n\t\r\n \r\ntext \r\n",
    "eight-bit body": _PLAIN + b"Content-Type: text/plain; charset=latin1\r\n\r\n\xe4\xf6\xfc \xff\xfe\r\n",
    "utf-8 body": _PLAIN + "Content-Type: text/plain; charset=utf-8\r\n\r\nÄöü ☃ 🙂\r\n".encode(),
    "utf-8 header": _HEAD + "Subject: Grüße ☃\r\n\r\ntext\r\n".encode(),
    "eai": "From: Jörg <jörg@signer.test>\r\nTo: grüße@shop.test\r\nSubject: ä\r\n\r\nü\r\n".encode(),
    "long lines": _PLAIN + b"\r\n" + b"x" * 60_000 + b"\r\n" + b"y z " * 10_000 + b"\r\n",
    "long header line": _HEAD + b"Subject: " + b"word " * 2_000 + b"\r\n\r\ntext\r\n",
    "odd folding": _HEAD + b"Subject:\r\n \r\n\ta\r\n  b\t c \r\nX-Empty:\r\n\r\ntext\r\n",
    "odd case": b"fRoM:ann@signer.test\r\nTO:x@shop.test\r\nsubJECT: MiXeD\r\n\r\ntext\r\n",
    "twice": _PLAIN + b"Subject: second\r\nTo: other@shop.test\r\nReceived: a\r\nReceived: b\r\n\r\ntext\r\n",
    "multipart": (
        _PLAIN + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"preamble\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"From: x\r\n\r\n.\r\n--b--\r\nepilogue \r\n\r\n"
    ),
    "broken mime": _PLAIN + b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n----\r\n--b\r\n \r\n",
    "base64": (
        _PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(bytes(range(256)) * 400).replace(b"\n", b"\r\n")
    ),
    "encoded words": _HEAD + b"Subject: =?utf-8?q?=00=FF?=  =?x?=\r\n =?utf-8?b?w6Q=?=\r\n\r\ntext\r\n",
    "results of others": (
        b"Authentication-Results: other.test; spf=pass\r\nARC-Nonsense: 1\r\nDKIM-Signature: nonsense\r\n"
        + _PLAIN + b"\r\ntext\r\n"
    ),
    "large": _PLAIN + b"\r\n" + b"A line of a long letter,  with  spaces. \r\n" * 12_000,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """How a message is signed: a= and both halves of c=."""

    algorithm: str
    header: str
    body: str

    def __str__(self) -> str:
        return f"{self.algorithm} {self.header}/{self.body}"


KINDS: Final = tuple(Kind(*each) for each in product(("rsa", "ed25519"), FORMS, FORMS))


@cache
def _ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def records() -> dict[str, str]:
    """The TXT records of both keys."""
    rsa = rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    edwards = _ed25519().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        f"rsa._domainkey.{DOMAIN}": f"v=DKIM1; k=rsa; p={base64.b64encode(rsa).decode()}",
        f"ed25519._domainkey.{DOMAIN}": f"v=DKIM1; k=ed25519; p={base64.b64encode(edwards).decode()}",
    }


def signed(message: bytes, kind: Kind) -> bytes:
    """Raises dkim.DKIMException for what dkimpy cannot sign."""
    field: bytes = dkim.sign(
        message,
        kind.algorithm.encode(),
        DOMAIN.encode(),
        _private(kind.algorithm),
        canonicalize=(kind.header.encode(), kind.body.encode()),
        signature_algorithm=f"{kind.algorithm}-sha256".encode(),
    )
    return field + message


def _private(algorithm: str) -> bytes:
    if algorithm == "rsa":
        return rsa_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    raw = _ed25519().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return base64.b64encode(raw)


def asked(more: Mapping[str, str] | None = None) -> Callable[..., Any]:
    """DNS for dkimpy: these records, and no other name."""
    found = {f"{name}.".encode(): text.encode() for name, text in {**records(), **(more or {})}.items()}
    return lambda name, timeout=5: found.get(name)


def holds(message: bytes) -> bool:
    """Whether dkimpy verifies the topmost signature."""
    try:
        return bool(dkim.verify(message, dnsfunc=asked()))
    except dkim.DKIMException:
        return False


def is_sealed(message: bytes, more: Mapping[str, str]) -> bool:
    """Whether dkimpy finds an ARC chain that holds."""
    return bool(dkim.arc_verify(message, dnsfunc=asked(more))[0] == b"pass")


def valid(messages: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Each of them signed in each way, as far as dkimpy can and verifies it afterwards."""
    for (name, message), kind in product(messages.items(), KINDS):
        try:
            made = signed(message, kind)
        except dkim.DKIMException:
            continue
        if holds(made):
            yield f"{name}, {kind}", made
