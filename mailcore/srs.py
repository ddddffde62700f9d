"""SRS: a reverse-path under our domain that brings a failure back to the sender it stands for (pure).

SRS0, SRS1 and, where those would pass 64 octets, an opaque token. All carry a keyed hash, so that nobody
can make us write to an address of their choice. Must never decode what we have not signed. The hash is
over lower-case text, because relays may change the case of a local part.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from enum import Enum

from mailcore.envelope import MAX_LOCAL_PART_OCTETS, Mailbox, normalise_domain

_HASH_LENGTH = 8  # base32 characters: 40 bits, what is left of 64 octets is needed for the address
_TOKEN_LENGTH = 24  # 120 bits: nobody meets another sender's token by chance
_TOKEN_HASH_LENGTH = 12
_STAMP_CYCLE = 1024  # days that two base32 characters can tell apart
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

_SIGNED = rf"([A-Z2-7]{{{_HASH_LENGTH}}})([A-Z2-7]*)"
_OUR_SRS0 = re.compile(rf"SRS0={_SIGNED}=([A-Z2-7]{{2}})=([^=]+)=(.+)", re.IGNORECASE | re.ASCII | re.DOTALL)
_OUR_SRS1 = re.compile(rf"SRS1={_SIGNED}=([^=]+)=([-+=].+)", re.IGNORECASE | re.ASCII | re.DOTALL)
_OUR_TOKEN = re.compile(
    rf"SRST=([A-Z2-7]{{2}})([A-Z2-7]{{{_TOKEN_LENGTH}}})([A-Z2-7]{{{_TOKEN_HASH_LENGTH}}})",
    re.IGNORECASE | re.ASCII,
)
# Other forwarders choose the first separator and the lengths of hash and stamp themselves.
_FOREIGN_SRS0 = re.compile(r"SRS0([-+=][^=]+=[^=]+=[^=]+=.+)", re.IGNORECASE | re.ASCII)
_FOREIGN_SRS1 = re.compile(r"SRS1[-+=][^=]+=([^=]+)=([-+=][^=]+=[^=]+=[^=]+=.+)", re.IGNORECASE | re.ASCII)
_ANY_SRS = re.compile(r"SRS[01T][-+=]", re.IGNORECASE | re.ASCII)


class SrsFault(Enum):
    """Why a return address of ours is refused."""

    FORGED = "forged"
    EXPIRED = "expired"
    MALFORMED = "malformed"


def looks_like_srs(local_part: str) -> bool:
    """Whether to ask `Srs.decode` or `Srs.token_is_ours` about a local part at our domain."""
    return _ANY_SRS.match(local_part) is not None


class Srs:
    """Encoder and decoder for one domain. A day is a count of days since 1970-01-01 UTC."""

    def __init__(self, domain: str, keys: Sequence[bytes], max_age_days: int = 10) -> None:
        """`keys[0]` signs, every key verifies, so that a key can be rotated without losing bounces."""
        if not keys or not all(keys):
            raise ValueError("SRS needs at least one key, and none may be empty")
        self.domain = domain
        self._keys = tuple(keys)
        self._max_age_days = max_age_days

    def encode(self, sender: Mailbox, day: int, reference: str = "") -> Mailbox | None:
        """The reverse-path that stands for `sender`; None (long, quoted, not ASCII) where only `token` can.

        `reference` (base32 characters) rides along behind the hash, signed: see `reference_of`.
        """
        if not sender.is_ascii or not sender.domain:
            return None
        if sender.domain == self.domain and looks_like_srs(sender.local_part):
            return sender  # it comes back to us already
        encoded = Mailbox(self._guarded(sender, reference) or self._srs0(sender, day, reference), self.domain)
        local_part = encoded.address.removesuffix(f"@{self.domain}")
        if len(local_part) > MAX_LOCAL_PART_OCTETS or local_part.startswith('"'):
            return None  # many relays mangle a quoted local part
        return encoded

    def decode(self, local_part: str, day: int) -> Mailbox | SrsFault:
        """The sender behind a local part at our domain; for SRS1 the SRS0 address at the first forwarder."""
        if not local_part.isascii():
            return SrsFault.MALFORMED  # lower-casing maps some of these onto ASCII letters
        if srs0 := _OUR_SRS0.fullmatch(local_part):
            hashed, reference, stamp, domain, local = srs0.groups()
            signed_day = _day_of(stamp, day)
            if not self._is_signed(hashed, _HASH_LENGTH, "SRS0", reference, str(signed_day), domain, local):
                return SrsFault.FORGED
            return Mailbox(local, domain.lower()) if self._is_fresh(signed_day, day) else SrsFault.EXPIRED
        if srs1 := _OUR_SRS1.fullmatch(local_part):
            hashed, reference, domain, rest = srs1.groups()
            if not self._is_signed(hashed, _HASH_LENGTH, "SRS1", reference, domain, rest):
                return SrsFault.FORGED
            return Mailbox(f"SRS0{rest}", domain.lower())  # its age is the first forwarder's to judge
        return SrsFault.MALFORMED

    def reference_of(self, local_part: str) -> str:
        """The upper-case reference that `encode` put into a local part; ask only once `decode` has
        accepted it.
        """
        match = _OUR_SRS0.fullmatch(local_part) or _OUR_SRS1.fullmatch(local_part)
        return match[2].upper() if match else ""

    def token(self, sender: Mailbox, day: int, reference: str = "") -> str:
        """An opaque local part, the same for one sender and reference all day. Store and look it up in
        lower case.
        """
        name = _keyed(self._keys[0], _TOKEN_LENGTH, f"SRST name\0{day}\0{reference}\0{sender.address}")
        hashed = self._sign(_TOKEN_HASH_LENGTH, "SRST", str(day), name)
        return f"SRST={_stamp(day)}{name}{hashed}".lower()

    def token_is_ours(self, local_part: str, day: int) -> bool | SrsFault:
        """True before a lookup is worth it; False for what is no token at all."""
        if local_part[:5].upper() != "SRST=":
            return False
        parts = _OUR_TOKEN.fullmatch(local_part)
        if parts is None:
            return SrsFault.MALFORMED
        stamp, name, hashed = parts.groups()
        signed_day = _day_of(stamp, day)
        if not self._is_signed(hashed, _TOKEN_HASH_LENGTH, "SRST", str(signed_day), name):
            return SrsFault.FORGED
        return True if self._is_fresh(signed_day, day) else SrsFault.EXPIRED

    def _srs0(self, sender: Mailbox, day: int, reference: str) -> str:
        hashed = self._sign(_HASH_LENGTH, "SRS0", reference, str(day), sender.domain, sender.local_part)
        return f"SRS0={hashed}{reference}={_stamp(day)}={sender.domain}={sender.local_part}"

    def _guarded(self, sender: Mailbox, reference: str) -> str | None:
        """SRS1 for a sender that another forwarder rewrote: failures skip all but the first forwarder."""
        if srs0 := _FOREIGN_SRS0.fullmatch(sender.local_part):
            return self._srs1(sender.domain, srs0[1], reference)
        if srs1 := _FOREIGN_SRS1.fullmatch(sender.local_part):
            first_forwarder = normalise_domain(srs1[1])
            return self._srs1(first_forwarder, srs1[2], reference) if first_forwarder else None
        return None

    def _srs1(self, first_forwarder: str, rest: str, reference: str) -> str:
        hashed = self._sign(_HASH_LENGTH, "SRS1", reference, first_forwarder, rest)
        return f"SRS1={hashed}{reference}={first_forwarder}={rest}"

    def _sign(self, length: int, *parts: str) -> str:
        return _keyed(self._keys[0], length, _signed_text(parts))

    def _is_signed(self, hashed: str, length: int, *parts: str) -> bool:
        """Compared in constant time, under each key."""
        given, text = hashed.upper().encode(), _signed_text(parts)
        return any(hmac.compare_digest(_keyed(key, length, text).encode(), given) for key in self._keys)

    def _is_fresh(self, signed_day: int, day: int) -> bool:
        return day - signed_day <= self._max_age_days


def _signed_text(parts: Sequence[str]) -> str:
    return "\0".join(parts).lower()


def _keyed(key: bytes, length: int, text: str) -> str:
    """HMAC-SHA256 as `length` base32 characters of 5 bits each, eight of them for five octets."""
    digest = hmac.digest(key, text.encode(), "sha256")[: (length + 7) // 8 * 5]
    return base64.b32encode(digest).decode("ascii")[:length]


def _stamp(day: int) -> str:
    high, low = divmod(day % _STAMP_CYCLE, 32)
    return _ALPHABET[high] + _ALPHABET[low]


def _day_of(stamp: str, today: int) -> int:
    """The latest day with this stamp, tomorrow included: another node's clock may be ahead."""
    number = _ALPHABET.index(stamp[0].upper()) * 32 + _ALPHABET.index(stamp[1].upper())
    return today + 1 - (today + 1 - number) % _STAMP_CYCLE
