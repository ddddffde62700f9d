"""Whatever a level forbids is in no row: not in its own field, and not in a response that repeats it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.event_log import Event, LoggedMessage
from mailcore.log_levels import Words, failed_message, of_event, of_message, of_notice
from mailcore.mail_rules import LogLevel
from mailcore.rewriting import received_header

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MESSAGE = LoggedMessage(
    UUID(int=1), UUID(int=2), UUID(int=3), NOW, "192.0.2.7", "mail.sender.test", "Invoice 4711 for Ann",
    "Ann Example <ann@sender.test>", "hello@shop.test",
)  # fmt: skip
HEADER = b"From: Ann Example <ann@sender.test>\r\nSubject: Invoice 4711 for Ann\r\n"


def event(response: str, kind: str = "hard-bounced") -> Event:
    return Event(
        UUID(int=1), UUID(int=2), NOW, UUID(int=4), NOW, kind, response, "5.7.1", "192.0.2.25",
        timedelta(seconds=1), 1,
    )  # fmt: skip


def left(
    level: LogLevel, response: str, header: bytes = HEADER, reverse_path: str = "ann@sender.test"
) -> str:
    return of_event(level, event(response), Words.of(header, reverse_path)).response


def without_subject(response: str, subject: bytes) -> str:
    return left(LogLevel.NO_SUBJECT, response, b"From: a@b.test\r\nSubject: " + subject + b"\r\n")


# --- messages ---


def test_full_keeps_all_fields_of_the_policy() -> None:
    assert of_message(LogLevel.FULL, MESSAGE) == MESSAGE
    assert left(LogLevel.FULL, "550 <ann@sender.test> Invoice 4711") == "550 <ann@sender.test> Invoice 4711"


def test_no_subject_keeps_all_but_the_subject() -> None:
    assert of_message(LogLevel.NO_SUBJECT, MESSAGE) == replace(MESSAGE, subject="")
    assert of_message(LogLevel.NO_SUBJECT, MESSAGE, failed=True) == replace(MESSAGE, subject="")


def test_no_sender_keeps_the_server_and_no_mailbox_not_even_in_the_subject() -> None:
    message = replace(MESSAGE, subject="Re: what ann@sender.test wrote")
    kept = of_message(LogLevel.NO_SENDER, message, failed=True)
    assert kept == replace(message, sender="", subject="Re: what [address] wrote")


def test_failures_says_nothing_of_a_message_until_it_failed() -> None:
    kept = of_message(LogLevel.FAILURES, MESSAGE)
    assert kept == LoggedMessage(UUID(int=1), UUID(int=2), UUID(int=3), NOW, "", "", "", "", "")
    assert of_message(LogLevel.FAILURES, MESSAGE, failed=True) == MESSAGE


@pytest.mark.parametrize("kind", ["received", "delivered"])
def test_failures_keeps_of_an_event_that_is_none_its_time_and_type(kind: str) -> None:
    kept = of_event(LogLevel.FAILURES, event("250 ok", kind), Words())
    assert kept == replace(event("", kind), server_ip="")


@pytest.mark.parametrize("kind", ["soft-bounced", "hard-bounced", "refused"])
def test_failures_keeps_a_failure_whole(kind: str) -> None:
    assert of_event(LogLevel.FAILURES, event("550 no", kind), Words()) == event("550 no", kind)


def test_what_failed_is_told_from_its_record() -> None:
    header = received_header(
        helo="mail.sender.test", client_ip="2001:db8::7", client_name="out.sender.test", by="mx.test",
        protocol="ESMTPS", message_id="1", at=NOW,
    )  # fmt: skip
    blank = of_message(LogLevel.FAILURES, MESSAGE)
    told = failed_message(replace(blank, alias="hello@shop.test"), header + HEADER)
    assert told == replace(MESSAGE, client_ip="2001:db8::7", client_name="out.sender.test")


# --- the subject in responses ---


@pytest.mark.parametrize(
    "response",
    [
        "550 5.7.1 Message 'Invoice 4711 for Ann' looks like spam",
        "550 5.7.1 Message 'INVOICE 4711 FOR ANN' looks like spam",
        "550 5.7.1 Message 'Invoice  4711\\t for Ann' looks like spam",
        "550 5.7.1 Message 'Invoice_4711_for_Ann' looks like spam",
        "550 5.7.1 Message 'Re: Invoice 4711 for Ann!' looks like spam",
        "550 5.7.1 Message 'Invoice 4711' looks like spam",
        "550 5.7.1 Message 'Invoice 4711 for A",
        "550 5.7.1 Message 'Invoice 47 [TLSv1.3, verified]",
    ],
)
def test_a_subject_is_cut_whole_in_part_and_in_whatever_letters(response: str) -> None:
    cut = without_subject(response, b"Invoice 4711 for Ann")
    assert "[subject]" in cut
    assert cut.startswith("550 5.7.1 Message '")
    for word in ("invoice", "4711", "ann", " 47"):
        assert word not in cut.lower()


def test_a_folded_subject_is_cut() -> None:
    assert "secret" not in without_subject("550 no: very secret plans", b"very\r\n\tsecret\r\n  plans")


@pytest.mark.parametrize(
    "quoted",
    [
        "Grüße aus München",
        "grüße AUS münchen",
        "GRÜßE AUS",
        "=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= =?utf-8?Q?_M=C3=BCnchen?=",
        "=?UTF-8?Q?Gr=C3=BC=C3=9Fe_aus?=",
    ],
)
def test_encoded_words_are_cut_as_they_are_read_and_as_they_are_written(quoted: str) -> None:
    raw = b"=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?=\r\n =?utf-8?Q?_M=C3=BCnchen?="
    cut = without_subject(f"554 refused: {quoted}", raw)
    assert "[subject]" in cut
    assert "nchen" not in cut.lower()
    assert "9Fe" not in cut


def test_a_subject_without_spaces_is_cut_in_part() -> None:
    cut = without_subject("550 内容「四月的财务报表」被拒绝", "关于四月的财务报表的说明".encode())
    assert cut == "550 内容「[subject]」被拒绝"


def test_a_subject_of_no_word_is_cut() -> None:
    assert without_subject("550 no 🎉🎉 please", "🎉🎉".encode()) == "550 no [subject] please"


def test_words_that_say_why_stay() -> None:
    response = "550 5.1.1 The email account that you tried to reach does not exist"
    assert without_subject(response, b"Did you reach Ann?") == response
    assert without_subject("250 2.0.0 OK", b"OK") == "250 2.0.0 OK"
    assert without_subject("250 2.0.0 OK", b"") == "250 2.0.0 OK"


def test_a_long_word_is_cut_alone_and_cut_short() -> None:
    subject = b"your code GEHEIM-7f3a9c21d0b85e44 is here"
    assert "7f3a" not in without_subject("550 blocked 7f3a9c21d0b85e44", subject)
    assert "7f3a" not in without_subject("550 blocked 7f3a9c21d0b8", subject)


@given(
    st.lists(st.text("abcdefäöü字文", min_size=1, max_size=9), min_size=2, max_size=8).filter(
        lambda words: len("".join(words)) >= 8
    ),
    st.sampled_from([" ", "  ", "_", " - ", "/", "\\t "]),
    st.sampled_from([str, str.upper, str.title]),
    st.text("xyz .:<>[]'\"0", max_size=40),
)
def test_no_subject_of_two_words_and_more_survives(
    words: list[str], between: str, written: Callable[[str], str], around: str
) -> None:
    subject = " ".join(words)
    # A server changes its words; the escapes between them are ours, and always small letters.
    response = f"550 {around} {between.join(map(written, words))} {around}"
    cut = without_subject(response, subject.encode())
    assert "[subject]" in cut
    assert "".join(words) not in "".join(cut.casefold().split(between)).replace(" ", "")


def test_hostile_repetition_costs_little() -> None:
    subject = b"a " * 490 + b"b"
    assert len(without_subject("550 " + "a c " * 120, subject)) < 600


def test_a_sender_of_hundreds_of_forms_costs_nothing_and_leaves_the_codes_alone() -> None:
    """The loop that settles whole batches must not be held up by the From of a few of them."""
    sender = " ".join(f"{number}@" for number in range(700)).encode()
    response = "451 4.7.1 " + "z 123 " * 80
    began = process_time()
    kept = left(LogLevel.NO_SENDER, response, b"From: " + sender + b"\r\n")
    assert kept == "451 4.7.1"
    assert process_time() - began < 0.05


# --- who sent it, in responses ---


@pytest.mark.parametrize(
    "address",
    [
        "ann@sender.test",
        "ANN@Sender.TEST",
        "SRS0=K7QZ2ABC=5T=sender.test=ann@clearpost.test",
        "srs0=k7qz2abc=5t=sender.test=ann",
        "SRS1=K7QZ2ABC=first.test==HHH=TT=sender.test=ann@clearpost.test",
        "SRST=5tabcdefghijklmnopqrstuvwx234567ab@clearpost.test",
        '"ann smith"@sender.test',
        "ann+news=sender.test@list.test",
        "bounces+1-ann=sender.test@mailer.test",
        "ann@[192.0.2.7]",
        "jörg@grüße.test",
        "ann%40sender.test",
        "ann=40sender.test",
        "ann&#64;sender.test",
        "someone.else@other.test",
    ],
)
@pytest.mark.parametrize("around", ["<{}>", "{}", "({}):", "to={},", "'{}'", "mailto:{}?"])
def test_every_mailbox_is_cut(address: str, around: str) -> None:
    response = "550 5.1.1 " + around.format(address) + " unknown"
    cut = left(LogLevel.NO_SENDER, response)
    assert "[address]" in cut
    assert cut.startswith("550 5.1.1 ")
    assert cut.endswith(" unknown")
    for part in ("ann", "sender.test", "jörg", "else"):
        assert part not in cut.lower()


@pytest.mark.parametrize(
    "said",
    ["Ann Example", "ann example", "domain sender.test has no MX", "user ann unknown", "ann at sender.test"],
)
def test_the_name_the_local_part_and_the_domain_of_the_sender_are_cut_by_themselves(said: str) -> None:
    cut = left(LogLevel.NO_SENDER, f"550 5.7.1 {said}").lower()
    assert "ann" not in cut
    assert "sender.test" not in cut


def test_an_encoded_name_is_cut() -> None:
    header = b"From: =?utf-8?B?SsO2cmcgTcO8bGxlcg==?= <j@sender.test>\r\n"
    cut = left(LogLevel.NO_SENDER, "550 no mail of Jörg Müller here", header, "j@sender.test")
    assert cut == "550 no mail of [sender] here"


def test_a_name_is_cut_in_whatever_order() -> None:
    header = b'From: "Gruber, Wilhelmina" <wg@sender.test>\r\n'
    cut = left(LogLevel.NO_SENDER, "550 no Wilhelmina (GRUBER) here", header, "wg@sender.test")
    assert cut == "550 no [sender] ([sender]) here"


@pytest.mark.parametrize("level", [LogLevel.NO_SUBJECT, LogLevel.NO_SENDER])
def test_of_a_notice_only_the_codes_stay(level: LogLevel) -> None:
    assert of_notice(level, event("550 5.1.1 <ann@sender.test> Lunch")).response == "550 5.1.1"
    assert of_notice(level, event("421 bye Ann")).response == "421"
    assert of_notice(level, event("attempt interrupted")).response == ""
    assert of_notice(LogLevel.FULL, event("550 5.1.1 no")).response == "550 5.1.1 no"


def test_without_a_header_mailboxes_are_cut_all_the_same() -> None:
    kept = of_event(LogLevel.NO_SENDER, event("550 <ann@sender.test> no"), Words())
    assert kept.response == "550 <[address]> no"


@pytest.mark.parametrize("level", list(LogLevel))
def test_codes_and_times_stay_whatever_the_level(level: LogLevel) -> None:
    kept = of_event(level, event("550 no"), Words())
    assert (kept.type, kept.code, kept.at, kept.duration, kept.attempt) == (
        "hard-bounced", "5.7.1", NOW, timedelta(seconds=1), 1,
    )  # fmt: skip


@pytest.mark.parametrize("cut", [lambda m: of_message(LogLevel.NO_SUBJECT, m)])
def test_what_says_nothing_stays_as_it_is(cut: Callable[[LoggedMessage], LoggedMessage]) -> None:
    blank = replace(MESSAGE, subject="")
    assert cut(blank) == blank
