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

from customers.letter_desk import Desk, Written
from customers.notices import DomainDispute, Failures, about_failures, domain_dispute, undeliverable
from mailcore.keyring import Keyring
from mailcore.own_mail import letter

GOLDEN = Path(__file__).parents[1] / "golden" / "notices"
NOTICE_ID = UUID("0192f0c1-0000-7000-8000-000000000002")
NOW = datetime(2026, 11, 22, 9, 20, tzinfo=UTC)
ROWS = [Failures("a@demo.test", "5.2.2", 1), Failures("hello@demo.test", "5.1.1", 3)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(Keyring(tmp_path_factory.mktemp("keys") / "keys"), "https://clearpost.test", NOW)


def sent(written: Written, service_name: str = "Clearpost") -> bytes:
    return letter(
        to="owner@example.net",
        subject=written.subject,
        lines=written.lines,
        service_name=service_name,
        from_address="notices@clearpost.test",
        letter_id=NOTICE_ID,
        at=NOW,
    )


def of_failures(desk: Desk, rows: list[Failures], service_name: str = "Clearpost") -> bytes:
    return sent(undeliverable(desk, about_failures(date(2026, 11, 21), rows)), service_name)


def of_dispute(desk: Desk, outcome: DomainDispute, domain: str = "demo.test") -> bytes:
    return sent(domain_dispute(desk, {"id": domain, "name": domain, "outcome": outcome}))


def text_of(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert message["Auto-Submitted"] == "auto-generated"
    return str(message.get_content())


def test_golden_undeliverable_notice(desk: Desk) -> None:
    assert of_failures(desk, ROWS) == (GOLDEN / "undeliverable.eml").read_bytes()


def test_the_notice_does_not_depend_on_the_order_of_rows(desk: Desk) -> None:
    assert of_failures(desk, ROWS[::-1]) == of_failures(desk, ROWS)


@pytest.mark.parametrize("outcome", ["lost", "won", "kept"])
def test_golden_domain_notice(desk: Desk, outcome: DomainDispute) -> None:
    assert of_dispute(desk, outcome) == (GOLDEN / f"domain-{outcome}.eml").read_bytes()


def test_one_message_is_told_in_the_singular(desk: Desk) -> None:
    content = of_failures(desk, ROWS[:1])
    assert b"Subject: One message could not be delivered on 21 November 2026\r\n" in content
    assert "one message to your aliases could not be delivered" in text_of(content)


def test_a_hundred_aliases_are_shown_and_the_rest_counted(desk: Desk) -> None:
    rows = [Failures(f"a{i:03}@demo.test", "5.1.1", 2) for i in range(130)]
    text = text_of(of_failures(desk, rows))
    assert "260 messages" in text
    assert "a099@" in text
    assert "a100@" not in text
    assert "and 60 messages to other aliases" in text


def test_a_domain_name_with_braces_is_only_a_name(desk: Desk) -> None:
    assert "{x}" in text_of(of_dispute(desk, "kept", domain="{x}.test"))


@given(
    st.lists(
        st.builds(
            Failures,
            st.text(max_size=30),
            st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}", fullmatch=True),
            st.integers(1, 10**6),
        ),
        min_size=1,
        max_size=5,
    ),
    st.text(max_size=20),
)
def test_a_notice_is_seven_bit_with_clean_lines(desk: Desk, rows: list[Failures], service_name: str) -> None:
    content = of_failures(desk, rows, service_name)
    assert content.isascii()
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert len(content.partition(b"\r\n\r\n")[0].split(b"\r\n")) == 9
