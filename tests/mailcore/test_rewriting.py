"""Trace fields are added on top, byte-exact, and give nothing away."""

from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import parsedate_to_datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.rewriting import (
    HEADER_CAP,
    count_loop_marks,
    header_section,
    is_eight_bit,
    loop_mark,
    needs_smtputf8_headers,
    received_header,
)

KEY = b"k" * 32
ALIAS = UUID("0192f0c1-2345-7890-8abc-def012345678")
OTHER = UUID("0192f0c1-2345-7890-8abc-def012345679")
NOW = datetime(2026, 11, 22, 9, 14, 36, tzinfo=UTC)
CASES = sorted(
    path for path in (Path(__file__).parents[1] / "golden" / "rewriting").iterdir() if path.is_dir()
)


def received(
    helo: str = "mail.example.org", client_ip: str = "192.0.2.7", client_name: str | None = "mail.example.org"
) -> bytes:
    return received_header(
        helo=helo,
        client_ip=client_ip,
        client_name=client_name,
        by="mx.clearpost.test",
        protocol="ESMTPS",
        message_id="0192f0c1-0000-7000-8000-000000000001",
        at=NOW,
    )


def given_of(case: Path) -> dict[str, str]:
    head = (case / "why.txt").read_text("utf-8").partition("\n\n")[0]
    return {name: value for name, _, value in (line.partition(": ") for line in head.splitlines())}


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_golden_pair(case: Path) -> None:
    facts = given_of(case)
    content = (case / "in.eml").read_bytes()
    trace = received_header(
        helo=facts["helo"].encode().decode("unicode_escape"),
        client_ip=facts["client-ip"],
        client_name=facts.get("client-name"),
        by=facts["by"],
        protocol=facts["protocol"],
        message_id=facts["id"],
        at=datetime.fromisoformat(facts["at"]),
    )
    assert trace + loop_mark(KEY, ALIAS) + content == (case / "out.eml").read_bytes()
    assert is_eight_bit(content) == (facts["eight-bit"] == "yes")
    assert needs_smtputf8_headers(header_section(content)) == (facts["smtputf8"] == "yes")
    assert count_loop_marks(header_section(content), KEY, ALIAS) == int(facts["loop-marks"])


@given(helo=st.text(max_size=400), client_name=st.none() | st.text(max_size=400))
def test_a_hostile_helo_stays_inside_its_clause(helo: str, client_name: str | None) -> None:
    field = received(helo=helo, client_name=client_name)
    assert field.isascii()
    assert field.endswith(b"\r\n")
    assert field.count(b"\n") == field.count(b"\r\n") == field.count(b"\r")
    assert all(line.startswith(b" ") for line in field.split(b"\r\n")[1:-1])
    assert max(map(len, field.split(b"\r\n"))) <= 998
    assert field.count(b";") == field.count(b"(") == field.count(b")") == 1
    parsed = BytesParser(policy=SMTP).parsebytes(field + b"\r\n")
    assert parsed.keys() == ["Received"]
    assert parsedate_to_datetime(str(parsed["Received"]).rpartition(";")[2].strip()) == NOW


def test_received_lines_are_folded_at_78() -> None:
    field = received(helo="a" * 40 + ".example.org", client_ip="2001:db8::1")
    assert max(map(len, field.split(b"\r\n"))) <= 78
    assert b"([IPv6:2001:db8::1])" in received(client_ip="2001:db8::1", client_name=None)


def test_received_shows_a_mapped_ipv4_address_as_ipv4() -> None:
    assert b"([192.0.2.7])" in received(client_ip="::ffff:192.0.2.7", client_name=None)


def test_an_address_literal_helo_is_kept() -> None:
    assert received(helo="[192.0.2.7]").startswith(b"Received: from [192.0.2.7] ")


def test_an_empty_helo_is_unknown() -> None:
    assert received(helo="").startswith(b"Received: from unknown ")


def test_received_names_no_recipient() -> None:
    assert b" for " not in received()
    assert b"@" not in received(helo="for <bob@example.org>")


