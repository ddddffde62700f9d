"""What owners read once our staff may look: who let them, at what, until when, and where it is ended."""

from pathlib import Path

import pytest

from customers.letter_desk import Desk
from customers.letter_texts import EVEN_IF_STOPPED, WRITERS
from customers.support_letters import opened
from mailcore.clock import Clock
from mailcore.keyring import Keyring

ABOUT = {"account": "Shop", "by": "ada@people.test", "until": "2026-11-22 13:00 UTC"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Keyring(tmp_path / "keys"), "https://clear.test", Clock().now())


def test_the_letter_says_who_let_them_until_when_and_where_it_is_ended(desk: Desk) -> None:
    lines = opened(desk, {**ABOUT, "domains": ""}).lines
    assert "ada@people.test has let our staff look into the log" in lines
    assert "of all domains of the account" in lines
    assert any(ABOUT["until"] in line for line in lines)
    assert "    https://clear.test/support-access" in lines


def test_few_domains_are_named_and_many_are_not(desk: Desk) -> None:
    names = [f"d{number}.test" for number in range(12)]
    few = opened(desk, {**ABOUT, "domains": "\n".join(names[:2])}).lines
    many = opened(desk, {**ABOUT, "domains": "\n".join(names)}).lines
    assert {"    d0.test", "    d1.test", "of these domains of the account"} <= set(few)
    assert "    and others" not in few
    assert ("    d9.test" in many, "    d10.test" in many, "    and others" in many) == (True, False, True)


def test_it_reaches_owners_who_want_no_other_mail() -> None:
    assert WRITERS["support-opened"] is opened
    assert "support-opened" in EVEN_IF_STOPPED
