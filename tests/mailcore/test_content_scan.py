"""What is refused while DATA arrives, and what the log shows of a message."""

import base64
import codecs
import itertools
import time
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailcore import replies
from mailcore.content_scan import (
    _CODECS,
    MAX_HEADER,
    MAX_LINE,
    ContentScan,
    from_field,
    subject,
)
from mailcore.replies import Reply

PLAIN = b"From: a@b.example\r\nReceived: by x\r\nSubject: hi\r\n\r\nReceived: not a field\r\nbody\r\n"


def scanned(chunks: Iterable[bytes]) -> tuple[Reply | None, bytes, int, int]:
    scan = ContentScan()
    for chunk in chunks:
        scan.feed(chunk)
    refusal = scan.finish()
    return refusal, scan.header, scan.received_count, scan.size


def refusal_of(content: bytes) -> Reply | None:
    return scanned([content])[0]


def test_plain_message_passes() -> None:
    header = b"From: a@b.example\r\nReceived: by x\r\nSubject: hi\r\n"
    assert scanned([PLAIN]) == (None, header, 1, len(PLAIN))


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\nbody\r\n", b"\r\n\r\nA: b\r\n\r\n"])
def test_message_without_header_passes(content: bytes) -> None:
    assert scanned([content]) == (None, b"", 0, len(content))
    assert scanned(content[at : at + 1] for at in range(len(content))) == (None, b"", 0, len(content))


def test_message_without_body_or_last_line_break_passes() -> None:
    assert scanned([b"A: b\r\nReceived: x"]) == (None, b"A: b\r\nReceived: x", 1, 17)


@pytest.mark.parametrize(
    "content",
    [
        b"\n",
        b"\r",
        b"a\nb",
        b"a\rb",
        b"a\r\r\n",
        b"\n\r\n",
        b"a\r\n\r",
        b"\n\r",
        b"a\r\nb\n.\r\nc\r\n",
        b"a\r\n\n\r",
    ],
)
def test_bare_cr_or_lf_is_refused_550_5_5_2(content: bytes) -> None:
    assert refusal_of(content) == replies.BARE_LINE_BREAK
    assert scanned(content[at : at + 1] for at in range(len(content)))[0] == replies.BARE_LINE_BREAK


@pytest.mark.parametrize("content", [b"\0", b"A: b\r\n\r\nx\0y\r\n", b"A: \0\r\n"])
def test_nul_is_refused_550_5_6_0(content: bytes) -> None:
    assert refusal_of(content) == replies.HAS_NUL


