"""DMARC records and the walk up the tree, case by case as RFC 9989 tells them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.authenticity.dmarc_records import MOST_QUESTIONS, Record, names_of_walk, read_record, walk
from tests.support.dns_table import SILENT, TxtTable

REJECT = "v=DMARC1; p=reject"
ALL_REJECT = Record("reject", "reject", "reject")


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=DMARC1", Record()),
        ("v=DMARC1;", Record()),
        ("v = DMARC1 ; p = Reject ;", Record("reject", "reject", "reject")),
        ("v=DMARC1; P=reject; sp=none", Record("reject", "none", "none")),
        ("v=DMARC1; p=none; np=reject; sp=quarantine", Record("none", "quarantine", "reject")),
        ("v=DMARC1; p=reject; adkim=s; aspf=S", replace(ALL_REJECT, strict_dkim=True, strict_spf=True)),
        ("v=DMARC1; p=reject; adkim=strict; aspf=r", ALL_REJECT),
        ("v=DMARC1; p=reject; psd=y; t=y", replace(ALL_REJECT, psd="y", testing=True)),
        ("v=DMARC1; p=reject; psd=x; t=1; pct=0; new=1; ; =;", ALL_REJECT),
        ("v=DMARC1; p=quarantine; p=reject", Record("quarantine", "quarantine", "quarantine")),
        ("v=DMARC1; p=rejekt; rua=mailto:a@b.test!10m", Record()),
        ("v=DMARC1; p=reject; sp=no; rua=nobody , https://b.test/r", Record()),
        ("v=DMARC1; p=rejekt", Record("", "", "")),
        ("v=DMARC1; p=reject; np=; rua=nobody", Record("", "", "")),
        ("v=DMARC1 p=reject", None),
        ("v=dmarc1; p=reject", None),
        ("V=DMARC1; p=reject", None),
        (" v=DMARC1; p=reject", None),
        ("p=reject; v=DMARC1", None),
        ("v=DMARC2; p=reject", None),
        ("v=DMARC10; p=reject", None),
        ("", None),
    ],
)
def test_records(text: str, record: Record | None) -> None:
    assert read_record(text) == record


@given(st.text())
def test_no_record_raises(text: str) -> None:
    read_record(text)
    read_record("v=DMARC1;" + text)


def test_a_tested_policy_counts_one_level_less() -> None:
    record = Record(testing=True)
    levels = ("reject", "quarantine", "none", "")
    assert [record.effective(policy) for policy in levels] == ["quarantine", "none", "none", ""]


def test_the_walk_of_the_rfc() -> None:
    assert names_of_walk("a.b.c.d.e.f.g.h.i.j.mail.example.com") == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    assert names_of_walk("a.mail.example.com") == [
        "a.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    assert names_of_walk("com") == ["com"]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=120))
def test_no_walk_asks_more_than_eight_questions_or_misses_the_top(labels: list[str]) -> None:
    names = names_of_walk(".".join(labels))
    assert len(names) <= MOST_QUESTIONS
    assert names[-1] == labels[-1]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("records", "organization"),
    [
        ({"_dmarc.mail.example.com": REJECT, "_dmarc.example.com": REJECT}, "example.com"),
        ({"_dmarc.mail.example.com": REJECT + "; psd=n", "_dmarc.example.com": REJECT}, "mail.example.com"),
        ({"_dmarc.com": REJECT + "; psd=y"}, "example.com"),
        ({"_dmarc.com": REJECT}, "com"),
        ({"_dmarc.example.com": REJECT + "; psd=y", "_dmarc.com": REJECT}, "mail.example.com"),
        ({"_dmarc.a.mail.example.com": REJECT + "; psd=y", "_dmarc.com": REJECT}, "a.mail.example.com"),
        ({}, "a.mail.example.com"),
        ({"_dmarc.example.com": (REJECT, REJECT)}, "a.mail.example.com"),
        ({"_dmarc.example.com": (REJECT, "v=spf1 -all")}, "example.com"),
        ({"_dmarc.example.com": REJECT, "_dmarc.com": SILENT}, None),
        ({"_dmarc.example.com": REJECT + "; psd=n", "_dmarc.com": SILENT}, "example.com"),
    ],
)
async def test_the_organizational_domain(records: dict[str, str], organization: str | None) -> None:
    assert (await walk(TxtTable(records), "a.mail.example.com")).organizational_domain == organization
