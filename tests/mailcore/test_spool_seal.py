"""Sealing: what was sealed opens, at its own place alone."""

import os

import pytest

from mailcore.spool_seal import (
    CHUNK_BYTES,
    TAG_BYTES,
    ContentSealer,
    Seal,
    Unsealable,
    chunks_of,
    sealed_length,
)

KEY, BOUND = os.urandom(32), b"slot and id"


def opened(chunks: list[bytes], seal: Seal) -> bytes:
    return b"".join(
        seal.open_chunk(number, chunk, is_last=number == len(chunks) - 1)
        for number, chunk in enumerate(chunks)
    )


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_000]
)
def test_content_of_any_size_opens_again(size: int) -> None:
    content, seal = os.urandom(size), Seal(KEY, BOUND)
    chunks = list(seal.content(content))
    assert len(chunks) == chunks_of(size)
    assert sum(len(chunk) for chunk in chunks) == sealed_length(size)
    assert opened(chunks, Seal(KEY, BOUND)) == content


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 300_001])
@pytest.mark.parametrize("piece", [1000, CHUNK_BYTES, 150_000])
@pytest.mark.parametrize("together", [1, 3])
def test_content_that_comes_piece_by_piece_is_sealed_as_the_whole_is(
    size: int, piece: int, together: int
) -> None:
    content, sealer = os.urandom(size), ContentSealer(Seal(KEY, BOUND))
    pieces = [content[start : start + piece] for start in range(0, size, piece)]
    sealed = b""
    for start in range(0, len(pieces), together):
        assert sealer.sealed == len(sealed)
        sealed += sealer.add(pieces[start : start + together])
    assert sealer.length == size
    assert sealed + sealer.end() == b"".join(Seal(KEY, BOUND).content(content))


def test_a_chunk_opens_at_no_other_place() -> None:
    seal = Seal(KEY, BOUND)
    one, two, three = seal.content(os.urandom(3 * CHUNK_BYTES))
    for number, chunk, is_last in ((0, two, False), (1, one, False), (1, two, True), (2, three, False)):
        with pytest.raises(Unsealable):
            seal.open_chunk(number, chunk, is_last=is_last)
    with pytest.raises(Unsealable):
        Seal(KEY, b"another slot").open_chunk(0, one, is_last=False)
    with pytest.raises(Unsealable):
        Seal(os.urandom(32), BOUND).open_chunk(0, one, is_last=False)


def test_a_chunk_that_is_opened_where_it_belongs_is_as_safe() -> None:
    seal, content, place = Seal(KEY, BOUND), os.urandom(CHUNK_BYTES + 1), bytearray(CHUNK_BYTES + 1)
    one, two = seal.content(content)
    first, second = memoryview(place)[:CHUNK_BYTES], memoryview(place)[CHUNK_BYTES:]
    seal.open_chunk_into(first, 0, one, is_last=False)
    seal.open_chunk_into(second, 1, two, is_last=True)
    assert place == content
    for number, sealed in ((1, one), (0, one[:-1]), (0, b""), (0, one + b"x"), (0, two)):
        with pytest.raises(Unsealable):
            seal.open_chunk_into(first, number, sealed, is_last=False)


def test_an_envelope_is_no_content_and_belongs_to_its_header() -> None:
    seal = Seal(KEY, BOUND)
    sealed = seal.envelope(b"{}", BOUND)
    assert seal.open_envelope(sealed, BOUND) == b"{}"
    with pytest.raises(Unsealable):
        seal.open_envelope(sealed, b"other lengths")
    with pytest.raises(Unsealable):
        seal.open_chunk(0, sealed, is_last=True)
    with pytest.raises(Unsealable):
        seal.open_envelope(sealed[: TAG_BYTES - 1], BOUND)
