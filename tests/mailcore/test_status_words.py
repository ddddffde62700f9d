"""Every code has one plain sentence that names nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore import replies
from mailcore.replies import Reply
from mailcore.status_words import plain_words, registered


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.1.1", "does not exist"),
        ("4.2.2", "full"),
        ("5.3.4", "too large"),
        ("4.4.7", "in the time allowed"),
        ("5.7.1", "policy"),
        ("5.1.10", "takes no mail at all"),
        ("5.6.9", "beyond ASCII"),
        ("2.1.5", "delivered"),
        ("4.9.99", "for the moment"),
        ("5.9.99", "for good"),
        ("not a code", "for good"),
        ("\u0665.1.1", "for good"),
    ],
)
def test_a_code_in_plain_words(status: str, words: str) -> None:
    assert words in plain_words(status)


@given(st.text(max_size=12) | st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}", fullmatch=True))
def test_every_status_has_one_short_sentence(status: str) -> None:
    sentence = plain_words(status)
    assert sentence.endswith(".")
    assert len(sentence) < 110
    assert "\n" not in sentence


def test_every_refusal_of_ours_has_words_of_its_own() -> None:
    ours = {
        value.enhanced for value in vars(replies).values() if isinstance(value, Reply) and value.is_refusal
    }
    vague = {plain_words("4.9.99"), plain_words("5.9.99")}
    assert not [code for code in ours if code and plain_words(code) in vague]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("5.1.1", "5.1.1"),
        ("4.4.7", "4.4.7"),
        ("5.7.520", "5.7.0"),
        ("4.2.77", "4.2.0"),
        ("5.127.77", "5.0.0"),
        ("4.9.1", "4.0.0"),
        ("5.0.77", "5.0.0"),
        ("5.1.01", "5.1.0"),
        ("5.01.1", "5.0.0"),
        ("", "5.0.0"),
        ("5.1.1 you@inbox.test", "5.0.0"),
    ],
)
def test_a_sender_sees_codes_that_everybody_knows(status: str, shown: str) -> None:
    assert registered(status) == shown
