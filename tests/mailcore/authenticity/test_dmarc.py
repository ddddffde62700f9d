"""DMARC verdicts: which policy applies, what aligns, and what stays open for want of an answer (RFC 9989)."""

from dataclasses import replace

import pytest

from mailcore.authenticity import dmarc
from mailcore.authenticity.author import LONGEST_FIELD, Authors, authors
from mailcore.authenticity.dmarc import MOST_DOMAINS, MOST_SIGNERS
from mailcore.authenticity.verdicts import DkimVerdict, DmarcVerdict, SpfVerdict
from tests.support.dns_table import SILENT, TxtTable

NOTHING = SpfVerdict()
BANK = {"_dmarc.bank.test": "v=DMARC1; p=reject"}


async def evaluate(
    authors: Authors, spf: SpfVerdict, dkim: tuple[DkimVerdict, ...], resolver: TxtTable
) -> DmarcVerdict:
    found, _ = await dmarc.evaluate(authors, spf, dkim, resolver)
    return found


def wrote(*addresses: str) -> Authors:
    return authors(f"From: {', '.join(addresses)}\r\n".encode())


def signed(domain: str, result: str = "pass") -> DkimVerdict:
    return DkimVerdict(result, domain, "s", "rsa-sha256")


async def verdict(
    records: dict[str, str], author: str, spf: SpfVerdict = NOTHING, *dkim: DkimVerdict
) -> DmarcVerdict:
    return await evaluate(wrote(author), spf, dkim, TxtTable(records))


@pytest.mark.parametrize(
    ("spf", "dkim", "expected"),
    [
        (SpfVerdict("pass", "bank.test"), (), ("pass", False, True)),
        (SpfVerdict("pass", "bounces.bank.test"), (), ("pass", False, True)),
        (SpfVerdict("pass", "bank.test", of_helo=True), (), ("pass", False, True)),
        (SpfVerdict("pass", "evil.test"), (), ("fail", False, False)),
        (SpfVerdict("pass", "evilbank.test"), (), ("fail", False, False)),
        (SpfVerdict("pass", "test"), (), ("fail", False, False)),
        (SpfVerdict("softfail", "bank.test"), (), ("fail", False, False)),
        (NOTHING, (signed("BANK.test"),), ("pass", True, False)),
        (NOTHING, (signed("evil.test"), signed("mail.bank.test")), ("pass", True, False)),
        (NOTHING, (signed("bank.test", "fail"),), ("fail", False, False)),
        (SpfVerdict("pass", "bank.test"), (signed("bank.test"),), ("pass", True, True)),
    ],
)
async def test_alignment(
    spf: SpfVerdict, dkim: tuple[DkimVerdict, ...], expected: tuple[str, bool, bool]
) -> None:
    found = await verdict(BANK, "ceo@bank.test", spf, *dkim)
    assert (found.result, found.dkim_aligned, found.spf_aligned) == expected
    assert (found.from_domain, found.policy, found.undecided) == ("bank.test", "reject", False)


async def test_strict_alignment_is_for_each_way_by_itself() -> None:
    records = {"_dmarc.bank.test": "v=DMARC1; p=reject; adkim=s"}
    below = "mail.bank.test"
    assert (await verdict(records, "a@bank.test", NOTHING, signed(below))).result == "fail"
    assert (await verdict(records, "a@bank.test", SpfVerdict("pass", below))).result == "pass"
    records = {"_dmarc.bank.test": "v=DMARC1; p=reject; aspf=s"}
    assert (await verdict(records, "a@bank.test", NOTHING, signed(below))).result == "pass"
    assert (await verdict(records, "a@bank.test", SpfVerdict("pass", below))).result == "fail"


async def test_who_declares_itself_an_organization_aligns_with_no_neighbour() -> None:
    records = {**BANK, "_dmarc.lab.bank.test": "v=DMARC1; p=none; psd=n"}
    assert (await verdict(records, "a@bank.test", NOTHING, signed("lab.bank.test"))).result == "fail"
    assert (await verdict(records, "a@lab.bank.test", NOTHING, signed("bank.test"))).result == "fail"
    assert (await verdict(records, "a@x.lab.bank.test", NOTHING, signed("lab.bank.test"))).result == "pass"


