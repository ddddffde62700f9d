"""What a domain's DNS says, and the words a customer gets to mend it."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearpost.standins.dns import DnsStandin, Fault
from customers.domain_answers import Answers, ask
from customers.domain_check import (
    RecordCheck,
    Wanted,
    judge_dmarc,
    judge_mx,
    judge_ownership,
    tokens_in,
)
from customers.domain_watch import judge
from customers.spf_record import judge_spf, merged_spf
from mailcore.clock import Clock
from mailcore.resolver import MxAnswer, Resolver, TxtAnswer
from mailcore.settings import Settings

OURS = "mx.clearpost.test"
FAST = "fast.mx.clearpost.test"
INCLUDE = "spf.clearpost.test"
WANTED = Wanted("abc123", (OURS,), INCLUDE, tolerated=(FAST,))
PREMIUM = Wanted("abc123", (FAST, OURS), INCLUDE)
VALUE = "clearpost-verification=abc123"
NONE = TxtAnswer("none")


def txt(*strings: str) -> TxtAnswer:
    return TxtAnswer("ok", strings)


def mx(*hosts: str) -> MxAnswer:
    return MxAnswer("ok", tuple((10 * rank, host) for rank, host in enumerate(hosts, 1)))


# Against a name server


@dataclass(frozen=True, slots=True)
class Checked:
    ownership: RecordCheck
    mx: RecordCheck
    spf: RecordCheck


async def checked(dns: DnsStandin, patience: timedelta = timedelta(seconds=5)) -> Checked:
    resolver = Resolver(settings=Settings(dns_servers=(dns.address,), dns_timeout=patience), clock=Clock())
    answers = await ask(resolver, "a.test")
    return Checked(
        judge_ownership("a.test", WANTED.token, answers),
        judge_mx("a.test", WANTED, answers.mx),
        judge_spf("a.test", WANTED.spf_include, answers.apex),
    )


async def test_domain_that_publishes_everything_is_ok() -> None:
    async with DnsStandin() as dns:
        dns.zone.put_txt("_clearpost.a.test", VALUE)
        dns.zone.put_txt("a.test", f"v=spf1 include:{INCLUDE} -all", "something else")
        dns.zone.put("a.test", "MX", f"10 {OURS}.")
        check = await checked(dns)
    assert [part.state for part in (check.ownership, check.mx, check.spf)] == ["ok", "ok", "ok"]
    assert [part.cause for part in (check.ownership, check.mx, check.spf)] == ["", "", ""]


async def test_fresh_domain_is_told_what_to_add() -> None:
    async with DnsStandin() as dns:
        dns.zone.put("a.test", "A", "9.9.9.9")
        check = await checked(dns)
    assert [part.state for part in (check.ownership, check.mx, check.spf)] == ["missing"] * 3
    assert check.ownership.next_step == "Add a TXT record named _clearpost.a.test with the value shown here."
    assert check.ownership.wanted == VALUE
    assert check.mx.wanted == f"10 {OURS}."
    assert check.spf.wanted == f"v=spf1 include:{INCLUDE} ~all"


async def test_silent_name_servers_are_no_verdict() -> None:
    async with DnsStandin() as dns:
        dns.zone.fail("a.test", Fault.SERVFAIL)
        dns.zone.fail("_clearpost.a.test", Fault.TIMEOUT)
        check = await checked(dns, timedelta(seconds=0.5))
    assert [part.state for part in (check.ownership, check.mx, check.spf)] == ["failure"] * 3


# Ownership


def owned(labelled: TxtAnswer, apex: TxtAnswer) -> RecordCheck:
    answers = Answers(labelled, apex, MxAnswer("no-domain"), NONE)
    return judge_ownership("a.test", "abc123", answers)


@pytest.mark.parametrize(
    ("labelled", "apex"),
    [
        (txt(VALUE), NONE),
        (NONE, txt("other", VALUE)),
        (txt(f'"{VALUE}" '), NONE),
        (txt("clearpost-verification=theirs", VALUE), NONE),
        (TxtAnswer("failure"), txt(VALUE)),
    ],
)
def test_token_verifies_at_either_name(labelled: TxtAnswer, apex: TxtAnswer) -> None:
    assert owned(labelled, apex).state == "ok"


@pytest.mark.parametrize(
    "text", ["clearpost-verification=ABC123", "clearpost-verification=abc1234", "abc123"]
)
def test_any_other_text_is_wrong(text: str) -> None:
    check = owned(txt(text), NONE)
    assert (check.state, check.found) == ("wrong", (text,))
    assert "_clearpost.a.test" in check.cause


def test_other_texts_at_the_apex_are_nobodys_business() -> None:
    check = owned(NONE, txt("google-site-verification=1", "v=spf1 -all"))
    assert (check.state, check.found) == ("missing", ())


def test_token_is_not_missing_while_a_name_server_fails() -> None:
    assert owned(TxtAnswer("failure"), NONE).state == "failure"


def test_tokens_of_all_accounts_are_seen() -> None:
    answers = txt(VALUE, "clearpost-verification=theirs"), txt("unrelated")
    assert tokens_in(*answers) == {"abc123", "theirs"}


def test_found_records_are_safe_to_show() -> None:
    check = owned(txt("\x1b[31m" + "x" * 5000, *["y"] * 50), NONE)
    assert len(check.found) == 10
    assert all(text.isprintable() and len(text) <= 500 for text in check.found)


# MX


def test_our_mx_is_ok_whatever_its_preference() -> None:
    assert judge_mx("a.test", WANTED, MxAnswer("ok", ((77, OURS),))).state == "ok"


def test_our_other_mx_name_is_tolerated() -> None:
    assert judge_mx("a.test", WANTED, mx(FAST, OURS)).state == "ok"


def test_old_mx_left_in_place_is_named_as_the_cause() -> None:
    check = judge_mx("a.test", WANTED, mx(OURS, "mail.old.test"))
    assert (check.state, check.found) == ("wrong", (f"10 {OURS}", "20 mail.old.test"))
    assert check.cause == "An older MX is still there: mail.old.test. Part of your mail goes there."
    assert check.next_step == "Remove it."


def test_only_foreign_mx_is_wrong() -> None:
    check = judge_mx("a.test", WANTED, mx("mail.old.test"))
    assert (check.state, check.cause) == ("wrong", "Mail still goes to mail.old.test.")
    assert check.next_step == "Replace that MX by ours."


def test_mx_name_without_its_final_dot_is_explained() -> None:
    check = judge_mx("a.test", WANTED, mx(f"{OURS}.a.test"))
    assert check.state == "wrong"
    assert "dot at its end" in check.next_step


def test_null_mx_is_wrong() -> None:
    check = judge_mx("a.test", WANTED, MxAnswer("null"))
    assert (check.state, check.found) == ("wrong", ("0 .",))


@pytest.mark.parametrize("answer", [MxAnswer("no-domain"), MxAnswer("ok", ((0, "a.test"),), implicit=True)])
def test_no_mx_is_missing(answer: MxAnswer) -> None:
    assert judge_mx("a.test", WANTED, answer).state == "missing"


def test_premium_domain_without_the_fast_name_works_and_is_told() -> None:
    check = judge_mx("a.test", PREMIUM, mx(OURS))
    assert check.state == "ok"
    assert FAST in check.next_step
    assert check.wanted == f"10 {FAST}., 20 {OURS}."


# SPF


def test_spf_that_includes_us_is_ok_and_left_alone() -> None:
    record = f"v=spf1 mx INCLUDE:{INCLUDE.upper()} -all"
    check = judge_spf("a.test", INCLUDE, txt(record))
    assert (check.state, check.wanted) == ("ok", record)


def test_spf_without_us_gets_the_merged_record() -> None:
    check = judge_spf("a.test", INCLUDE, txt("v=spf1 mx include:_spf.other.test -all"))
    assert (check.state, check.wanted) == (
        "wrong",
        f"v=spf1 include:{INCLUDE} mx include:_spf.other.test -all",
    )


def test_two_spf_records_become_one() -> None:
    check = judge_spf(
        "a.test", INCLUDE, txt("v=spf1 mx ip4:9.9.9.9 -all", f"v=spf1 mx include:{INCLUDE} ~all")
    )
    assert check.state == "wrong"
    assert check.wanted == f"v=spf1 include:{INCLUDE} mx ip4:9.9.9.9 ~all"
    assert "several" in check.cause


@pytest.mark.parametrize("text", ["v=spf10 -all", "spf1", "V=DMARC1"])
def test_what_is_not_spf_is_not_counted(text: str) -> None:
    assert judge_spf("a.test", INCLUDE, txt(text)).state == "missing"


@pytest.mark.parametrize(
    ("records", "merged"),
    [
        ([], "v=spf1 include:{} ~all"),
        (["v=spf1"], "v=spf1 include:{} ~all"),
        (["v=spf1 +all"], "v=spf1 include:{} ~all"),
        (["v=spf1 ALL mx"], "v=spf1 include:{} mx ~all"),
        (["v=spf1 redirect=one.test"], "v=spf1 include:{} redirect=one.test"),
        (["v=spf1 redirect=one.test", "v=spf1 redirect=two.test"],
         "v=spf1 include:{} include:two.test redirect=one.test"),
        (["v=spf1 exp=why.test a -all"], "v=spf1 include:{} a exp=why.test -all"),
    ],
)  # fmt: skip
def test_merged_record_keeps_the_meaning(records: list[str], merged: str) -> None:
    assert merged_spf(records, INCLUDE) == merged.format(INCLUDE)


TERMS = st.lists(
    st.sampled_from(["mx", "a", "ip4:9.9.9.9", "include:x.test", "-all", "~all", "+all", "redirect=y.test"])
)


@settings(max_examples=200, deadline=None)
@given(st.lists(TERMS, max_size=3))
def test_pasting_the_merged_record_makes_it_ok(records: list[list[str]]) -> None:
    merged = merged_spf([" ".join(["v=spf1", *terms]) for terms in records], INCLUDE)
    assert judge_spf("a.test", INCLUDE, txt(merged)).state == "ok"
    assert merged_spf([merged], INCLUDE) == merged
    assert sum(term.endswith("all") or term.startswith("redirect=") for term in merged.split()) == 1


# What was done instead


def with_token_at(name: str) -> Answers:
    return Answers(NONE, NONE, MxAnswer("no-domain"), NONE, elsewhere=((name, txt(VALUE)),))


@pytest.mark.parametrize(
    ("name", "cause", "step"),
    [
        ("_clearpost.a.test.a.test", "appends the domain by itself", "as _clearpost instead"),
        ("clearpost.a.test", "another host", "as _clearpost.a.test instead"),
        ("www.a.test", "another host", "as _clearpost.a.test instead"),
    ],
)
def test_a_token_at_the_wrong_host_is_named(name: str, cause: str, step: str) -> None:
    check = judge_ownership("a.test", "abc123", with_token_at(name))
    assert check.state == "wrong"
    assert name in check.cause
    assert cause in check.cause
    assert step in check.next_step


@pytest.mark.parametrize("host", ["_dc-mx.4f1c.a.test", "mail.a.test", "a.test"])
def test_an_mx_behind_a_proxy_or_alias_is_named(host: str) -> None:
    check = judge_mx("a.test", WANTED, mx(host))
    assert check.state == "wrong"
    assert "proxy" in check.cause
    assert host in check.cause
    assert "Name our server itself" in check.next_step


def test_without_an_mx_the_web_address_is_named_as_where_mail_goes() -> None:
    check = judge_mx("a.test", WANTED, MxAnswer("ok", ((0, "a.test"),), implicit=True))
    assert "web site" in check.cause


def test_quotes_pasted_into_spf_are_named() -> None:
    check = judge_spf("a.test", INCLUDE, txt(f'"v=spf1 include:{INCLUDE} -all"'))
    assert check.state == "wrong"
    assert "Quotation marks" in check.cause
    assert check.wanted == f"v=spf1 include:{INCLUDE} -all"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (NONE, "missing"),
        (txt("v=DMARC1; p=reject"), "ok"),
        (txt("something else"), "missing"),
        (txt("v=DMARC1; rua=mailto:x@a.test"), "wrong"),
        (txt("v=DMARC1; p=none", "v=DMARC1; p=reject"), "wrong"),
        (TxtAnswer("failure"), "failure"),
    ],
)
def test_dmarc_is_advice(answer: TxtAnswer, state: str) -> None:
    check = judge_dmarc("a.test", answer)
    assert (check.state, check.required, check.name) == (state, False, "_dmarc.a.test")


async def rows(dns: DnsStandin) -> dict[str, RecordCheck]:
    resolver = Resolver(
        settings=Settings(dns_servers=(dns.address,), dns_timeout=timedelta(seconds=0.5)), clock=Clock()
    )
    return judge("a.test", WANTED, await ask(resolver, "a.test"))


async def test_a_domain_that_does_not_exist_has_that_one_cause() -> None:
    async with DnsStandin() as dns:
        checked = await rows(dns)
    assert {row.state for row in checked.values()} == {"missing"}
    assert all("does not exist" in row.cause and "registrar" in row.next_step for row in checked.values())


async def test_each_row_says_which_name_servers_hold_the_domain() -> None:
    async with DnsStandin() as dns:
        dns.zone.put("a.test", "NS", "ns2.host.test.", "ns1.host.test.")
        checked = await rows(dns)
    assert {row.where for row in checked.values()} == {("ns1.host.test", "ns2.host.test")}


async def test_lame_and_slow_name_servers_are_told_apart() -> None:
    async with DnsStandin() as dns:
        dns.zone.fail("a.test", Fault.REFUSED)
        dns.zone.fail("_dmarc.a.test", Fault.TIMEOUT)
        checked = await rows(dns)
    assert "lame" in checked["mx"].cause
    assert "in time" in checked["dmarc"].cause


async def test_records_that_are_only_given_in_another_order_are_no_change() -> None:
    async with DnsStandin() as dns:
        dns.zone.put_txt("a.test", *(f"v=spf1 ip4:192.0.2.{last} ~all" for last in range(1, 9)))
        first = (await rows(dns))["spf"]
        assert len(first.found) == 8
        for _ in range(3):  # the stand-in shuffles them, as name servers do
            assert (await rows(dns))["spf"] == first
