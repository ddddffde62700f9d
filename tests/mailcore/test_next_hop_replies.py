"""Replies of a next hop, wherever the octets are cut."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.next_hop_replies import NO_ANSWER, Answer, extensions_in, refusal_in, take


@pytest.mark.parametrize(
    ("octets", "answer", "left"),
    [
        (b"250 2.1.0 Ok\r\n", Answer(250, "2.1.0 Ok"), b""),
        (b"250\r\n", Answer(250, ""), b""),
        (b"250-one\r\n250-two\r\n250 three\r\n354 go\r\n", Answer(250, "one\ntwo\nthree"), b"354 go\r\n"),
        (b"550 5.1.1 no\n", Answer(550, "5.1.1 no"), b""),
        (b"250-one\r\n550 two\r\n", Answer(550, "one\ntwo"), b""),
        (b"250 \xff\r\n", Answer(250, "\udcff"), b""),
        (b"999 what\r\n", Answer(NO_ANSWER, "Unexpected reply: what"), b""),
    ],
)
def test_the_first_reply_is_taken_and_the_rest_is_left(octets: bytes, answer: Answer, left: bytes) -> None:
    unread = bytearray(octets)
    assert (take(unread), bytes(unread)) == (answer, left)


@pytest.mark.parametrize("octets", [b"", b"25", b"250 Ok", b"250-one\r\n", b"250-one\r\n25", b"garbage"])
def test_a_reply_that_is_not_whole_yet_is_waited_for(octets: bytes) -> None:
    unread = bytearray(octets)
    assert (take(unread), bytes(unread)) == (None, octets)


@pytest.mark.parametrize("octets", [b"\r\n", b"garbage\r\n", b"25 x\r\n", b"250-one\r\nwhat\r\n250 two\r\n"])
def test_a_line_that_is_none_of_a_reply_is_no_answer(octets: bytes) -> None:
    answer = take(bytearray(octets))
    assert answer is not None
    assert answer.code == NO_ANSWER


@given(st.binary(max_size=100))
def test_no_octets_raise(octets: bytes) -> None:
    unread = bytearray(octets)
    for _ in octets:
        take(unread)


def test_an_endless_reply_takes_time_linear_in_its_length() -> None:
    unread = bytearray(b"250-\r\n" * 100_000)
    began = time.process_time()
    assert take(unread) is None
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("octets", "refusal"),
    [
        (b"552 5.3.4 too mu", Answer(552, "5.3.4 too mu")),
        (b"421-closing\r\n", Answer(421, "closing")),
        (b"250 Ok\r\n", None),
        (b"55", None),
    ],
)
def test_a_refusal_is_seen_before_it_is_whole(octets: bytes, refusal: Answer | None) -> None:
    assert refusal_in(bytearray(octets)) == refusal


def test_extensions_are_what_stands_behind_the_greeting() -> None:
    text = "mx.test SIZE 1\nSIZE 1000\npipelining\n\nAUTH PLAIN LOGIN"
    assert extensions_in(text) == {"size": "1000", "pipelining": "", "auth": "PLAIN LOGIN"}


@pytest.mark.parametrize(
    ("code", "goes_on"),
    [(250, True), (450, True), (550, True), (421, False), (354, False), (NO_ANSWER, False)],
)
def test_a_session_goes_on_after_a_grant_and_after_a_refusal(code: int, goes_on: bool) -> None:
    assert Answer(code, "").leaves_connection is goes_on
