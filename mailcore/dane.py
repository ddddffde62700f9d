"""DANE for SMTP (RFC 7672): which TLSA records are of use, and does a certificate match them? Pure.

Only DANE-EE(3) is matched: it names the server's own certificate or key. DANE-TA(2) and the usages that RFC
7672 section 3.1.3 rules out are of no use here, and then encryption is asked for without a proof (section
2.2). Must never look at names or dates of a certificate: the record is the proof (RFC 7671 section 5.1).
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from mailcore.dns_answers import Tlsa

DANE_EE: Final = 3
_CERTIFICATE, _PUBLIC_KEY = 0, 1
_VERSION_TAG: Final = 0xA0
_DIGESTS: Final[dict[int, Callable[[bytes], bytes]]] = {
    0: bytes,
    1: lambda data: hashlib.sha256(data).digest(),
    2: lambda data: hashlib.sha512(data).digest(),
}


def usable(records: Iterable[Tlsa]) -> tuple[Tlsa, ...]:
    """Those we can match, in an order that does not depend on the answer's."""
    return tuple(
        sorted((r for r in records if _is_usable(r)), key=lambda r: (r.selector, r.matching, r.data))
    )


def matches(certificate: bytes, records: Iterable[Tlsa]) -> bool:
    """Whether the server's certificate (DER) is one that a usable record names."""
    return bool(certificate) and any(
        _DIGESTS[record.matching](_selected(certificate, record)) == record.data for record in records
    )


def _is_usable(record: Tlsa) -> bool:
    known = record.selector in (_CERTIFICATE, _PUBLIC_KEY) and record.matching in _DIGESTS
    return record.usage == DANE_EE and known and bool(record.data)


def _selected(certificate: bytes, record: Tlsa) -> bytes:
    return certificate if record.selector == _CERTIFICATE else _public_key(certificate)


def _public_key(certificate: bytes) -> bytes:
    """SubjectPublicKeyInfo with the octets it has in there: written anew, some keys come out otherwise.

    RFC 5280 section 4.1: TBSCertificate is the first element, the key the sixth in it after the version.
    """
    _, whole = _elements(certificate)[0]
    _, to_be_signed = _elements(whole)[0]
    fields = _elements_with_header(to_be_signed)
    if fields[0][0] == _VERSION_TAG:
        fields = fields[1:]
    return fields[5]


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """(tag, content) of each DER element (X.690 section 8.1)."""
    return [(element[0], element[_header(element, 0) :]) for element in _elements_with_header(der)]


def _elements_with_header(der: bytes) -> list[bytes]:
    elements, at = [], 0
    while at < len(der):
        end = at + _header(der, at) + _length(der, at)
        elements.append(der[at:end])
        at = end
    return elements


def _header(der: bytes, at: int) -> int:
    """Octets before the content."""
    return 2 + (der[at + 1] & 0x7F if der[at + 1] & 0x80 else 0)


def _length(der: bytes, at: int) -> int:
    """Octets of the content."""
    first = der[at + 1]
    return int.from_bytes(der[at + 2 : at + _header(der, at)]) if first & 0x80 else first
