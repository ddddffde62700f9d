"""The fields that we put on a message for one alias, and what we cut out of its header section for them.

Blocking: for the event loop where the header is small, for a thread, for a process of its own. Must never
hold a message back for what we would add: that is left out where it cannot be made, and said. Only where
forged fields cannot be cut it raises, and the message waits: others would take them for our word.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Self, TypeVar

import structlog

from mailcore.authenticity import from_rewrite, policy, results, sealing
from mailcore.authenticity.author import authors_of
from mailcore.authenticity.canonical import body_hash
from mailcore.authenticity.sealing import Signer
from mailcore.authenticity.signatures import Header
from mailcore.authenticity.signing_keys import KeyFolder, SigningKey, SigningKeys
from mailcore.authenticity.verdicts import ArcVerdict, Verdicts
from mailcore.clock import Clock
from mailcore.keyring import Keyring
from mailcore.logs import where

log = structlog.get_logger("our_fields")

Made = TypeVar("Made")

_EMPTY_LINE: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for one alias, as written to. Of its body our fields say no more than `body_hash`.
    `is_forwarded`: not mail of our own.
    """

    header: bytes
    body_hash: bytes
    verdicts: Verdicts | None
    alias: str
    is_forwarded: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class OurFields:
    """What stands above and below the loop mark, and the header section below those.

    `note`: what the event tells of it; `lacks`: why a seal is missing, once for each.
    """

    seals: bytes
    results: bytes
    header: bytes
    note: str
    lacks: tuple[str, ...]


def hash_of(rest: bytes | memoryview) -> bytes:
    """What we sign of a body: SHA-256 of its relaxed form. `rest`: the empty line and the body."""
    made = body_hash([memoryview(rest)[len(_EMPTY_LINE) :]], "relaxed")
    assert made is not None, "only a body that was said to be longer has none"
    return made


class FieldMaker:
    """One for each process that makes them."""

    def __init__(self, *, domain: str, arc_seal: bool, from_key: bytes, keys: SigningKeys) -> None:
        """`domain` is the service's."""
        self.domain = domain
        self.arc_seal = arc_seal
        self.from_key = from_key
        self.keys = keys

    @classmethod
    def open(cls, key_dir: Path, domain: str, *, arc_seal: bool, clock: Clock) -> Self:
        keys = SigningKeys(KeyFolder(key_dir), clock)
        return cls(domain=domain, arc_seal=arc_seal, from_key=Keyring(key_dir).key("from"), keys=keys)

    def made(self, letter: Letter) -> OurFields:
        return _Making(self, letter).fields()


@dataclass(slots=True)
class _Making:
    """Of one letter."""

    maker: FieldMaker
    letter: Letter
    lacks: list[str] = field(default_factory=list)

    def fields(self) -> OurFields:
        header, verdicts = self.letter.header, self.letter.verdicts
        if not self.letter.is_forwarded:
            return self._made(self._signature(header), b"", header)
        header = results.without_forged(header, self.maker.domain)
        if verdicts is None:  # nobody asked, so there is nothing that a seal could say
            return self._made(self._signature(header), b"", header)
        return self._forwarded(header, verdicts)

    def _forwarded(self, header: bytes, verdicts: Verdicts) -> OurFields:
        """Each part by itself: where one breaks, the others are made all the same."""
        said = self._or(lambda: results.authentication_results(self.maker.domain, verdicts), b"")
        changed = self._or(lambda: self._rewritten(header, verdicts), None)
        if changed is None:
            return self._made(self._seal(header, said, verdicts.arc), said, header)
        signature = self._signature(changed)
        seal = self._seal(signature + changed, said, verdicts.arc)
        return self._made(seal + signature, said, changed, "From rewritten")

    def _made(self, seals: bytes, said: bytes, header: bytes, note: str = "") -> OurFields:
        return OurFields(seals, said, header, note, tuple(self.lacks))

    def _rewritten(self, header: bytes, verdicts: Verdicts) -> bytes | None:
        """The header section with a From of ours; None where it stays as it is."""
        if not policy.from_must_be_rewritten(verdicts):
            return None
        return from_rewrite.rewritten(header, self.maker.from_key, self.letter.alias, self.maker.domain)

    def _signature(self, header: bytes) -> bytes:
        """A DKIM-Signature of ours, of the domain in From where we have a key of that; empty where there can
        be none.
        """
        fields = Header(header)

        def make(signer: Signer) -> bytes | None:
            return sealing.dkim_signature(fields, self.letter.body_hash, signer)

        return self._or(lambda: self._signed(self._key_for(fields), make), b"")

    def _key_for(self, fields: Header) -> SigningKey | None:
        written_by = authors_of(fields.named(b"from")).domains
        found = (self.maker.keys.signing(domain) for domain in (*written_by[:1], self.maker.domain))
        return next((key for key in found if key), None)

    def _seal(self, header: bytes, said: bytes, found: ArcVerdict) -> bytes:
        """An ARC set of ours; empty where there can be none, or none is wanted."""

        def make(signer: Signer) -> bytes | None:
            return sealing.arc_set(Header(header), self.letter.body_hash, said, found, signer)

        if not self.maker.arc_seal or not said:
            return b""
        return self._or(lambda: self._signed(self.maker.keys.signing(self.maker.domain), make), b"")

    def _signed(self, key: SigningKey | None, make: Callable[[Signer], bytes | None]) -> bytes:
        if key is None:
            self.lacks.append("key")
            return b""
        made = make(Signer(key, self.letter.at))
        if made is None:
            self.lacks.append("message")
        return made or b""

    def _or(self, make: Callable[[], Made], instead: Made) -> Made:
        """What is made of a message; `instead`, logged and counted, where that breaks: odd mail goes too."""
        try:
            return make()
        except Exception as error:  # noqa: BLE001
            log.error("not_sealed", error=type(error).__name__, where=where(error))
            self.lacks.append("fault")
            return instead
