"""The attachment limit counts decoded bytes, wherever and however they are packed."""

import base64
import binascii
import email.message
import email.policy
import mmap
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore.attachments import MAX_DELIMITERS, MAX_PARTS, MAX_UU_BLOCKS, AttachmentCount, count, is_one_leaf
from mailcore.rewriting import header_section

PDF = bytes(range(256)) * 4
PDF_BASE64 = base64.encodebytes(PDF).replace(b"\n", b"\r\n")


def part(*header: bytes, body: bytes = b"") -> bytes:
    return b"".join(line + b"\r\n" for line in header) + b"\r\n" + body


def multipart(*parts: bytes, boundary: bytes = b"=_b", kind: bytes = b"mixed") -> bytes:
    body = (
        b"".join(b"\r\n--" + boundary + b"\r\n" + each for each in parts) + b"\r\n--" + boundary + b"--\r\n"
    )
    return part(b'Content-Type: multipart/%b; boundary="%b"' % (kind, boundary), body=body)


def attached(body: bytes = PDF_BASE64, encoding: bytes = b"base64") -> bytes:
    return part(b"Content-Type: application/pdf", b"Content-Transfer-Encoding: " + encoding, body=body)


TEXT = part(b"Content-Type: text/plain", body=b"hello\r\n")
HTML = part(b"Content-Type: text/html; charset=utf-8", body=b"<p>hello\r\n")


@pytest.mark.parametrize("content", [b"", b"\r\n", b"hello", b"A: b\r\n", b"--", b"\r\n--x\r\n", TEXT, HTML])
def test_text_alone_holds_no_attachment(content: bytes) -> None:
    assert count(content) == AttachmentCount(0, 0, 1, False)


def test_text_and_html_alternatives_hold_no_attachment() -> None:
    assert count(multipart(TEXT, HTML, kind=b"alternative")) == AttachmentCount(0, 1, 3, False)


def test_base64_counts_decoded() -> None:
    assert count(multipart(TEXT, attached())) == AttachmentCount(len(PDF), 1, 3, False)


def test_other_encodings_count_decoded_or_raw() -> None:
    quoted = binascii.b2a_qp(PDF, istext=False).replace(b"\n", b"\r\n")
    decoded = len(binascii.a2b_qp(quoted))
    assert count(multipart(attached(quoted, b"quoted-printable"))).decoded_bytes == decoded
    for encoding in (b"7bit", b"8BIT", b"binary", b"x-odd", b""):
        assert count(multipart(attached(b"12345\r\n67", encoding))).decoded_bytes == 9


def test_message_that_is_one_file_counts() -> None:
    assert count(attached()) == AttachmentCount(len(PDF), 0, 1, False)
    assert count(part(b"content-TYPE:\r\n\tAPPLICATION/PDF ; x=y", body=b"12345")).decoded_bytes == 5


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain; name=a.txt",
        b'Content-Type: text/html; charset=utf-8;\r\n NAME="a b.html"',
        b"Content-Type: text/plain; name*=utf-8''a.txt",
        b"Content-Type: text/plain; name*0=a; name*1=.txt",
        b"Content-Disposition: attachment",
        b"Content-Disposition: ATTACHMENT; x=y",
        b'Content-Disposition: inline; filename="a.txt"',
        b"Content-Disposition: inline;\r\n filename*0*=utf-8''a",
        b"Content-Type: text/calendar",
        b"Content-Type: text/x-python",
        b"Content-Type: image/png\r\nContent-Disposition: inline",
        b"Content-Type: message/delivery-status",
        b"Content-Type: multipart/mixed",
        b"Content-Type: multipart/mixed; boundary=",
        b"Content-Type: multipart/mixed; boundary=" + b"x" * 300,
    ],
)
def test_part_that_is_more_than_shown_text_counts(header: bytes) -> None:
    assert count(part(header, body=b"12345")).decoded_bytes == 5
    assert count(multipart(part(header, body=b"12345"))).decoded_bytes == 5


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text",
        b"Content-Type:",
        b"Content-Type: text/plain; filename",
        b'Content-Type: text/plain; name=""',
        b'Content-Type: text/plain; x="; name=a.txt"',
        b"Content-Type: TEXT/PLAIN; charset=utf-8\r\nContent-Disposition: inline",
        b"Content-Type: text/plain\r\nContent-Type: application/pdf",
        b"X-Content-Type: application/pdf\r\n Content-Type: application/pdf",
        b"Content-Type-Not: application/pdf",
    ],
)
def test_part_that_is_shown_text_does_not_count(header: bytes) -> None:
    assert count(part(header, body=b"12345")).decoded_bytes == 0