@pytest.mark.parametrize(
    ("records", "author", "policy"),
    [
        (BANK, "a@bank.test", "reject"),
        ({"_dmarc.bank.test": "v=DMARC1; p=reject; t=y"}, "a@bank.test", "quarantine"),
        ({"_dmarc.bank.test": "v=DMARC1; p=quarantine; t=y"}, "a@bank.test", "none"),
        ({"_dmarc.bank.test": "v=DMARC1; p=reject; pct=0"}, "a@bank.test", "reject"),
        ({**BANK, "mx.bank.test": "here"}, "a@mx.bank.test", "reject"),
        (
            {"_dmarc.bank.test": "v=DMARC1; p=none; sp=reject", "mx.bank.test": "x"},
            "a@mx.bank.test",
            "reject",
        ),
        ({"_dmarc.bank.test": "v=DMARC1; p=none; sp=reject"}, "a@bank.test", "none"),
        (
            {"_dmarc.bank.test": "v=DMARC1; p=reject; sp=none; np=quarantine", "mx.bank.test": "x"},
            "a@mx.bank.test",
            "none",
        ),
        ({"_dmarc.bank.test": "v=DMARC1; p=reject; sp=none; np=quarantine"}, "a@no.bank.test", "quarantine"),
        ({"_dmarc.test": "v=DMARC1; p=none; np=reject; psd=y"}, "a@bank.test", "reject"),
        ({**BANK, "_dmarc.test": "v=DMARC1; p=none; psd=y", "a.bank.test": "x"}, "a@a.bank.test", "reject"),
        (
            {"_dmarc.a.bank.test": "v=DMARC1; p=none; sp=none", **BANK, "x.a.bank.test": "x"},
            "a@x.a.bank.test",
            "reject",
        ),
    ],
)
async def test_which_policy_applies(records: dict[str, str], author: str, policy: str) -> None:
    found = await verdict(records, author)
    assert (found.result, found.policy) == ("fail", policy)


async def test_without_a_record_there_is_no_dmarc() -> None:
    found = await verdict({}, "a@shop.test", SpfVerdict("pass", "shop.test"))
    assert found == DmarcVerdict("none", "shop.test")


async def test_a_record_that_cannot_be_followed_is_a_permerror() -> None:
    found = await verdict({"_dmarc.bank.test": "v=DMARC1; p=rejekt"}, "a@bank.test")
    assert found == DmarcVerdict("permerror", "bank.test")


@pytest.mark.parametrize(
    ("spf", "dkim", "undecided"),
    [
        (SpfVerdict("temperror", "bank.test"), (), True),
        (SpfVerdict("temperror", "evil.test"), (), False),
        (NOTHING, (signed("mail.bank.test", "temperror"),), True),
        (NOTHING, (signed("evil.test", "temperror"),), False),
        (NOTHING, (DkimVerdict("temperror"),), True),
        (SpfVerdict("pass", "bank.test"), (signed("bank.test", "temperror"),), False),
    ],
)
async def test_a_temperror_counts_where_a_pass_could_have_been(
    spf: SpfVerdict, dkim: tuple[DkimVerdict, ...], undecided: bool
) -> None:
    found = await verdict(BANK, "ceo@bank.test", spf, *dkim)
    assert found.undecided is undecided
    assert found.result == ("temperror" if undecided else "pass" if spf.passed else "fail")
    assert found.policy == "reject"


async def test_a_policy_that_nobody_could_say_is_a_temperror() -> None:
    records = {"_dmarc.bank.test": SILENT}
    found = await verdict(records, "ceo@bank.test", SpfVerdict("pass", "evil.test"))
    assert found == DmarcVerdict("temperror", "bank.test", undecided=True)
    found = await verdict(records, "ceo@bank.test", SpfVerdict("pass", "bank.test"))
    assert found == DmarcVerdict("temperror", "bank.test", spf_aligned=True)


async def test_an_organization_that_is_not_known_leaves_neighbours_undecided() -> None:
    records = {**BANK, "_dmarc.test": SILENT}
    found = await verdict(records, "ceo@bank.test", SpfVerdict("pass", "mail.bank.test"))
    assert found == DmarcVerdict("temperror", "bank.test", "reject", undecided=True)
    found = await verdict(records, "ceo@bank.test", SpfVerdict("pass", "evil.test"))
    assert found.result == "fail"


async def test_labels_beyond_ascii_are_one_domain_with_their_a_labels() -> None:
    records = {"_dmarc.xn--mnchen-3ya.test": "v=DMARC1; p=reject"}
    found = await verdict(records, "ann@MÜNCHEN.test", NOTHING, signed("münchen.test"))
    assert (found.result, found.from_domain) == ("pass", "xn--mnchen-3ya.test")


# --- which signatures are of the author domain ---


async def of_author(records: dict[str, str], author: str, *dkim: DkimVerdict, fields: int = 1) -> list[bool]:
    who = authors(f"From: {author}\r\n".encode() * fields)
    _, marked = await dmarc.evaluate(who, NOTHING, dkim, TxtTable(records))
    assert [replace(each, of_author=False) for each in marked] == list(dkim)
    return [each.of_author for each in marked]


@pytest.mark.parametrize("result", ["pass", "temperror", "fail", "permerror"])
@pytest.mark.parametrize(
    ("signer", "expected"),
    [("bank.test", True), ("mail.bank.test", True), ("news.bank.test", True), ("evil.test", False)],
)
async def test_siblings_of_one_organization_are_of_one_author(
    signer: str, expected: bool, result: str
) -> None:
    assert await of_author(BANK, "a@news.bank.test", signed(signer, result)) == [expected]


