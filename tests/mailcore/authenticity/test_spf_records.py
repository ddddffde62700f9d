"""SPF records: what follows the grammar of RFC 7208 and what does not, and what macros stand for."""

from ipaddress import ip_address

import pytest

from mailcore.authenticity.spf_records import (
    LONGEST_RECORD,
    Letters,
    expand,
    is_policy,
    needs_name,
    read_record,
)

ANN = Letters(ip_address("192.0.2.3"), "mx.example.org", "strong-bad", "email.example.com")


@pytest.mark.parametrize(
    ("text", "policy"),
    [("v=spf1", True), ("V=SPF1 -all", True), ("v=spf10 -all", False), ("v=spf1\t-all", False), ("", False)],
)
def test_a_policy_begins_with_its_version_alone(text: str, policy: bool) -> None:
    assert is_policy(text) is policy


@pytest.mark.parametrize(
    "terms",
    [
        "all:x", "-all/8", "ip4", "ip4:192.0.2", "ip4:192.0.2.1/33", "ip4:192.0.2.1/032", "ip4:2001:db8::1",
        "ip6:192.0.2.1", "ip6:2001:db8::1%eth0", "ip6:2001:db8::/129", "a:", "a/33", "a//129", "a:b", "a:b.1",
        "a:b.test/", "mx:b..", "include", "include:b", "exists:", "ptr:", "ptr/24", "ptr:b.test/24", "--all",
        "redirect=", "redirect=a.test redirect=b.test", "exp=", "exp=a.test EXP=a.test", "a:%{d0}", "%{d}",
        "a:%{c}.b.test", "a:%(d)", "a:%", "x=%", "x=%{z}", "1x=y", "junk", "all\tall", "a:\x7f.test",
        "a:%{x}.b.test",
    ],
)  # fmt: skip
def test_what_breaks_the_grammar_in_one_term_breaks_the_record(terms: str) -> None:
    assert read_record(f"v=spf1 ip4:192.0.2.3 {terms} -all") is None


@pytest.mark.parametrize(
    "terms",
    [
        "", "  ", "ALL", "ip4:192.0.2.9/24", "IP6:2001:db8::/0", "a/24//64", "a:b.c.", "a:%{d}", "A:x--y.b-c",
        "mx//0", "ptr", "ptr:b.test", "exists:%{ir}.%{v}._spf.%{d2}", "a:%{l1r+-}.%%%_%-.test", "x=",
        "x.y-z_=%{c}", "Redirect=b.test", "exp=b.test", "include:foo:bar/baz.test",
    ],
)  # fmt: skip
def test_what_follows_it_is_read(terms: str) -> None:
    assert read_record(f"v=spf1 {terms}") is not None


def test_a_record_of_a_size_that_nobody_needs_is_none() -> None:
    term = " ip4:192.0.2.1"
    assert read_record("v=spf1" + term * ((LONGEST_RECORD - 6) // len(term))) is not None
    assert read_record("v=spf1" + term * (LONGEST_RECORD // len(term) + 1)) is None


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("b.test", "b.test"),
        ("%{s}", "strong-bad@email.example.com"),
        ("%{d2}", "example.com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{p2}.net", "example.net.net"),
        ("%{h}.", "mx.example.org"),
        ("%{S}.x", "strong-bad%40email.example.com.x"),
        ("%%%_%-.x", "% %20.x"),
    ],
)
def test_macros_are_expanded_as_the_standard_does_it(spec: str, meant: str) -> None:
    assert expand(spec, ANN, "email.example.com", "a.example.net") == meant


def test_an_ipv6_address_is_written_in_nibbles() -> None:
    letters = Letters(ip_address("2001:db8::cb01"), "x", "ann", "a.test")
    nibbles = "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1"
    assert expand("%{i}.%{v}", letters, "a.test", "") == f"{nibbles}.ip6"


def test_of_a_domain_that_is_too_long_the_end_is_meant() -> None:
    meant = expand("%{l}.%{d}", Letters(ANN.ip, "x", "a" * 60, "x"), ".".join(["b" * 49] * 5), "")
    assert meant == ".".join(["b" * 49] * 5)


def test_the_clients_name_is_asked_for_only_where_it_is_named() -> None:
    assert needs_name("%{P}.x")
    assert needs_name("a.%{p2r}")
    assert not needs_name("%{d}.p.%%{p}")
