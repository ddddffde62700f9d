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
def test_content_that_comes_piece_by_piece_is_sealed_as_the_whole_is(size: int, piece: int) -> None:
    content, sealer = os.urandom(size), ContentSealer(Seal(KEY, BOUND))
    chunks: list[bytes] = []
    for start in range(0, size, piece):
        assert sealer.sealed == sum(len(chunk) for chunk in chunks)
        chunks += sealer.add(content[start : start + piece])
    chunks.append(sealer.end())
    assert sealer.length == size
    assert chunks == list(Seal(KEY, BOUND).content(content))


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
