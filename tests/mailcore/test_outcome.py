"""How a reply becomes a verdict, and how its text is made safe to keep."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore.outcome import RESPONSE_CHARACTERS, ended_in, enhanced_code, from_reply, ours, sanitised


@settings(max_examples=300, deadline=None)
@given(st.integers(-5, 1200), st.text(max_size=80), st.booleans())
def test_every_reply_has_exactly_one_verdict(code: int, text: str, after_dot: bool) -> None:
    outcome = from_reply(code, text, after_dot=after_dot)
    if after_dot and 200 <= code <= 299:
        assert outcome.kind == "delivered"
    elif 500 <= code <= 599:
        assert outcome.kind == "permanent"
    else:
        assert outcome.kind == "transient"
    assert outcome.enhanced[0] == {"delivered": "2", "transient": "4", "permanent": "5"}[outcome.kind]
    assert outcome.code in (code, 451)
    assert outcome.response.isprintable()
    assert len(outcome.response) <= 500


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=1200))
def test_stored_text_is_one_printable_line_in_utf8(text: str) -> None:
    safe = sanitised(text + "\x1b\x00\udcff")
    assert safe.isprintable()
    assert len(safe) <= 500
    assert safe.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", "two lines"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\udcff", r"\xff"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("Grüße", "Grüße"),
    ],
)
def test_what_cannot_be_shown_is_escaped(text: str, shown: str) -> None:
    assert sanitised(text) == shown


@pytest.mark.parametrize(
    ("text", "code_class", "enhanced"),
    [
        ("5.1.1 no", 5, "5.1.1"),
        ("5.1.1", 5, "5.1.1"),
        ("4.2.2 full", 5, "5.0.0"),
        ("no such user", 5, "5.0.0"),
        ("5.1.1000 no", 5, "5.0.0"),
        ("5.1.1no", 5, "5.0.0"),
        ("2.0.0 ok", 2, "2.0.0"),
    ],
)
def test_enhanced_code_counts_only_if_its_class_fits(text: str, code_class: int, enhanced: str) -> None:
    assert enhanced_code(text, code_class) == enhanced


def test_our_own_words_carry_their_codes() -> None:
    assert (
        ours("transient", 451, "4.4.1", "Connection refused", "connect").response
        == "451 4.4.1 Connection refused"
    )


@pytest.mark.parametrize("length", [5, 400, 470, 480, 500])
def test_what_we_add_to_a_reply_stays_whole_and_the_servers_words_are_cut(length: int) -> None:
    reply = from_reply(250, "x" * length, after_dot=True)
    told = ended_in(ended_in(reply, " [TLSv1.3, verified]"), "; From rewritten").response
    suffix = " [TLSv1.3, verified]; From rewritten"
    assert told.endswith(suffix)
    assert reply.response.startswith(told.removesuffix(suffix))
    assert len(told) == min(len(reply.response) + len(suffix), RESPONSE_CHARACTERS)
