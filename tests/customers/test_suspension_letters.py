"""What owners of a suspended account read: the reason, our note as we wrote it, and what they can do."""

from pathlib import Path
from typing import get_args

import pytest

from customers.letter_desk import Desk
from customers.suspension_letters import REASONS, Reason, resumed, suspended
from mailcore.clock import Clock
from mailcore.keyring import Keyring


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Keyring(tmp_path / "keys"), "https://clear.test", Clock().now())


def test_every_reason_has_its_words() -> None:
    assert tuple(REASONS) == get_args(Reason)


@pytest.mark.parametrize("reason", REASONS)
def test_the_letter_says_why_and_what_is_left_to_do(desk: Desk, reason: Reason) -> None:
    letter = suspended(desk, {"account": "Shop", "reason": reason, "note": ""})
    text = " ".join(letter.lines)
    assert REASONS[reason] in text
    assert "For 48 hours" in text
    assert "answer this letter" in text
    assert "What we have to say" not in text


def test_a_note_keeps_its_paragraphs_and_nothing_that_is_not_text(desk: Desk) -> None:
    note = "First.\n\n" + "word " * 40 + "\nbell\x07"
    for letter in (
        suspended(desk, {"account": "Shop", "reason": "spam", "note": note}),
        resumed(desk, {"account": "Shop", "note": note}),
    ):
        assert {"    First.", "    bell?"} <= set(letter.lines)
        assert max(map(len, letter.lines)) <= 100
