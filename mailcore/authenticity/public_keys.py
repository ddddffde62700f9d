"""The keys that signatures are checked with: asked for in DNS, read, kept (RFC 6376 section 3.6).

Must never raise for what a record holds or a name server says: where there is no key, there is a flaw.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailcore.authenticity.tag_lists import Tags, base64, listed, tag_list
from mailcore.authenticity.txt_records import AsksTxt, ask_txt
from mailcore.dns_answers import TxtAnswer

LEAST_RSA_BITS: Final = 1024  # RFC 8301 section 3.2
MOST_RSA_BITS: Final = 8192
MOST_EXPONENT_BITS: Final = 64  # a larger one has no use but to cost us time
LONGEST_RECORD: Final = 8192
KEYS_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why there is nothing to check: a word of RFC 8601 section 2.7.1, and a few words of ours."""

    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`kind` is the first half of a=. `strict` (t=s): i= has the very domain of d=; `testing`: t=y."""

    kind: str
    key: RSAPublicKey | Ed25519PublicKey
    strict: bool = False
    testing: bool = False


Keys = Mapping[str, PublicKey | Flaw]


_NOT_A_RECORD: Final = Flaw("permerror", "key record not understood")
_REVOKED: Final = Flaw("permerror", "key revoked")
_NO_KEY: Final = Flaw("permerror", "no key")
_NOT_ANSWERED: Final = Flaw("temperror", "key not answered for")


def key_name(selector: str, domain: str) -> str:
    """Where a key lies (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


async def ask_keys(
    resolver: AsksTxt, names: Iterable[str], patience: float | None = None
) -> dict[str, PublicKey | Flaw]:
    """The keys at these names, all asked for at once. What is not answered in `patience` seconds is a flaw
    of its own, and costs the others nothing.
    """
    answers = await ask_txt(resolver, names, patience)
    return {name: _key_in(answer) for name, answer in answers.items()}


def _key_in(answer: TxtAnswer) -> PublicKey | Flaw:
    return _NOT_ANSWERED if answer.status == "failure" else _best(answer.strings)


def _best(records: tuple[str, ...]) -> PublicKey | Flaw:
    """The key among the records of one name. There should be one record only; others may stand beside it."""
    found = [read_record(record) for record in records]
    keys = (each for each in found if isinstance(each, PublicKey))
    return next(keys, found[0] if found else _NO_KEY)


def read_record(record: str) -> PublicKey | Flaw:
    """A key record (RFC 6376 section 3.6.1, RFC 8463 section 4)."""
    return _read(record) if len(record) <= LONGEST_RECORD else _NOT_A_RECORD


@lru_cache(KEYS_KEPT)  # a key that was used before checks a signature in half the time
def _read(record: str) -> PublicKey | Flaw:
    tags = tag_list(record.encode())
    if tags is None or "p" not in tags or not _is_of_our_version(tags):
        return _NOT_A_RECORD
    if not tags["p"]:
        return _REVOKED
    if not listed(tags.get("h", "sha256"), "sha256"):
        return Flaw("permerror", "key not for sha256")
    services = tags.get("s", "*")
    if not listed(services, "*") and not listed(services, "email"):
        return Flaw("permerror", "key not for email")
    return _key(tags)


def _is_of_our_version(tags: Tags) -> bool:
    """v= may be absent, else it is the first (RFC 6376 section 3.6.1)."""
    return "v" not in tags or (tags["v"] == "DKIM1" and next(iter(tags)) == "v")


def _key(tags: Tags) -> PublicKey | Flaw:
    kind, octets = tags.get("k", "rsa"), base64(tags["p"])
    if kind not in ("rsa", "ed25519"):
        return Flaw("permerror", "key of unknown type")
    key = None if octets is None else _rsa(octets) if kind == "rsa" else _ed25519(octets)
    if key is None:
        return Flaw("permerror", "key not understood")
    if isinstance(key, Flaw):
        return key
    flags = tags.get("t", "")
    return PublicKey(kind, key, strict=listed(flags, "s"), testing=listed(flags, "y"))


def _rsa(octets: bytes) -> RSAPublicKey | Flaw | None:
    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPublicKey):
        return None
    if key.key_size < LEAST_RSA_BITS:
        return Flaw("policy", "key too short")
    if key.key_size > MOST_RSA_BITS or key.public_numbers().e.bit_length() > MOST_EXPONENT_BITS:
        return Flaw("policy", "key too large")
    return key


def _ed25519(octets: bytes) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(octets)
    except (ValueError, UnsupportedAlgorithm):
        return None