def test_a_loop_mark_counts_for_its_alias_only() -> None:
    header = loop_mark(KEY, ALIAS) + b"Subject: x\r\n" + loop_mark(KEY, ALIAS) + loop_mark(KEY, OTHER)
    assert count_loop_marks(header, KEY, ALIAS) == 2
    assert count_loop_marks(header, KEY, OTHER) == 1
    assert count_loop_marks(header, b"another key", ALIAS) == 0


def test_a_loop_mark_does_not_reveal_the_alias_id() -> None:
    mark = loop_mark(KEY, ALIAS)
    assert len(mark) <= 80
    assert not any(part.encode() in mark for part in str(ALIAS).split("-"))


def test_a_loop_mark_survives_folding_and_case() -> None:
    mark = loop_mark(KEY, ALIAS)
    assert count_loop_marks(mark.replace(b" ", b"\r\n\t"), KEY, ALIAS) == 1
    assert count_loop_marks(mark.upper(), KEY, ALIAS) == 1
    assert count_loop_marks(mark.replace(b"\r\n", b"\n"), KEY, ALIAS) == 1
    assert count_loop_marks(mark.removesuffix(b"\r\n"), KEY, ALIAS) == 1
    assert count_loop_marks(mark.replace(b": v1", b":v1"), KEY, ALIAS) == 1
    assert count_loop_marks(mark.replace(b":", b" :"), KEY, ALIAS) == 1
    assert count_loop_marks(mark.replace(b"\r\n", b" \t\r\n \r\nSubject: x\r\n"), KEY, ALIAS) == 1


@given(at=st.integers(19, 71), digit=st.sampled_from(b"0123456789abcdef "))
def test_a_changed_loop_mark_counts_nothing(at: int, digit: int) -> None:
    mark = loop_mark(KEY, ALIAS)
    forged = mark[:at] + bytes([digit]) + mark[at + 1 :]
    assert count_loop_marks(forged, KEY, ALIAS) == int(forged == mark)


def test_a_loop_mark_quoted_inside_another_field_counts_nothing() -> None:
    assert count_loop_marks(b"Subject: x\r\n " + loop_mark(KEY, ALIAS), KEY, ALIAS) == 0
    assert count_loop_marks(b"X-Old-" + loop_mark(KEY, ALIAS), KEY, ALIAS) == 0


def test_counting_loop_marks_is_linear_in_hostile_whitespace() -> None:
    hostile = (b"Clearpost-Loop:" + b" " * 100_000 + b"\r\n") * 2 + b"Clearpost-Loop: v1\r\n" * 3000
    hostile += b"Clearpost-Loop:" + b"\r\n " * 100_000 + b"\r\n"
    assert count_loop_marks(hostile, KEY, ALIAS) == 0


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (b"A: b\r\n\r\nbody", b"A: b\r\n"),
        (b"A: b\r\nC: d\r\n", b"A: b\r\nC: d\r\n"),
        (b"\r\nbody\r\n\r\n", b""),
        (b"", b""),
        (b"A: b\r\n \r\n c\r\n\r\n", b"A: b\r\n \r\n c\r\n"),
    ],
)
def test_the_header_section_ends_at_the_first_empty_line(content: bytes, header: bytes) -> None:
    assert header_section(content) == header
    assert header_section(memoryview(content)) == header


def test_the_header_section_is_capped() -> None:
    assert len(header_section(b"A: " + b"x" * 2 * HEADER_CAP)) == HEADER_CAP
    assert header_section(b"A: b\r\n\r\nbody", cap=6) == b"A: b\r\n"
    assert header_section(b"A: b\r\n\r\nbody", cap=5) == b"A: b\r"


@given(st.binary(max_size=300), st.integers(0, 70_000))
def test_eight_bit_content_is_seen_wherever_it_is(tail: bytes, distance: int) -> None:
    content = b"x" * distance + tail
    assert is_eight_bit(content) == is_eight_bit(memoryview(content)) == any(byte > 127 for byte in tail)
