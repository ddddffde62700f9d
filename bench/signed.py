"""A message that its sender has signed, as a file for smtp-source. Must verify, or nothing is measured."""

from pathlib import Path

import dkim
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clearpost.bench.messages import alias_of, body_of, message
from mailcore.authenticity.signing_keys import SigningKey


def write_signed(path: Path, key: SigningKey, size: int) -> Path:
    """As the sender's own domain signs it; lines end in LF, which smtp-source turns into CRLF."""
    raw = message(1, alias_of(1, 2), body_of(size))
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    names = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"]
    signature = dkim.sign(
        raw, key.selector.encode(), key.domain.encode(), pem, include_headers=names,
        canonicalize=(b"relaxed", b"relaxed"),
    )  # fmt: skip
    path.write_bytes((signature + raw).replace(b"\r\n", b"\n"))
    return path