def test_attached_message_counts_what_is_inside() -> None:
    inner = part(b"Content-Type: message/rfc822", body=multipart(TEXT, attached(), boundary=b"inner"))
    assert count(multipart(TEXT, inner, attached())) == AttachmentCount(2 * len(PDF), 3, 7, False)


def test_attached_message_of_text_holds_no_attachment() -> None:
    assert count(multipart(part(b"Content-Type: message/rfc822", body=TEXT))) == AttachmentCount(
        0, 2, 3, False
    )


def test_encoded_attached_message_counts_whole() -> None:
    header = (b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64")
    assert count(multipart(part(*header, body=PDF_BASE64))).decoded_bytes == len(PDF)


def test_digest_holds_messages_by_default() -> None:
    digest = multipart(part(body=attached()), part(body=TEXT), kind=b"digest")
    assert count(digest).decoded_bytes == len(PDF)


@pytest.mark.parametrize(
    "parameter",
    [
        b"boundary=bound",
        b'BOUNDARY = "bound"',
        b'x="a;b\\"c"; boundary="\\bound"',
        b"boundary*=us-ascii''b%6Fund",
        b"boundary*0=bo; boundary*1=und",
        b"boundary*1=und; boundary*0=bo",
        b"boundary*0*=us-ascii'en'b%6F; boundary*1*=u%6e; boundary*2=d",
    ],
)
def test_boundary_is_found_in_every_form(parameter: bytes) -> None:
    message = part(
        b"Content-Type: multipart/mixed;\r\n " + parameter,
        body=b"--bound \t\r\n" + attached() + b"\r\n--bound--",
    )
    assert count(message).decoded_bytes == len(PDF)


def test_only_whole_delimiter_lines_count() -> None:
    lines = b"--=_bx\r\n--=_\r\n x--=_b\r\n---=_b\r\n--=_b---\r\n--=_b x\r\n"
    message = multipart(part(b"Content-Type: application/x", body=lines))
    assert count(message).decoded_bytes == len(lines)


def test_preamble_and_epilogue_do_not_count() -> None:
    message = multipart(TEXT)
    head, body = message.split(b"\r\n\r\n", 1)
    around = b"Content-Type: application/pdf\r\n\r\n" + b"x" * 100
    assert count(head + b"\r\n\r\n" + around + body + around).decoded_bytes == 0


def test_declared_boundary_that_never_comes_makes_a_leaf() -> None:
    message = part(b"Content-Type: multipart/mixed; boundary=x", body=b"12345")
    assert count(message) == AttachmentCount(5, 0, 1, False)
    assert count(multipart(message, TEXT)) == AttachmentCount(5, 1, 3, False)


def test_unclosed_inner_multipart_ends_with_the_outer_one() -> None:
    inner = multipart(TEXT, boundary=b"inner").removesuffix(b"\r\n--inner--\r\n")
    assert count(multipart(inner, attached())) == AttachmentCount(len(PDF), 2, 4, False)


def test_inner_multipart_may_reuse_the_boundary() -> None:
    assert count(multipart(multipart(attached()), attached())).decoded_bytes == 2 * len(PDF)


def test_part_without_body_or_header_end_counts_nothing() -> None:
    message = part(
        b"Content-Type: multipart/mixed; boundary=b",
        body=b"--b\r\nContent-Type: a/b\r\n--b\r\n--b\r\n\r\n--b\r\nContent-Type: a/b",
    )
    assert count(message) == AttachmentCount(0, 1, 5, False)


def uuencoded(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]).strip(b"\n") for at in range(0, len(data), 45)]
    return b"\r\n".join([b"begin 644 a.bin", *lines, b"`", b"end", b""])


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=100))
def test_uuencoded_blocks_in_text_count(first: bytes, second: bytes) -> None:
    body = (
        b"begin with\r\nbegin 644 of prose\r\n"
        + uuencoded(first)
        + b"between\r\n"
        + uuencoded(second)
        + b"bye\r\n"
    )
    counted = count(part(b"Content-Type: text/plain", body=body)).decoded_bytes
    assert 0 <= counted - len(first) - len(second) <= 4
    assert count(multipart(part(body=body))).decoded_bytes == counted


