"""Bytes of our own mail: 7-bit, CRLF only, and what went in comes out."""

import email
import email.policy
import re
from datetime import datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from mailcore.own_mail import date_time, encoded_part, field, one_line, text_part


def test_a_value_cannot_end_its_line() -> None:
    assert field("To", "a\r\nBcc: b") == b"To: a?Bcc: b\r\n"
    assert field("To", "a\u2028b\ud800\x85") == b"To: a?b?\r\n"


def test_a_text_is_ascii_even_where_its_words_are_not() -> None:
    content = field(
        "Subject", "You are invited to Caf\u00e9 \u4f60\u597d on Clearpost, by somebody who has a long name"
    )
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 76
    assert field("Subject", "Plain words") == b"Subject: Plain words\r\n"
    assert field("To", "<\u00e9@a.test>") == "To: <\u00e9@a.test>\r\n".encode()


@given(st.text(min_size=1, max_size=200))
def test_any_subject_comes_back(text: str) -> None:
    content = field("Subject", text)
    assert content.isascii()
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert re.fullmatch(rb"Subject: .*\r\n( .*\r\n)*", content)
    value = content.decode().removeprefix("Subject: ").removesuffix("\r\n").replace("\r\n", "")
    assert str(make_header(decode_header(value))) == one_line(text)


def test_times_are_written_in_utc() -> None:
    at = datetime(2026, 11, 22, 10, 14, 36, tzinfo=timezone(timedelta(hours=1)))
    assert date_time(at) == "Sun, 22 Nov 2026 09:14:36 +0000"


def test_plain_text_stays_readable() -> None:
    assert text_part("Hello\n\nyou\n").endswith(
        b"charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHello\r\n\r\nyou\r\n"
    )


@given(st.text(max_size=300))
def test_any_text_comes_back(text: str) -> None:
    content = text_part(text)
    assert content.isascii()
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    wanted = text.strip("\n").encode("utf-8", "replace").replace(b"\n", b"\r\n")
    assert payload == wanted + b"\r\n"


@given(st.lists(st.binary(max_size=100) | st.just(b"y" * 1500), max_size=5))
def test_any_bytes_fit_in_seven_bits(lines: list[bytes]) -> None:
    content = encoded_part("text/rfc822-headers", lines)
    assert content.isascii()
    assert b"\0" not in content
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