@pytest.mark.parametrize("before", [0, 1, 100, 3 * MAX_LINE])
@pytest.mark.parametrize("step", [1 << 30, 65_536, 1_000])
def test_line_above_64_kb_is_refused_550_5_6_0(before: int, step: int) -> None:
    start, end = b"\r\n" + b"x\r\n" * (before // 3), b"\r\nend\r\n"

    def pieces(length: int, tail: bytes) -> Iterable[bytes]:
        content = start + b"x" * length + tail
        return (content[at : at + step] for at in range(0, len(content), step))

    assert scanned(pieces(MAX_LINE, end))[0] is None
    assert scanned(pieces(MAX_LINE, b""))[0] is None
    assert scanned(pieces(MAX_LINE + 1, end))[0] == replies.LINE_OF_CONTENT_TOO_LONG
    assert scanned(pieces(MAX_LINE + 1, b""))[0] == replies.LINE_OF_CONTENT_TOO_LONG


@pytest.mark.parametrize("step", [1 << 30, 65_537, 4_096])
def test_header_section_above_256_kb_is_refused_552_5_3_4(step: int) -> None:
    fields = (b"A: " + b"x" * 1_019 + b"\r\n") * 256
    assert len(fields) == MAX_HEADER

    def scan(content: bytes) -> tuple[Reply | None, bytes, int, int]:
        return scanned(content[at : at + step] for at in range(0, len(content), step))

    assert scan(fields) == (None, fields, 0, len(fields))
    assert scan(fields + b"\r\nbody\r\n")[:2] == (None, fields)
    longer = b"B" + fields
    for content in (longer, longer + b"\r\nbody\r\n", longer + longer):
        refusal, header, _, size = scan(content)
        assert refusal == replies.HEADER_TOO_LARGE
        assert header == content[: MAX_HEADER + 1]
        assert size == len(content)


def test_more_than_2000_fields_are_refused_552_5_3_4() -> None:
    fields = b"a:b\r\n c\r\n" * 2000
    assert refusal_of(fields + b"\r\nbody\r\n") is None
    assert refusal_of(fields) is None
    assert refusal_of(fields + b"a:b\r\n\r\nbody\r\n") == replies.TOO_MANY_FIELDS
    assert refusal_of(fields + b"a:b\r\n") == replies.TOO_MANY_FIELDS


def test_more_than_50_received_fields_are_refused_554_5_4_6() -> None:
    fields = b"Received: x\r\nrEcEived : by\r\n y\r\n" * 25 + b"X-Received: z\r\n Received: folded\r\n"
    assert scanned([fields + b"\r\nReceived: body\r\n"])[::2] == (None, 50)
    assert refusal_of(fields + b"Received: x\r\n\r\n") == replies.LOOP


LUMPS = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b"A: b",
        b"Received: x",
        b" ",
        b"x" * 70_000,
        b"y\r\n" * 50_000,
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LUMPS, max_size=8).map(b"".join), st.data())
@example(b"\r\n\r\n", None)
def test_answer_does_not_depend_on_the_cuts(content: bytes, data: st.DataObject | None) -> None:
    cuts = list(range(1, len(content)))
    if data is not None:
        near = [*range(5), len(content) - 1, len(content) - 2, *range(65_530, 65_545)]
        cuts = sorted(data.draw(st.sets(st.integers(0, len(content)) | st.sampled_from(near), max_size=12)))
    edges = [0, *cuts, len(content)]
    assert scanned(content[a:b] for a, b in itertools.pairwise(edges)) == scanned([content])


def simple_refusal(content: bytes) -> Reply | None:
    """The same rules, line by line, for content with a small header."""
    rest = content.replace(b"\r\n", b"")
    if b"\r" in rest or b"\n" in rest:
        return replies.BARE_LINE_BREAK
    if b"\0" in content:
        return replies.HAS_NUL
    lines = content.split(b"\r\n")
    if any(len(line) > MAX_LINE for line in lines):
        return replies.LINE_OF_CONTENT_TOO_LONG
    return None


@settings(max_examples=100, deadline=None)
@given(st.lists(LUMPS, max_size=8).map(b"".join))
def test_scan_agrees_with_a_line_by_line_reading(content: bytes) -> None:
    assert refusal_of(b"\r\n" + content) == simple_refusal(b"\r\n" + content)