def test_uuencoded_block_of_many_windows_counts() -> None:
    data = b"\x01\x02\x03" * 1_500_000
    assert count(part(body=b"x\r\n" * 349_000 + uuencoded(data))).decoded_bytes == len(data)


def test_count_does_not_depend_on_windows() -> None:
    raw = b"=41=\r\n" * 600_000 + b"x"
    assert count(multipart(attached(raw, b"quoted-printable"))).decoded_bytes == 600_001
    big = base64.encodebytes(b"x" * 3_000_000).replace(b"\n", b"\r\n")
    assert count(multipart(*[attached(big)] * 3)).decoded_bytes == 9_000_000


def test_every_kind_of_buffer_counts_alike() -> None:
    message = multipart(TEXT, attached(), part(b"Content-Type: message/rfc822", body=multipart(attached())))
    expected = count(message)
    assert count(memoryview(b"xx" + message)[2:]) == expected
    with tempfile.TemporaryFile() as file:
        file.write(message)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert count(mapped) == expected


def nested(levels: int) -> bytes:
    message = attached(b"x", b"7bit")
    for level in range(levels):
        message = multipart(message, boundary=b"b%d" % level)
    return message


def test_more_than_100_nested_parts_are_too_deep() -> None:
    assert count(nested(100)) == AttachmentCount(1, 100, 101, False)
    assert count(nested(101)).too_deep
    assert count(nested(3), max_depth=2).too_deep
    assert not count(b"Content-Type: message/rfc822\r\n\r\n" * 100 + TEXT).too_deep
    assert count(b"Content-Type: message/rfc822\r\n\r\n" * 101 + TEXT).too_deep


def test_more_than_20000_parts_are_refused_as_too_deep() -> None:
    assert not count(multipart(*[TEXT] * (MAX_PARTS - 1))).too_deep
    assert count(multipart(*[TEXT] * MAX_PARTS)).too_deep


def test_more_lines_like_delimiters_than_any_mail_has_are_too_deep() -> None:
    assert not count(multipart(TEXT + b"--=_bx\r\n" * (MAX_DELIMITERS - 2))).too_deep
    assert count(multipart(TEXT + b"--=_bx\r\n" * MAX_DELIMITERS)).too_deep


def test_a_long_text_of_dashed_lines_without_a_boundary_is_not_looked_at() -> None:
    assert not count(multipart(TEXT + b"-- a comment\r\n" * (MAX_DELIMITERS + 1))).too_deep


def test_more_uuencoded_blocks_than_any_mail_has_are_too_deep() -> None:
    block = b"begin 644 a\r\n#ABCD\r\n"
    assert not count(TEXT + block * MAX_UU_BLOCKS).too_deep
    assert count(TEXT + block * (MAX_UU_BLOCKS + 1)).too_deep
    assert count(TEXT + b"begin \r\n" * (MAX_UU_BLOCKS + 1)).too_deep


def test_counting_stops_above_the_limit_asked_for() -> None:
    message = multipart(*[attached()] * 100)
    stopped = count(message, stop_above=2 * len(PDF))
    assert stopped == AttachmentCount(3 * len(PDF), 1, 5, False)
    assert count(message, stop_above=100 * len(PDF)).decoded_bytes == 100 * len(PDF)


@dataclass(frozen=True)
class Leaf:
    media_type: str
    encoding: str
    named: bool
    data: bytes

    def counts(self) -> bool:
        return self.named or self.media_type not in ("text/plain", "text/html")


@dataclass(frozen=True)
class Branch:
    children: list["Leaf | Branch"] = field(default_factory=list)


