"""Canonical forms: RFC 6376 section 3.4, wherever the buffers are cut."""

import hashlib
import re
import tracemalloc
from base64 import b64decode
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailcore.authenticity.canonical import (
    BodyDigest,
    Canonicalisation,
    Field,
    body_hash,
    header_fields,
    relaxed_header,
    simple_header,
)

LARGE = 70 * 1024 * 1024

pytestmark = pytest.mark.timeout(60)


def canonical_body(body: bytes, canonicalisation: Canonicalisation) -> bytes:
    """The words of RFC 6376 section 3.4.3 and 3.4.4, one after the other."""
    if canonicalisation == "relaxed":
        body = re.sub(rb"[ \t]+", b" ", body)
        body = re.sub(rb" (?=\r\n|\Z)", b"", body)
    end = len(body)
    while end >= 2 and body[end - 2 : end] == b"\r\n":
        end -= 2
    return body[:end] + b"\r\n" if end or canonicalisation == "simple" else b""


def naive_hash(body: bytes, canonicalisation: Canonicalisation) -> bytes:
    return hashlib.sha256(canonical_body(body, canonicalisation)).digest()


lines_and_spaces = st.lists(
    st.sampled_from([b"\r\n", b" ", b"\t", b"a", b"b\xc3\xa4", b"  \r\n", b"\r\n\r\n", b"   ", b"."]),
    max_size=40,
).map(b"".join)
anything = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"x"]), max_size=30).map(b"".join)
kinds = st.sampled_from(["simple", "relaxed"])


@st.composite
def cut_bodies(draw: st.DrawFn) -> list[bytes]:
    body = draw(st.one_of(lines_and_spaces, anything))
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=12)))
    return [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]


@given(cut_bodies(), kinds)
@example([b"a \r", b"\n"], "relaxed")
@example([b"\r\n", b"\r", b"\n"], "simple")
@example([b"a\r\n\r", b"x\r\n"], "simple")
def test_the_hash_of_a_body_is_the_same_wherever_it_is_cut(
    pieces: list[bytes], kind: Canonicalisation
) -> None:
    """And whether it comes as a whole or one piece after the other."""
    assert body_hash(pieces, kind) == body_hash(iter(pieces), kind) == naive_hash(b"".join(pieces), kind)


@given(cut_bodies(), kinds, st.lists(st.integers(0, 60), max_size=5))
def test_a_length_counts_canonical_octets(
    pieces: list[bytes], kind: Canonicalisation, lengths: list[int]
) -> None:
    canonical = canonical_body(b"".join(pieces), kind)
    digest = BodyDigest(kind, lengths)
    for piece in pieces:
        digest.update(memoryview(piece))
    found = digest.finish()
    assert found.pop(None) == hashlib.sha256(canonical).digest()
    for length in lengths:
        whole = hashlib.sha256(canonical[:length]).digest()
        assert found[length] == (whole if length <= len(canonical) else None)


@pytest.mark.parametrize("kind", ["simple", "relaxed"])
@pytest.mark.parametrize("unit", [b"\r\n", b" ", b" \r\n", b"a \t", b"a\r\n", b"x" * 998 + b"\r\n"])
def test_borders_of_our_own_pieces_change_nothing(unit: bytes, kind: Canonicalisation) -> None:
    for size in (64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 200_001):
        body = (unit * (size // len(unit) + 1))[:size]
        for end in (b"", b"\r\n", b"\r\nx\r\n\r\n"):
            assert body_hash(iter([body + end]), kind) == naive_hash(body + end, kind)


def test_an_empty_body_has_the_hashes_of_the_rfc() -> None:
    """RFC 6376 sections 3.4.3 and 3.4.4 (SHA-256)."""
    simple, relaxed = body_hash([], "simple"), body_hash([b"\r\n \r\n"], "relaxed")
    assert simple == b64decode("frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=")
    assert relaxed == b64decode("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")


def test_the_example_of_the_rfc() -> None:
    """RFC 6376 section 3.4.5."""
    header = b"A: X\r\nB : Y\t\r\n\tZ  \r\n"
    fields = header_fields(header)
    assert [relaxed_header(field.raw) for field in fields] == [b"a:X\r\n", b"b:Y Z\r\n"]
    assert b"".join(simple_header(field.raw) for field in fields) == header
    assert body_hash([b" C \r\nD \t E\r\n\r\n\r\n"], "relaxed") == hashlib.sha256(b" C\r\nD E\r\n").digest()
    assert body_hash([b" C \r\nD \t E\r\n\r\n\r\n"], "simple") == (
        hashlib.sha256(b" C \r\nD \t E\r\n").digest()
    )


def test_fields_keep_every_byte_and_know_their_name() -> None:
    header = b"From: a\r\nSUBJECT \t: x\r\n y\r\n\tz\r\nno colon here\r\nX:\r\n"
    fields = header_fields(header)
    assert b"".join(field.raw for field in fields) == header
    assert [field.name for field in fields] == [b"from", b"subject", b"", b"x"]


def test_fields_end_at_an_empty_line_and_the_last_one_gets_its_crlf() -> None:
    assert header_fields(b"A: 1\r\n\r\nB: 2\r\n") == [Field(b"a", b"A: 1\r\n")]
    assert header_fields(b"A: 1") == [Field(b"a", b"A: 1\r\n")]
    assert header_fields(b"") == []


@given(st.binary(max_size=300))
def test_fields_of_any_bytes(section: bytes) -> None:
    raw = b"".join(field.raw for field in header_fields(section))
    assert (section + b"\r\n").startswith(raw.removesuffix(b"\r\n"))
    for field in header_fields(section):
        relaxed_header(field.raw)


@pytest.mark.parametrize("kind", ["simple", "relaxed"])
@pytest.mark.parametrize("unit", [b"\r\n", b" ", b"word  and \t another\r\n"])
def test_a_large_body_is_hashed_in_little_memory(unit: bytes, kind: Canonicalisation) -> None:
    piece = (unit * (1024 * 1024 // len(unit) + 1))[: 1024 * 1024]

    def body() -> Iterator[memoryview]:
        for _ in range(LARGE // len(piece)):
            yield memoryview(piece)
        yield memoryview(b"end")

    tracemalloc.start()
    try:
        body_hash(body(), kind)
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()
