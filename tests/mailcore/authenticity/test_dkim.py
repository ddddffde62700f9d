"""DKIM by its rules: RFC 6376 section 6, RFC 8301, RFC 8463."""

from datetime import UTC, datetime

import pytest

from mailcore.authenticity import dkim
from mailcore.authenticity.signatures import Header
from mailcore.authenticity.verdicts import DkimVerdict
from tests.support.signed_mail import (
    BODY,
    HEADER,
    NAME,
    Records,
    ed25519_key,
    record,
    rsa_key,
    signature_field,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


async def verdicts(
    header: bytes, body: bytes = BODY, key: str | tuple[str, ...] | None = ""
) -> tuple[DkimVerdict, ...]:
    records = Records({NAME: record(rsa_key()) if key == "" else key})
    return await dkim.verify(header, [body], records, now=NOW)


async def verdict(
    header: bytes, body: bytes = BODY, key: str | tuple[str, ...] | None = ""
) -> tuple[str, str]:
    (found,) = await verdicts(header, body, key)
    return found.result, found.reason


@pytest.mark.parametrize("c", ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", None])
async def test_a_signature_passes_and_names_its_signer(c: str | None) -> None:
    found = await verdicts(signature_field(rsa_key(), {"c": c}) + HEADER)
    assert found == (DkimVerdict("pass", "a.test", "s1", "rsa-sha256"),)


async def test_an_ed25519_signature_passes() -> None:
    field = signature_field(ed25519_key(), {"a": "ed25519-sha256"})
    assert await verdict(field + HEADER, key=record(ed25519_key())) == ("pass", "")


async def test_a_message_without_signature_has_no_verdict_and_asks_nobody() -> None:
    records = Records({})
    assert await dkim.verify(HEADER, [BODY], records, now=NOW) == ()
    assert records.asked == []


@pytest.mark.parametrize(
    ("changes", "result", "reason"),
    [
        ({"v": "2"}, "permerror", "version unknown"),
        ({"v": None}, "permerror", "version unknown"),
        ({"a": None}, "permerror", "a= missing"),
        ({"a": "rsa-sha512"}, "permerror", "algorithm unknown"),
        ({"a": "RSA-SHA256"}, "permerror", "algorithm unknown"),
        ({"a": "rsa-sha1"}, "policy", "sha1 proves nothing"),
        ({"d": None}, "permerror", "d= missing"),
        ({"d": "test"}, "permerror", "d=, s= or b= not understood"),
        ({"d": "a..test"}, "permerror", "d=, s= or b= not understood"),
        ({"d": "a." * 126 + "test"}, "permerror", "d=, s= or b= not understood"),
        ({"s": "a." * 126 + "test"}, "permerror", "d=, s= or b= not understood"),
        ({"d": "a.test/x"}, "permerror", "d=, s= or b= not understood"),
        ({"s": ""}, "permerror", "s= missing"),
        ({"s": "a b"}, "permerror", "d=, s= or b= not understood"),
        ({"h": None}, "permerror", "h= missing"),
        ({"h": ""}, "permerror", "From not signed"),
        ({"h": "to:subject"}, "permerror", "From not signed"),
        ({"bh": None}, "permerror", "bh= missing or not understood"),
        ({"bh": "!"}, "permerror", "bh= missing or not understood"),
        ({"c": "nofws"}, "permerror", "c= or l= not understood"),
        ({"l": "-1"}, "permerror", "c= or l= not understood"),
        ({"l": "²"}, "permerror", "c= or l= not understood"),
        ({"q": "http"}, "permerror", "q= unknown"),
        ({"q": "http : dns/txt"}, "pass", ""),
        ({"i": "@a.test"}, "pass", ""),
        ({"i": "x@B.A.Test"}, "pass", ""),
        ({"i": "@ba.test"}, "permerror", "i= is not of d="),
        ({"i": "@test"}, "permerror", "i= is not of d="),
        ({"i": "@b.test"}, "permerror", "i= is not of d="),
        ({"t": "soon"}, "permerror", "t= not understood"),
        ({"t": str(SECONDS + 3600)}, "pass", ""),
        ({"t": str(SECONDS + 86400)}, "policy", "signed in the future"),
        ({"x": str(SECONDS - 1)}, "fail", "signature expired"),
        ({"x": str(SECONDS + 1)}, "pass", ""),
        ({"x": "1e9"}, "permerror", "x= not understood"),
        ({"t": str(SECONDS), "x": str(SECONDS)}, "permerror", "x= is before t="),
        ({"d": "A.Test", "s": "S1"}, "pass", ""),
        ({"h": "FROM : to\t:\r\n subject"}, "pass", ""),
        ({"unknown": "x=y"}, "pass", ""),
        ({"z": "From:ann@a.test|To:bob"}, "pass", ""),
    ],
)
async def test_tags(changes: dict[str, str | None], result: str, reason: str) -> None:
    assert await verdict(signature_field(rsa_key(), changes) + HEADER) == (result, reason)


@pytest.mark.parametrize(
    "raw",
    [
        b"v=1; v=1",
        b"v=1;; a=rsa-sha256",
        b"nothing",
        b"",
        b"=1",
        b"v=1; \xff=1",
        b"v\x00=1",
        b"1v=1",
        b"v=1\x00",
    ],
)
async def test_what_is_no_tag_list_is_a_permerror(raw: bytes) -> None:
    assert await verdict(b"DKIM-Signature: " + raw + b"\r\n" + HEADER) == (
        ("permerror", "a= missing") if raw == b"" else ("permerror", "signature not understood")
    )


async def test_fields_are_taken_from_the_bottom() -> None:
    """RFC 6376 section 5.4.2: what is put on top of the signed one changes nothing, below it does."""
    field = signature_field(rsa_key())
    assert await verdict(field + b"Subject: other\r\n" + HEADER) == ("pass", "")
    assert await verdict(field + HEADER + b"Subject: other\r\n") == ("fail", "signature does not hold")


async def test_a_name_signed_once_more_than_it_is_there_can_not_be_added() -> None:
    field = signature_field(rsa_key(), {"h": "from:to:subject:subject:cc"})
    assert await verdict(field + HEADER) == ("pass", "")
    assert await verdict(field + b"Subject: other\r\n" + HEADER) == ("fail", "signature does not hold")
    assert await verdict(field + b"Cc: other\r\n" + HEADER) == ("fail", "signature does not hold")


async def test_a_second_from_that_nobody_signed_is_never_covered_by_the_first() -> None:
    """RFC 6376 section 8.15."""
    header = signature_field(rsa_key()) + b"From: eve@bank.test\r\n" + HEADER
    assert await verdict(header) == ("policy", "a From is not signed")


async def test_a_changed_body_fails_even_where_dns_fails() -> None:
    """A failure that is certain must not look like one that may pass later."""
    header = signature_field(rsa_key()) + HEADER
    assert await verdict(header, BODY + b"x\r\n", key=None) == ("fail", "body changed")


async def test_a_length_leaves_the_rest_of_the_body_unsigned_and_says_so() -> None:
    header = signature_field(rsa_key(), {"l": "9"}) + HEADER
    assert await verdict(header, BODY + b"more\r\n") == ("pass", "only a part of the body is signed")
    assert await verdict(header, b"X" + BODY) == ("fail", "body changed")


async def test_a_length_beyond_the_body_fails() -> None:
    assert await verdict(signature_field(rsa_key(), {"l": "9999"}) + HEADER) == ("fail", "body changed")


async def test_a_signature_may_cover_another_one_but_never_itself() -> None:
    inner = signature_field(rsa_key())
    outer = signature_field(rsa_key(), {"h": "from:dkim-signature:dkim-signature"}, header=inner + HEADER)
    assert [each.result for each in await verdicts(outer + inner + HEADER)] == ["pass", "pass"]


async def test_ten_signatures_are_looked_at_and_broken_ones_take_no_place() -> None:
    good, broken = signature_field(rsa_key()), b"DKIM-Signature: broken\r\n"
    found = [each.result for each in await verdicts(broken * 20 + good * 30 + HEADER)]
    assert found == ["permerror"] * 20 + ["pass"] * 10
    assert len(await verdicts(broken * 1000 + HEADER)) == dkim.MOST_LOOKED_AT


async def test_signatures_of_one_key_ask_once_and_share_a_body_hash() -> None:
    header = signature_field(rsa_key()) * 3 + signature_field(rsa_key(), {"l": "4"}) + HEADER
    records = Records({NAME: record(rsa_key())})
    assert len(await dkim.verify(header, [BODY], records, now=NOW)) == 4
    assert records.asked == [NAME]
    assert len(dkim.prepare(Header(header), NOW).bodies) == 2


async def test_an_international_domain_signs() -> None:
    """RFC 8616: U-labels in d= and s=."""
    field = signature_field(rsa_key(), {"d": "bücher.test", "s": "größe", "i": "@bücher.test"})
    records = Records({"größe._domainkey.bücher.test": record(rsa_key())})
    (found,) = await dkim.verify(field + HEADER, [BODY], records, now=NOW)
    assert (found.result, found.domain) == ("pass", "bücher.test")


async def test_what_a_flawed_signature_says_is_told_only_in_safe_words() -> None:
    header = b"DKIM-Signature: v=1; a=<script>; d=a b; s=x\x7fy; b=AA==\r\n" + HEADER
    (found,) = await verdicts(header)
    assert found == DkimVerdict("permerror", reason="signature not understood")
    (found,) = await verdicts(b"DKIM-Signature: v=1; a=<script>; d=a(b; s=x'y; b=AA==\r\n" + HEADER)
    assert found == DkimVerdict("permerror", reason="algorithm unknown")
