"""Notices are quiet plain text: complete, deterministic, and silent about senders and subjects."""

import email
import email.policy
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.notices import DomainDispute, NoticeRow, domain_displaced_notice, undeliverable_notice

GOLDEN = Path(__file__).parents[1] / "golden" / "notices"
NOTICE_ID = UUID("0192f0c1-0000-7000-8000-000000000002")
NOW = datetime(2026, 11, 22, 9, 20, tzinfo=UTC)
ROWS = [NoticeRow("a@demo.test", "5.2.2", 1), NoticeRow("hello@demo.test", "5.1.1", 3)]


def undeliverable(rows: list[NoticeRow], service_name: str = "Clearpost") -> bytes:
    return undeliverable_notice(
        to="owner@example.net",
        day=date(2026, 11, 21),
        rows=rows,
        service_name=service_name,
        from_address="notices@clearpost.test",
        notice_id=NOTICE_ID,
        at=NOW,
        log_url="https://clearpost.test/logs",
    )


def displaced(outcome: DomainDispute, domain: str = "demo.test") -> bytes:
    return domain_displaced_notice(
        to="owner@example.net",
        domain=domain,
        outcome=outcome,
        service_name="Clearpost",
        from_address="notices@clearpost.test",
        notice_id=NOTICE_ID,
        at=NOW,
        domain_url="https://clearpost.test/domains/demo.test",
    )


def text_of(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert message["Auto-Submitted"] == "auto-generated"
    return str(message.get_content())


def test_golden_undeliverable_notice() -> None:
    assert undeliverable(ROWS) == (GOLDEN / "undeliverable.eml").read_bytes()


def test_the_notice_does_not_depend_on_the_order_of_rows() -> None:
    assert undeliverable(ROWS[::-1]) == undeliverable(ROWS)


@pytest.mark.parametrize("outcome", ["lost", "won", "kept"])
def test_golden_domain_notice(outcome: DomainDispute) -> None:
    assert displaced(outcome) == (GOLDEN / f"domain-{outcome}.eml").read_bytes()


def test_one_message_is_told_in_the_singular() -> None:
    content = undeliverable(ROWS[:1])
    assert b"Subject: One message could not be delivered on 21 November 2026\r\n" in content
    assert "one message to your aliases could not be delivered" in text_of(content)


def test_a_hundred_aliases_are_shown_and_the_rest_counted() -> None:
    rows = [NoticeRow(f"a{i:03}@demo.test", "5.1.1", 2) for i in range(130)]
    text = text_of(undeliverable(rows))
    assert "260 messages" in text
    assert "a099@" in text
    assert "a100@" not in text
    assert "and 60 messages to other aliases" in text


def test_a_domain_name_with_braces_is_only_a_name() -> None:
    assert "{x}" in text_of(displaced("kept", domain="{x}.test"))


@given(
    st.lists(
        st.builds(NoticeRow, st.text(max_size=30), st.text(max_size=9), st.integers(1, 10**6)), max_size=5
    ),
    st.text(max_size=20),
)
def test_a_notice_is_seven_bit_with_clean_lines(rows: list[NoticeRow], service_name: str) -> None:
    content = undeliverable(rows, service_name)
    assert content.isascii()
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert len(content.partition(b"\r\n\r\n")[0].split(b"\r\n")) == 9
