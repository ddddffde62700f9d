"""Transparency of the wire: what a receiver un-stuffs is what we were given, wherever buffers are cut."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore.dot_stuffing import PIECE, dot_stuffed

LINES = st.lists(st.sampled_from([b"", b".", b"..", b".a", b"a.", b"abc", b"\xc3\xbc."]), max_size=8)


def unstuffed(wire: bytes) -> bytes:
    return re.sub(rb"(?m)^\.", b"", wire)


@settings(max_examples=200, deadline=None)
@given(LINES, st.booleans(), st.data())
def test_content_survives_any_cut(lines: list[bytes], ended: bool, data: st.DataObject) -> None:
    content = b"\r\n".join(lines) + (b"\r\n" if ended else b"")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    buffers = [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    wire = b"".join(dot_stuffed(buffers))
    expected = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    assert unstuffed(wire) == expected
    assert b"\r\n.\r\n" not in b"\r\n" + wire
    assert wire == b"".join(dot_stuffed([bytes([octet]) for octet in content]))


def test_line_end_cut_at_a_piece_border_is_stuffed() -> None:
    for shift in range(4):
        content = b"x" * (PIECE - shift) + b"\r\n.\r\nend\r\n"
        assert unstuffed(b"".join(dot_stuffed([content]))) == content


def test_small_buffers_are_joined_and_large_ones_cut() -> None:
    pieces = list(dot_stuffed([b"a\r\n"] * 1000 + [memoryview(b"b\r\n" * PIECE)]))
    assert len(pieces) == 3
    assert max(map(len, pieces)) <= 2 * PIECE


def test_nothing_stays_nothing() -> None:
    assert list(dot_stuffed([])) == list(dot_stuffed([b""])) == []
