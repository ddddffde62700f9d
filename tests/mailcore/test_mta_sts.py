"""MTA-STS as text: RFC 8461 sections 3.1, 3.2 and 4.1."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore import mta_sts
from mailcore.mta_sts import LONGEST_AGE, SHORTEST_AGE, Policy
from tests.support.policy_host import policy_text

A_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("strings", "found"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=1"], "1"),
        (["v=STSv1 ; some=thing; id=abc ;"], "abc"),
        (["v=spf1 -all", "v=STSv1; id=1;"], "1"),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], None),
        (["v=STSv1; id=;"], None),
        (["v=STSv1;"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv2; id=1;"], None),
        (["id=1; v=STSv1;"], None),
        ([], None),
    ],
)
def test_record_has_one_id(strings: list[str], found: str | None) -> None:
    assert mta_sts.record_id(strings) == found


def test_policy_of_the_rfc() -> None:
    text = (
        "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.Example.net\n"
        "mx: backupmx.example.com\nmax_age: 604800"
    )
    hosts = ("mail.example.com", "*.example.net", "backupmx.example.com")
    assert mta_sts.policy(text) == Policy("enforce", hosts, timedelta(days=7))


def test_line_ends_unknown_fields_and_repeats_do_no_harm() -> None:
    text = "version:STSv1\r\nmode: testing \r\nmx:\tmx.a.test\r\nmax_age: 86400\r\n"
    text += "mode: none\r\nnew: thing\r\nodd\r\n"
    assert mta_sts.policy(text) == Policy("testing", ("mx.a.test",), A_DAY)


def test_mode_none_needs_no_hosts() -> None:
    assert mta_sts.policy(policy_text(mode="none")) == Policy("none", (), A_DAY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        policy_text(),
        policy_text("mx.a.test", mode="strict"),
        policy_text("mx.a.test").replace("STSv1", "STSv2"),
        policy_text("mx.a.test").replace("max_age: 86400", ""),
        policy_text("mx.a.test", max_age=-1),
        policy_text("mx.a.test").replace("86400", "a day"),
        policy_text("*"),
        policy_text("*.*.a.test"),
        policy_text("mx.*.test"),
        policy_text("mx a test"),
        policy_text("."),
        policy_text("a" * 256),
        policy_text(*(f"mx{number}.a.test" for number in range(101))),
        "<html>not found</html>",
    ],
)
def test_what_is_no_policy_is_none(text: str) -> None:
    assert mta_sts.policy(text) is None


@pytest.mark.parametrize(
    ("wanted", "kept"), [(0, SHORTEST_AGE), (86400, A_DAY), (9_999_999_999, LONGEST_AGE)]
)
def test_age_stays_within_bounds(wanted: int, kept: timedelta) -> None:
    policy = mta_sts.policy(policy_text("mx.a.test", max_age=wanted))
    assert policy is not None
    assert policy.max_age == kept


@pytest.mark.parametrize(
    ("host", "pattern", "named"),
    [
        ("mx.a.test", "mx.a.test", True),
        ("MX.A.test.", "mx.a.test", True),
        ("mx.a.test", "*.a.test", True),
        ("a.test", "*.a.test", False),
        ("one.mx.a.test", "*.a.test", False),
        ("mx.b.test", "mx.a.test", False),
        ("mxa.test", "*.a.test", False),
        ("a", "*.a", False),
    ],
)
def test_wildcard_stands_for_one_label(host: str, pattern: str, named: bool) -> None:
    assert (pattern in mta_sts.patterns_for(host)) is named


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from([*policy_text("mx.a.test", "*.b"), "\n", ":"])).map("".join)
)
def test_no_text_raises(text: str) -> None:
    mta_sts.policy(text)
    mta_sts.record_id([text])
