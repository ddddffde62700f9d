"""The chain of those who passed a message on: is it whole, and what does it say? (RFC 8617 section 5.2)

In the steps of dkim.py. Whether its sealers are believed is not decided here. Must never raise for what a
message holds or DNS says.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mailcore.authenticity.arc_claims import Claims, claims
from mailcore.authenticity.canonical import BodyKind, Buffer, Field, body_hashes
from mailcore.authenticity.public_keys import Flaw, Keys, ask_keys
from mailcore.authenticity.signatures import (
    Header,
    MessageSignature,
    Signature,
    holds,
    read_message_signature,
    read_signature,
)
from mailcore.authenticity.tag_lists import Tags, tag_list
from mailcore.authenticity.txt_records import AsksTxt
from mailcore.authenticity.verdicts import ArcVerdict
from mailcore.values import value

MOST_SETS: Final = 50  # RFC 8617 section 5.1.1.1.1

_RESULTS: Final = b"arc-authentication-results"
_MESSAGE: Final = b"arc-message-signature"
_SEAL: Final = b"arc-seal"
_INSTANCE: Final = re.compile(r"[0-9]{1,2}")
_INSTANCE_OF_RESULTS: Final = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,2})[ \t\r\n]*;")


_Part = tuple[Field, Tags]


@value
class ArcSet:
    """What one hop added: what it saw, its signature of the message, its seal of the chain so far."""

    results: Field
    message: Field
    seal: Signature


@value
class Chain:
    """The sets of a header, oldest first, and the newest signature of the message. No sets but `instances`:
    there is a chain, and it needs no keys to see that it fails; `instances` is the highest one found.
    """

    header: Header
    sets: tuple[ArcSet, ...] = ()
    message: MessageSignature | None = None
    instances: int = 0

    @property
    def key_names(self) -> frozenset[str]:
        seals = frozenset(each.seal.key_name for each in self.sets)
        return seals if self.message is None else seals | {self.message.signature.key_name}

    @property
    def bodies(self) -> frozenset[BodyKind]:
        return frozenset() if self.message is None else frozenset({self.message.body})


async def verify(header: bytes, body: Iterable[Buffer], resolver: AsksTxt) -> ArcVerdict:
    """All steps at once, as `dkim.verify`."""
    chain = prepare(Header(header))
    keys = await ask_keys(resolver, chain.key_names)
    return check(chain, keys, body_hashes(body, chain.bodies))


def prepare(header: Header) -> Chain:
    """Steps 1 to 3 of RFC 8617 section 5.2: the sets, if all are there and say that they may be followed."""
    kinds = [_numbered(header.named(name)) for name in (_RESULTS, _MESSAGE, _SEAL)]
    found = set().union(*kinds)
    if not found:
        return Chain(header)
    highest = max(found)
    broken = Chain(header, instances=max(1, min(highest, MOST_SETS)))
    if highest > MOST_SETS or any(set(kind) != set(range(1, highest + 1)) for kind in kinds):
        return broken
    results, messages, seals = kinds
    message = read_message_signature(*messages[highest], forms="relaxed/relaxed")
    if isinstance(message, Flaw) or _SEAL in message.names:
        return broken
    sets = []
    for instance in range(1, highest + 1):
        seal = _seal(instance, *seals[instance])
        if seal is None:
            return broken
        sets.append(ArcSet(results[instance][0], messages[instance][0], seal))
    return Chain(header, tuple(sets), message, highest)


def check(chain: Chain, keys: Keys, bodies: Mapping[BodyKind, bytes | None]) -> ArcVerdict:
    """CPU only: the rest of section 5.2, from the keys at `key_names` and the hash of the body."""
    if chain.message is None:
        return ArcVerdict("fail" if chain.instances else "none", chain.instances)
    sealers = tuple(each.seal.domain for each in chain.sets)
    if bodies[chain.message.body] != chain.message.body_hash:
        return ArcVerdict("fail", chain.instances, sealers)
    result = _result(chain, chain.message, keys)
    said = Claims()
    if result == "pass" and _covers(chain.message, chain.header):
        said = claims(chain.sets[0].results.raw.partition(b":")[2])
    return ArcVerdict(result, chain.instances, sealers, said.author, said.signers)


def _result(chain: Chain, message: MessageSignature, keys: Keys) -> str:
    """Of the newest signature of the message and of every seal, newest first: one that fails is enough."""
    result = "pass"
    for signature, text in _signed_texts(chain, message):
        key = keys[signature.key_name]
        if isinstance(key, Flaw) and key.result == "temperror":
            result = "temperror"
        elif isinstance(key, Flaw) or not holds(signature, key, text):
            return "fail"
    return result


def _signed_texts(chain: Chain, message: MessageSignature) -> Iterator[tuple[Signature, bytes]]:
    yield message.signature, chain.header.signed_by(message)
    for count in range(len(chain.sets), 0, -1):
        newest = chain.sets[count - 1]
        older = (field for each in chain.sets[: count - 1] for field in _fields(each))
        below = (*older, newest.results, newest.message)
        yield newest.seal, chain.header.over(below, newest.seal.field, "relaxed")


def _fields(of: ArcSet) -> tuple[Field, Field, Field]:
    """In the order of RFC 8617 section 5.1.1."""
    return of.results, of.message, of.seal.field


def _covers(message: MessageSignature, header: Header) -> bool:
    """Is what a reader sees what the newest hop signed: every From, and all of the body?"""
    return 0 < len(header.named(b"from")) <= message.names.count(b"from") and message.body.length is None


def _seal(instance: int, field: Field, tags: Tags) -> Signature | None:
    """None where it has an h= (RFC 8617 section 4.1.3) or not the cv= of its place."""
    if "h" in tags or tags.get("cv") != ("none" if instance == 1 else "pass"):
        return None
    seal = read_signature(field, tags)
    return None if isinstance(seal, Flaw) else seal


def _numbered(fields: list[Field]) -> dict[int, _Part]:
    """By instance. At 0: those that have none, or one that another has too."""
    found: dict[int, _Part] = {}
    for field in fields:
        tags = _tags(field)
        said = tags.get("i", "")
        instance = int(said) if _INSTANCE.fullmatch(said) else 0
        found[0 if instance in found else instance] = (field, tags)
    return found


def _tags(field: Field) -> Tags:
    value = field.raw.partition(b":")[2]
    if field.name != _RESULTS:
        return tag_list(value) or {}
    instance = _INSTANCE_OF_RESULTS.match(value)
    return {"i": instance[1].decode()} if instance else {}
