"""Addresses out of From fields: as the grammar says where it is kept, and none hidden where it is broken."""

import time
from email.headerregistry import Address as StdlibAddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.authenticity.author import LONGEST_FIELD, Authors, addresses, authors


def of(value: str) -> list[str]:
    return [f"{each.local_part.decode()}@{each.domain}" for each in addresses(value.encode())]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (" ann@example.org", ["ann@example.org"]),
        ("Ann <ann@Example.ORG>", ["ann@example.org"]),
        ('"Ann @ home, <x@y.test>" <ann@example.org>', ["ann@example.org"]),
        ("=?utf-8?q?ceo=40bank.test?= <ann@example.org>", ["ann@example.org"]),
        ("Ann (of (course) \\) x@y.test) <ann@example.org> (bye)", ["ann@example.org"]),
        ("Ann\r\n <ann\r\n @ (at) example . org>", ["ann@example.org"]),
        ('"a b"@example.org', ['"a b"@example.org']),
        ("J. P. Doe <ann@example.org>", ["ann@example.org"]),
        ("a@one.test, B <b@two.test>,, c@three.test", ["a@one.test", "b@two.test", "c@three.test"]),
        ("Team: a@one.test, B <b@two.test>;", ["a@one.test", "b@two.test"]),
        ("Undisclosed:;", []),
        ("<@relay.test,@other.test:ann@example.org>", ["ann@example.org"]),
        ("ann@example.org.", ["ann@example.org"]),
        ("ann@münchen.example", ["ann@xn--mnchen-3ya.example"]),
        ("ann@xn--mnchen-3ya.example", ["ann@xn--mnchen-3ya.example"]),
        ("ann@_x.a_b.example.org", ["ann@_x.a_b.example.org"]),
        ("ann@[192.0.2.1]", ["ann@"]),
        ("root@localhost", ["root@"]),
        ("ann", []),
        ("", []),
        ("<>", []),
    ],
)
def test_addresses_by_the_grammar(value: str, found: list[str]) -> None:
    assert of(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Foo, Inc. <ann@example.org>", ["ann@example.org"]),
        ("ann@example.org <ann@example.org>", ["ann@example.org"]),
        ('"ceo <ceo@bank.test>', ["ceo@bank.test"]),
        ("(ceo <ceo@bank.test>", ["ceo@bank.test"]),
        ("ceo@bank.test x@evil.test", ["ceo@bank.test", "x@evil.test"]),
        ("<ceo@bank.test> <x@evil.test>", ["ceo@bank.test", "x@evil.test"]),
        ("<ceo@bank.test, x@evil.test", ["ceo@bank.test", "x@evil.test"]),
        ("<ceo@bank.test@evil.test>", ["ceo@bank.test", "bank.test@evil.test"]),
        ("<x@evil.test", ["x@evil.test"]),
        ("ceo@bank.test <>", ["ceo@bank.test"]),
    ],
)
def test_where_the_grammar_is_broken_no_address_is_hidden(value: str, found: list[str]) -> None:
    assert of(value) == found


def test_octets_that_are_no_utf_8_have_no_domain() -> None:
    assert [each.domain for each in addresses(b"ann@m\xfcnchen.example")] == [""]


def test_the_display_name_keeps_its_octets() -> None:
    value = b' "Ann \\" B." =?utf-8?q?=C3=A4?=\r\n J.R. (home) <ann@example.org>'
    assert addresses(value)[0].name == b'"Ann \\" B." =?utf-8?q?=C3=A4?= J.R.'


def test_every_from_field_counts() -> None:
    header = b"Subject: a\r\nFROM: a@one.test\r\nX-From: c@no.test\r\nFrom : b@two.test,\r\n a@one.test\r\n"
    found = authors(header)
    assert (found.fields, found.domains) == (2, ("one.test", "two.test"))
    assert authors(b"Subject: a\r\n\r\nFrom: a@body.test\r\n") == Authors()


@pytest.mark.parametrize(
    "hostile", [b"(", b'"\\', b'"', b"<", b"[", b"()", b"@", b"a@b.c,", b"\\(", b".", b"<@"]
)
def test_hostile_fields_take_little_time(hostile: bytes) -> None:
    value = hostile * (10 * LONGEST_FIELD // len(hostile))
    began = time.process_time()
    addresses(value)
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=200))
def test_no_field_raises(value: bytes) -> None:
    for each in addresses(value):
        assert each.domain.isascii()


words = st.lists(st.sampled_from(["ann", "J", " ", "\r\n ", "\t", ".", "@", "<", ">", "a+b", "x.org", "-"]))


@given(words)
def test_a_plain_field_reads_as_one_with_a_comment_behind_it(parts: list[str]) -> None:
    """Which has no short way through."""
    value = "".join(parts).encode()
    assert addresses(value) == addresses(value + b"()")


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20),
    st.from_regex(r"[a-z]{1,9}", fullmatch=True),
)
def test_what_the_standard_library_writes_is_read(name: str, label: str) -> None:
    written = str(StdlibAddress(name, label, f"{label}.example.org"))
    assert of(written) == [f"{label}@{label}.example.org"]


def test_a_from_that_is_folded_before_its_colon_names_an_author_too() -> None:
    found = authors(b"From: x@plain.test\r\nFrom\r\n : ceo@bank.test\r\n")
    assert (found.domains, found.fields) == (("plain.test", "bank.test"), 2)