LEAVES = st.builds(
    Leaf,
    st.sampled_from(["text/plain", "text/html", "text/csv", "application/zip", "image/png"]),
    st.sampled_from(["base64", "quoted-printable", "8bit"]),
    st.booleans(),
    st.binary(max_size=200).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"")),
)
TREES = st.recursive(
    LEAVES, lambda nodes: st.builds(Branch, st.lists(nodes, min_size=1, max_size=4)), max_leaves=12
)
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n"),
    "quoted-printable": lambda data: binascii.b2a_qp(data, istext=False).replace(b"\n", b"\r\n"),
    "8bit": lambda data: data,
}


def built(tree: Leaf | Branch, number: int = 0) -> bytes:
    if isinstance(tree, Branch):
        children = [built(child, number * 5 + at + 1) for at, child in enumerate(tree.children)]
        return multipart(*children, boundary=b"=_%d_" % number)
    name = b"; name=x" if tree.named else b""
    header = (
        b"Content-Type: " + tree.media_type.encode() + name,
        b"Content-Transfer-Encoding: " + tree.encoding.encode(),
    )
    return part(*header, body=ENCODERS[tree.encoding](tree.data))


def expected_bytes(tree: Leaf | Branch) -> int:
    if isinstance(tree, Branch):
        return sum(expected_bytes(child) for child in tree.children)
    return len(tree.data) if tree.counts() else 0


@settings(max_examples=150)
@given(TREES)
def test_count_is_the_sum_over_the_tree(tree: Leaf | Branch) -> None:
    message = built(tree)
    assert count(message).decoded_bytes == expected_bytes(tree)
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    assert count(message).parts == sum(1 for _ in parsed.walk())


PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"--",
        b"--b",
        b"\r\n--b\r\n",
        b"\r\n--b--\r\n",
        b"Content-Type: ",
        b"multipart/mixed",
        b"; boundary=b",
        b"; boundary=c",
        b"--c",
        b"message/rfc822",
        b"application/x",
        b"\r\nbegin 644 a\r\n#ABCD\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"quoted-printable",
        b"=",
        b'"',
        b"text/plain; name=x",
        b"\0",
        b"\xff",
    ]
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=25).map(b"".join) | st.binary(max_size=80))
def test_no_bytes_raise_and_no_count_exceeds_the_content(noise: bytes) -> None:
    for content in (noise, b"Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n" + noise):
        counted = count(content)
        assert 0 <= counted.decoded_bytes <= len(content)
        assert counted.depth < counted.parts
        if is_one_leaf(header_section(content)):
            assert (counted.depth, counted.parts) == (0, 1)


def test_what_may_have_parts_is_no_single_leaf() -> None:
    assert is_one_leaf(b"Subject: hi\r\nContent-Type: text/plain\r\n")
    for content_type in (b"multipart/mixed; boundary=b", b"Message/RFC822", b"\r\n MULTIPART/digest"):
        assert not is_one_leaf(b"Content-Type: " + content_type + b"\r\n")


BOMB = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"


@pytest.mark.parametrize(
    "content",
    [
        BOMB + b"Content-Transfer-Encoding: base64\r\nContent-Type: a/b\r\n\r\n" + b"QUJD" * 12_500_000,
        b"\r\n" * 13_000_000,
        BOMB + b"\r\n" * 13_000_000,
        BOMB + b"A: b\r\n" * 5_000_000,
        BOMB + b"Content-Type: x" + b"\r\n ;" * 5_000_000,
        BOMB + b"--b\r\n" * 5_000_000,
        BOMB + b"\r\n" + b"--x\r\n" * 2_000_000,
        b"".join(
            b"Content-Type: multipart/x; boundary=%d\r\n\r\n--%d\r\n" % (at, at) for at in range(100_000)
        ),
        b"Content-Type: message/rfc822\r\n\r\n" * 800_000,
        BOMB + b"\r\n" + b"--bx\r\n" * 11_000_000,
        b"\r\n" + b"begin 644 a\r\n#ABC\r\n" * 3_000_000,
        b'Content-Type: a/b; x="' + b'\\"' * 100_000 + b";" * 100_000,
    ],
    ids=[
        "base64",
        "empty",
        "empty part",
        "header",
        "fold",
        "parts",
        "dashes",
        "nest",
        "rfc822",
        "near misses",
        "uu",
        "quotes",
    ],
)
def test_bomb_takes_linear_time(content: bytes) -> None:
    started = time.thread_time()
    count(content)
    assert time.thread_time() - started < 1.5
