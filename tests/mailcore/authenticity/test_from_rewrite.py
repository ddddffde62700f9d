"""From of ours in the place of theirs: readable, safe, and everything else byte for byte."""

import email
import email.policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.authenticity.from_rewrite import is_token, rewritten, token
from mailcore.srs import looks_like_srs

KEY = b"k" * 32
ALIAS, DOMAIN = "hello@shop.test", "clearpost.test"
TOKEN = token(KEY, ALIAS, "ann@example.org")


def of(value: bytes, *more: bytes) -> bytes:
    header = (
        b"Received: from x\r\n by y\r\nFrom: " + value + b"\r\nSubject:  two  spaces\r\n" + b"".join(more)
    )
    changed = rewritten(header, KEY, ALIAS, DOMAIN)
    assert changed is not None
    return changed


def parsed(header: bytes) -> Any:
    return email.message_from_bytes(header + b"\r\n", policy=email.policy.SMTP)


def test_from_names_the_author_and_the_alias_and_the_rest_stays() -> None:
    assert of(b"Ann <ann@example.org>") == (
        b"Received: from x\r\n by y\r\n"
        b'From: "Ann via hello at shop.test"\r\n <' + TOKEN.encode() + b"@clearpost.test>\r\n"
        b"Reply-To: Ann <ann@example.org>\r\n"
        b"X-Original-From: Ann <ann@example.org>\r\n"
        b"Subject:  two  spaces\r\n"
    )


def test_a_reply_to_is_kept() -> None:
    changed = of(b"Ann <ann@example.org>", b"rEPLY-to: list@example.org\r\n")
    assert changed.lower().count(b"\r\nreply-to:") == 1
    assert changed.endswith(b"Subject:  two  spaces\r\nrEPLY-to: list@example.org\r\n")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"ann@example.org", "ann at example.org"),
        (b"<ann@example.org>", "ann at example.org"),
        (b"ann@example.org <ann@example.org>", "ann at example.org"),
        (b'"ann@bank.example" <ann@example.org>', "ann at bank.example"),
        (b'"Doe, \\"Ann\\"" <ann@example.org>', 'Doe, "Ann"'),
        (b"=?utf-8?q?J=C3=B6rg_M?=\r\n =?utf-8?q?=C3=BCller?= <ann@example.org>", "Jörg Müller"),
        ("Jörg <ann@example.org>".encode(), "Jörg"),
        (b"Ann\r\n\t<ann@example.org>", "Ann"),
        (b"Ann <ann@example.org>, Bob <b@example.org>", "Ann and others"),
        (b"ann@example.org (Ann)", "ann at example.org"),
        (b"a?=b=?utf-8?q?x?=?= <ann@example.org>", None),
        (b"=?utf-8?b?4oCuZ25w?= <ann@example.org>", None),  # a right-to-left override
        (b"nobody at all", "Somebody"),
    ],
)
def test_a_name_is_read_as_a_person_reads_it_and_holds_no_address(value: bytes, name: str | None) -> None:
    message = parsed(of(value))
    (mailbox,) = message["From"].addresses
    assert "@" not in mailbox.display_name
    assert mailbox.display_name.isprintable()
    assert mailbox.domain == DOMAIN
    assert is_token(mailbox.username)
    if name is not None:
        assert mailbox.display_name == f"{name} via hello at shop.test"


def test_every_from_gives_way() -> None:
    header = b"From: a@a.test\r\nSubject: x\r\nFROM: b@b.test\r\n"
    changed = rewritten(header, KEY, ALIAS, DOMAIN)
    assert changed is not None
    message = parsed(changed)
    assert len(message.get_all("From")) == 1
    assert message.get_all("X-Original-From") == ["a@a.test", "b@b.test"]


def test_without_from_there_is_nothing_to_rewrite() -> None:
    assert rewritten(b"Subject: x\r\n", KEY, ALIAS, DOMAIN) is None


def test_a_token_is_the_same_each_time_and_another_for_each_pair() -> None:
    assert token(KEY, ALIAS.upper(), "Ann@Example.org") == TOKEN
    others = {token(KEY, "sales@shop.test", "ann@example.org"), token(KEY, ALIAS, "bob@example.org")}
    assert len(others | {TOKEN, token(b"another key", ALIAS, "ann@example.org")}) == 4
    assert is_token(TOKEN)
    assert is_token(TOKEN.upper())
    assert not looks_like_srs(TOKEN)
    assert not is_token("via-air")


@given(value=st.binary(max_size=200), more=st.binary(max_size=80))
def test_whatever_a_from_holds_one_field_of_ours_comes_out(value: bytes, more: bytes) -> None:
    line = value.replace(b"\r", b"").replace(b"\n", b"\r\n ").replace(b"\0", b"")
    rest = b"Subject: " + more.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"
    changed = rewritten(b"From:" + line + b"\r\n" + rest, KEY, ALIAS, DOMAIN)
    assert changed is not None
    ours, _, below = changed.partition(b"\r\nReply-To:")
    assert below == line + b"\r\nX-Original-From:" + line + b"\r\n" + rest
    assert ours.startswith(b"From: ")
    assert ours.endswith(b"@clearpost.test>")
    assert ours.isascii()
    assert all(folded.startswith(b" ") for folded in ours.split(b"\r\n")[1:])
    assert max(map(len, ours.split(b"\r\n"))) <= 998
