"""DSNs tell the sender what failed and nothing about where; returned ones are read by a bounded scan."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.dsn import Failure, ReturnedStatus, compose, may_notify, read_status
from mailcore.envelope import Mailbox
from mailcore.rewriting import header_section
from mailcore.status_words import plain_words

GOLDEN = Path(__file__).parents[1] / "golden"
DSN_ID = UUID("0192f0c1-0000-7000-8000-000000000002")
ARRIVED = datetime(2026, 11, 22, 9, 14, 36, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 9, 20, tzinfo=UTC)
ANN = Mailbox("ann", "example.org")


def cases(kind: str) -> list[Path]:
    return sorted(path for path in (GOLDEN / kind).iterdir() if path.is_dir())


def dsn(
    *, alias: str = "hello@demo.test", status: str = "5.1.1", to: str = "ann@example.org", header: bytes = b""
) -> bytes:
    return compose(
        dsn_id=DSN_ID,
        reporting_mta="mx.clearpost.test",
        from_domain="clearpost.test",
        to=to,
        failure=Failure(alias, status, ARRIVED),
        original_header=header,
        at=NOW,
        plain_reason=plain_words(status),
    )


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def returned_fields(content: bytes) -> bytes:
    """The third part, decoded, without the line break that belongs to the delimiter."""
    part = list(parsed(content).iter_parts())[2]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


@pytest.mark.parametrize("case", cases("dsn"), ids=lambda path: path.name)
def test_golden_dsn(case: Path) -> None:
    facts = dict(
        line.split(": ", 1) for line in (case / "why.txt").read_text("utf-8").split("\n\n")[0].splitlines()
    )
    header = header_section((case / "in.eml").read_bytes())
    assert dsn(**facts, header=header) == (case / "out.eml").read_bytes()


def test_a_dsn_is_a_report_with_three_parts() -> None:
    message = parsed(dsn(header=b"Subject: Lunch\r\n"))
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert not message.defects


def test_a_dsn_can_be_read_back() -> None:
    assert read_status(dsn(status="5.2.2")) == ReturnedStatus("failed", "5.2.2")
    assert read_status(dsn(status="4.4.7")) == ReturnedStatus("failed", "4.4.7")


def test_only_the_fields_a_sender_knows_a_message_by_come_back() -> None:
    header = (
        b"Received: from a (mx.inbox.test [192.0.2.25])\r\n by b for <real@inbox.test>\r\n"
        b"Delivered-To: real@inbox.test\r\nX-Original-To: real@inbox.test\r\nResent-To: real@inbox.test\r\n"
        b"Return-Path: <SRS0=x@clearpost.test>\r\nAuthentication-Results: inbox.test; spf=pass\r\n"
        b"Bcc: real@inbox.test\r\nTo: hello@demo.test\r\nX-To: real@inbox.test\r\n"
    )
    content = dsn(header=header)
    assert b"inbox.test" not in content
    assert b"SRS0" not in content
    assert returned_fields(content).strip() == b"To: hello@demo.test"


def test_the_returned_header_is_capped_at_8_kb() -> None:
    header = b"".join(b"%s: %s\r\n" % (name, b"x" * 3000) for name in (b"From", b"To", b"Cc", b"Subject"))
    fields = returned_fields(dsn(header=header))
    assert b"From" in fields
    assert b"To" in fields
    assert len(fields) <= 8 * 1024


def test_a_status_that_is_none_becomes_5_0_0() -> None:
    assert b"\r\nStatus: 5.0.0\r\n" in dsn(status="5.1.1\r\nRemote-MTA: dns; mx.inbox.test")
    assert b"Remote-MTA" not in dsn(status="5.1.1\r\nRemote-MTA: dns; mx.inbox.test")


def test_a_dsn_is_deterministic() -> None:
    assert dsn() == dsn()


HEADER_LINES = st.lists(
    st.tuples(
        st.sampled_from(
            [b"From", b"to", b"CC", b"Subject", b"Date", b"Message-ID", b"Received", b"X-Y", b"From "]
        ),
        st.binary(max_size=60) | st.just(b"x" * 1200) | st.just(b"a\r\n b\r\n\tc"),
    ).map(b": ".join),
    max_size=6,
).map(b"\r\n".join)


@given(
    header=HEADER_LINES | st.binary(max_size=200),
    alias=st.text(min_size=1, max_size=40),
    to=st.text(min_size=1, max_size=40),
    status=st.text(max_size=9) | st.just("5.1.1"),
)
def test_no_input_breaks_a_line_a_part_or_the_seven_bits(
    header: bytes, alias: str, to: str, status: str
) -> None:
    content = dsn(header=header, alias=alias, to=to, status=status)
    assert content.replace(b"\r\n", b"").isascii() or not to.isascii()
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert b"\0" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    top, _, body = content.partition(b"\r\n\r\n")
    assert len(top.split(b"\r\n")) == 9
    assert body.count(b"--=_" + DSN_ID.hex.encode()) == 4
    assert len(list(parsed(content).iter_parts())) == 3
    found = read_status(content)
    assert found is not None
    assert found.action == "failed"


@given(HEADER_LINES)
def test_returned_fields_are_bytes_of_the_original(header: bytes) -> None:
    lines = returned_fields(dsn(header=header)).split(b"\r\n")
    assert all(line in header for line in lines)


@pytest.mark.parametrize("case", cases("returned"), ids=lambda path: path.name)
def test_golden_returned_status(case: Path) -> None:
    expected = (case / "why.txt").read_text("utf-8").splitlines()[0]
    found = read_status((case / "in.eml").read_bytes())
    assert (f"{found.action} {found.status}" if found else "none") == expected


def test_a_status_beyond_the_cap_is_not_read() -> None:
    content = (GOLDEN / "returned" / "postfix" / "in.eml").read_bytes()
    assert read_status(content, cap=content.index(b"Action:")) is None
    assert read_status(content + b"x" * 2_000_000) == ReturnedStatus("failed", "5.1.1")


PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"--b\r\n",
        b"Content-Type: message/delivery-status\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Action: failed\r\n",
        b"Status: 5.1.1\r\n",
        b"Status: 9.9.9\r\n",
        b" ",
        b"QWN0aW9uOiBmYWlsZWQ",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=6), max_size=30).map(b"".join))
def test_reading_a_status_never_raises(content: bytes) -> None:
    found = read_status(content)
    assert found is None or (found.action, found.status) == ("failed", "5.1.1")


@pytest.mark.parametrize(
    "hostile",
    [
        b"\r\n--b\r\nContent-Type: message/delivery-status\r\n" * 20_000,
        b"--a:b\r\n" * 150_000,
        b"\n--b\nContent-Type:" + b" " * 990_000,
        b"\n--b\nContent-Type: message/delivery-status\n\n" + b"Action:" * 140_000,
        b"\n--b\nContent-Type: message/delivery-status\n\n" + b"\n \t" * 330_000,
        b"Content-Type: message/delivery-status" + b"\n" * 960_000,
    ],
)
@pytest.mark.timeout(2)
def test_reading_a_status_takes_bounded_time(hostile: bytes) -> None:
    assert read_status(hostile) is None


def test_a_dsn_may_go_to_a_proven_sender() -> None:
    assert may_notify(
        reverse_path=ANN, spf_pass=True, header=b"From: ann@example.org\r\nAuto-Submitted: no\r\n"
    )
    assert may_notify(reverse_path=ANN, spf_pass=True, header=b"Auto-Submitted: No (a person); x=y\r\n")


def test_a_dsn_never_goes_to_the_null_reverse_path() -> None:
    assert not may_notify(reverse_path=None, spf_pass=True, header=b"")


def test_a_dsn_never_goes_to_a_sender_without_proof() -> None:
    assert not may_notify(reverse_path=ANN, spf_pass=False, header=b"")


@pytest.mark.parametrize("local_part", ["postmaster", "MAILER-DAEMON", "Postmaster"])
def test_a_dsn_never_goes_to_a_mail_system(local_part: str) -> None:
    assert not may_notify(reverse_path=Mailbox(local_part, "example.org"), spf_pass=True, header=b"")


@pytest.mark.parametrize(
    "header",
    [
        b"List-Id: <x.example.org>\r\n",
        b"From: a@example.org\r\nLIST-UNSUBSCRIBE: <mailto:x@example.org>\r\n",
        b"Precedence: bulk\r\n",
        b"precedence :\r\n LIST\r\n",
        b"Precedence: junk\r\n",
        b"Auto-Submitted: auto-replied\r\n",
        b"Auto-Submitted: auto-generated; x=y\r\n",
        b"Auto-Submitted:\r\n",
        b"Auto-Submitted: no\r\nAuto-Submitted: auto-notified\r\n",
    ],
)
def test_a_dsn_never_goes_to_lists_and_robots(header: bytes) -> None:
    assert not may_notify(reverse_path=ANN, spf_pass=True, header=header)


@pytest.mark.parametrize(
    "header", [b"Subject: x\r\n List-Id: y\r\n", b"Precedence: first-class\r\n", b"X-List-Id: x\r\n"]
)
def test_what_only_looks_like_a_list_is_none(header: bytes) -> None:
    assert may_notify(reverse_path=ANN, spf_pass=True, header=header)