def test_50_mb_take_no_time() -> None:
    started = time.thread_time()
    assert scanned([b"\r\n"] + [b"\r\n" * 32_768] * 800)[0] is None
    assert time.thread_time() - started < 1.5


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        (b"Subject: hello", "hello"),
        (b"SUBJECT :  hello  ", "hello"),
        (b"Subject:", ""),
        (b"X-Subject: no\r\nSubject-Not: no\r\nA: b\r\n Subject: no", ""),
        (b"Subject: first\r\nSubject: second", "first"),
        (b"Subject: a\r\n\tb\r\n  c\r\nX: y", "a b c"),
        (b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe_an?= alle", "gr\u00fc\u00dfe an alle"),
        (b"Subject: =?UTF-8?B?w7w=?=\r\n =?utf-8?Q?=C3=BC?= =?iso-8859-1?q?=FC?=", "\u00fc\u00fc\u00fc"),
        (b"Subject: =?utf-8*de?q?a?= b =?utf-8?q?c?=", "a b c"),
        (b"Subject: =?utf-8?q?=C3?= =?utf-8?q?=BC?=", "\u00fc"),
        (b"Subject: =?utf-8?B?4pyT?", "=?utf-8?B?4pyT?"),
        (b"Subject: =?utf-8?B?A?= x", "=?utf-8?B?A?= x"),
        (b"Subject: =?no-such?q?a?= =?utf-8?q?b?= =?zip?b?a?=", "=?no-such?q?a?= b =?zip?b?a?="),
        (b"Subject: =?unicode_escape?q?=5Cq?=", "=?unicode_escape?q?=5Cq?="),
        (b"Subject: =?us-ascii?q?=FF?=", "\ufffd"),
        (b"Subject: =?utf-8?q?a=0D=0ABcc:_x?=", "a\\r\\nBcc: x"),
        (b"Subject: a\x1b[31m\x00\x7f", "a\\x1b[31m\\x00\\x7f"),
        (b"Subject: \xff\xfe", "\\xff\\xfe"),
        ("Subject: grüße \u202egpj\u2028".encode(), "gr\u00fc\u00dfe \\u202egpj\\u2028"),
        (b"Subject: =?utf-8?b?7aCA?=", "\ufffd" * 3),
        (b"Subject: =?utf-7?q?+2AA-?=", "\\ud800"),
    ],
)
def test_subject_is_read_and_made_visible(field: bytes, shown: str) -> None:
    assert subject(b"A: b\r\n" + field + b"\r\nZ: z\r\n") == shown


def test_from_is_read_like_subject() -> None:
    header = b"From x\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nSubject: no\r\n"
    assert from_field(header) == "J\u00fcrgen <j@example.org>"


def test_every_charset_named_is_known_to_python() -> None:
    assert all(codecs.lookup(codec) for codec in _CODECS.values())


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60))
def test_encoded_text_survives(text: str) -> None:
    word = base64.b64encode(text.encode()).decode()
    assert subject(f"Subject: =?utf-8?B?{word}?=\r\n".encode()) == text


WORDS = st.sampled_from(
    [
        b"=?",
        b"?=",
        b"?",
        b"=",
        b"utf-8",
        b"q",
        b"?B?",
        b" ",
        b"\r\n ",
        b"\r\n",
        b"=FF",
        b"\xff",
        b"=?utf-8?q?=C3?=",
        *[
            b"=?iso-2022-jp?b?GyRC?=",
            b"=?utf-16?q?=D8=00?=",
            b"=?utf-7?q?+?=",
            b"\r",
            b"\n",
            b"\0",
            b"Subject:",
        ],
    ]
)


@given(st.lists(WORDS, max_size=20).map(b"".join) | st.binary(max_size=60), st.sampled_from(sorted(_CODECS)))
def test_no_header_raises_and_nothing_hidden_is_shown(value: bytes, charset: str) -> None:
    for header in (b"Subject: " + value, value, b"Subject: =?%b?q?%b?=" % (charset.encode(), value)):
        text = subject(header)
        assert len(text) <= 998
        assert not any(character < " " or "\x7f" <= character < "\xa0" for character in text)
        text.encode()


@pytest.mark.parametrize(
    "value",
    [
        b"=?utf-8?q?a?= " * 70_000,
        b"=?" * 475_000,
        b"=?utf-8?b?" + b"A" * 950_000 + b"?=",
        b"\r\n " * 300_000,
        b"=?a?q?" * 150_000,
        b"=?utf-8?q?=0D?=" * 60_000,
        b"\xff" * 950_000,
    ],
)
def test_megabyte_subject_takes_no_time_and_998_characters(value: bytes) -> None:
    started = time.thread_time()
    assert len(subject(b"Subject: " + value)) <= 998
    assert time.thread_time() - started < 0.2