async def test_who_does_not_align_is_not_of_the_author_whatever_the_names_say() -> None:
    strict = {"_dmarc.bank.test": "v=DMARC1; p=reject; adkim=s"}
    assert await of_author(strict, "a@bank.test", signed("mail.bank.test", "temperror")) == [False]
    lab = {**BANK, "_dmarc.lab.bank.test": "v=DMARC1; p=none; psd=n"}
    assert await of_author(lab, "a@bank.test", signed("lab.bank.test", "temperror")) == [False]


async def test_a_signature_may_be_of_the_author_where_dns_does_not_tell() -> None:
    records = {**BANK, "_dmarc.test": SILENT}
    assert await of_author(records, "a@bank.test", signed("mail.bank.test", "fail")) == [True]


async def test_a_signature_that_cannot_be_read_is_of_nobody() -> None:
    assert await of_author(BANK, "a@bank.test", DkimVerdict("permerror")) == [False]


async def test_where_from_stands_twice_no_signature_is_of_the_author() -> None:
    assert await of_author(BANK, "a@bank.test", signed("bank.test"), fields=2) == [False]


async def test_many_signatures_that_do_not_hold_cost_a_bounded_number_of_questions() -> None:
    table = TxtTable(BANK)
    flawed = tuple(signed(f"x{i}.bank.test", "permerror") for i in range(50))
    found, marked = await dmarc.evaluate(wrote("a@bank.test"), NOTHING, (*flawed, signed("bank.test")), table)
    assert (found.result, marked[-1].of_author) == ("pass", True)
    assert len(table.asked) <= (MOST_SIGNERS + 1) * 9


# --- messages with several authors, or none (section 11.5) ---


@pytest.mark.parametrize(
    "field", ["From: \r\n", "From: ann\r\n", "From: a@[192.0.2.1]\r\n", "Subject: x\r\n"]
)
async def test_without_an_author_domain_there_is_no_dmarc(field: str) -> None:
    assert await evaluate(authors(field.encode()), NOTHING, (), TxtTable(BANK)) == DmarcVerdict()


async def test_of_several_author_domains_the_strictest_that_fails_counts() -> None:
    records = {**BANK, "_dmarc.evil.test": "v=DMARC1; p=none"}
    for addresses in (("x@evil.test", "ceo@bank.test"), ("ceo@bank.test", "x@evil.test")):
        found = await evaluate(wrote(*addresses), SpfVerdict("pass", "evil.test"), (), TxtTable(records))
        assert found == DmarcVerdict("fail", "bank.test", "reject")


async def test_several_authors_of_one_domain_are_one() -> None:
    spf = SpfVerdict("pass", "bank.test")
    found = await evaluate(wrote("a@bank.test", "b@bank.test"), spf, (), TxtTable(BANK))
    assert found.result == "pass"


async def test_a_second_author_without_a_record_takes_nothing_from_a_pass() -> None:
    spf = SpfVerdict("pass", "bank.test")
    found = await evaluate(wrote("x@plain.test", "a@bank.test"), spf, (), TxtTable(BANK))
    assert (found.result, found.from_domain) == ("pass", "bank.test")


async def test_where_from_stands_twice_nothing_aligns() -> None:
    twice = authors(b"From: x@bank.test\r\nFrom: ceo@bank.test\r\n")
    found = await evaluate(twice, SpfVerdict("pass", "bank.test"), (signed("bank.test"),), TxtTable(BANK))
    assert found == DmarcVerdict("fail", "bank.test", "reject")


async def test_many_author_domains_cost_a_bounded_number_of_questions() -> None:
    table = TxtTable(BANK)
    await evaluate(wrote(*(f"a@b.c.d.e.f.g.h{i}.test" for i in range(MOST_DOMAINS))), NOTHING, (), table)
    assert len(table.asked) <= MOST_DOMAINS * 9


@pytest.mark.parametrize(
    "header",
    [
        f"From: {', '.join(f'x@plain{i}.test' for i in range(MOST_DOMAINS))}, ceo@bank.test\r\n",
        f"From: {'x@plain.test, ' * 100}ceo@bank.test\r\n",
        f"From: x@plain.test{' ' * LONGEST_FIELD}, ceo@bank.test\r\n",
        "From: x@plain.test\r\n" * 5 + "From: ceo@bank.test\r\n",
    ],
    ids=["domains", "addresses", "octets", "fields"],
)
async def test_a_protected_author_does_not_hide_behind_others(header: str) -> None:
    table = TxtTable(BANK)
    found = await evaluate(authors(header.encode()), NOTHING, (), table)
    assert (found.result, found.has_too_many_authors, table.asked) == ("permerror", True, [])
