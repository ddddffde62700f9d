"""ARC chains by RFC 8617, and what can be believed of them."""

from collections.abc import Iterable

import pytest

from mailcore.authenticity import arc
from mailcore.authenticity.signatures import Header
from mailcore.authenticity.verdicts import ArcVerdict
from tests.support import second_opinion
from tests.support.signed_mail import BODY, HEADER, Records, forwarded, record, rsa_key


def key_records(domains: Iterable[str]) -> dict[str, str]:
    return {f"s1._domainkey.{domain}": record(rsa_key()) for domain in domains}


async def verdict(header: bytes, body: bytes = BODY, absent: str = "") -> ArcVerdict:
    keys = key_records(
        domain for domain in ("one.test", "two.test", "three.test", "a.test") if domain != absent
    )
    return await arc.verify(header, [body], Records(keys))


async def test_a_message_without_a_chain_has_none() -> None:
    assert await verdict(HEADER) == ArcVerdict("none")


async def test_a_chain_passes_and_names_every_sealer_and_what_the_first_one_saw() -> None:
    for domains in (("one.test",), ("one.test", "two.test"), ("one.test", "two.test", "three.test")):
        header = forwarded(*domains)
        found = await verdict(header)
        assert found == ArcVerdict("pass", len(domains), domains, "a.test", ("a.test",))
        assert second_opinion.chain(header + b"\r\n" + BODY, key_records(domains)) == "pass"


async def test_a_changed_body_a_changed_from_and_a_lost_set_break_the_chain() -> None:
    header = forwarded("one.test", "two.test")
    assert (await verdict(header, BODY + b"more\r\n")).result == "fail"
    assert (await verdict(header.replace(b"From: Ann", b"From: Eve"))).result == "fail"
    assert (await verdict(header.replace(b"header.from=a.test", b"header.from=b.test"))).result == "fail"
    kept = b"".join(field.raw for field in Header(header).fields if b"i=1;" not in field.raw)
    found = await verdict(kept)
    assert (found.result, found.sets, found.vouches_for) == ("fail", 2, "")


async def test_a_key_that_is_not_answered_for_is_a_temperror_and_vouches_for_nothing() -> None:
    header = forwarded("one.test", "two.test")
    keys = Records({**key_records(["two.test"]), "s1._domainkey.one.test": None})
    found = await arc.verify(header, [BODY], keys)
    assert found == ArcVerdict("temperror", 2, ("one.test", "two.test"))


async def test_what_fails_for_certain_fails_whatever_dns_does_not_say() -> None:
    header = forwarded("one.test", "two.test").replace(b"cv=pass", b"cv=pass; x=changed")
    keys = Records({**key_records(["two.test"]), "s1._domainkey.one.test": None})
    assert (await arc.verify(header, [BODY], keys)).result == "fail"


async def test_a_key_that_is_gone_breaks_the_chain() -> None:
    assert (await verdict(forwarded("one.test", "two.test"), absent="one.test")).result == "fail"


async def test_a_chain_that_says_of_itself_that_it_failed_fails_without_asking() -> None:
    keys = Records({})
    header = forwarded("one.test").replace(b"cv=none", b"cv=fail")
    assert await arc.verify(header, [BODY], keys) == ArcVerdict("fail", 1)
    assert keys.asked == []


@pytest.mark.parametrize(
    "says", ["dmarc=fail header.from=a.test", "spf=pass smtp.mailfrom=a.test", "dmarc=pass"]
)
async def test_a_first_hop_that_saw_nothing_good_vouches_for_nothing(says: str) -> None:
    assert (await verdict(forwarded("one.test", says=says))) == ArcVerdict("pass", 1, ("one.test",))


async def test_a_chain_of_50_passes_and_51_are_too_many() -> None:
    """RFC 8617 section 4.2.1."""
    assert (await verdict(forwarded(*["a.test"] * 50))).result == "pass"
    found = await verdict(forwarded(*["a.test"] * 51))
    assert (found.result, found.sets) == ("fail", 50)


async def test_a_second_from_and_a_body_signed_in_part_are_not_vouched_for() -> None:
    """The chain is whole, but what a reader sees is not what it speaks of."""
    header = forwarded("a.test")
    assert (await verdict(header)).vouches_for == "a.test"
    found = await verdict(b"From: eve@bank.test\r\n" + header)
    assert (found.result, found.vouches_for, found.saw_signed) == ("pass", "", ())
    in_part: list[dict[str, str | None]] = [{"l": "4"}, {"h": "to:subject"}]
    for tags in in_part:
        found = await verdict(forwarded("a.test", tags=tags))
        assert (found.result, found.vouches_for, found.saw_signed) == ("pass", "", ())
