"""What we sign, as dkimpy and our own verifiers see it; and what is not sealed."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import dkim as dkimpy
import pytest

from mailcore.authenticity import arc, dkim, sealing
from mailcore.authenticity.canonical import body_hash
from mailcore.authenticity.sealing import Signer
from mailcore.authenticity.signatures import Header
from mailcore.authenticity.signing_keys import KeyFolder, SigningKey
from mailcore.authenticity.tag_lists import tag_list
from mailcore.authenticity.verdicts import ArcVerdict
from tests.support.signed_mail import Records

DOMAIN = "clearpost.test"
NOW = datetime(2026, 11, 22, 9, 14, 36, tzinfo=UTC)
HEADER = (
    b"Received: from mail.example.org\r\n by mx.clearpost.test; now\r\n"
    b"From: Ann <ann@example.org>\r\nTO:  hello@shop.test\r\nSubject: h\xc3\xa4llo\r\n  folded\r\n"
    b"Date: Sun, 22 Nov 2026 09:14:36 +0000\r\nMessage-ID: <1@example.org>\r\n"
)
RESULTS = b"Authentication-Results: clearpost.test;\r\n dmarc=pass header.from=example.org\r\n"
BODY = b"Dear  Bob, \r\n\r\nline\t\tline\r\n\r\n\r\n"


@cache
def key() -> SigningKey:
    with TemporaryDirectory() as folder:
        keys = KeyFolder(Path(folder))
        keys.make(DOMAIN)
        return keys.keys(DOMAIN)[0]


def signer() -> Signer:
    return Signer(key(), NOW)


def hashed(body: bytes = BODY) -> bytes:
    made = body_hash([body], "relaxed")
    assert made is not None
    return made


def dns() -> Callable[..., Any]:
    records = {key().record_name.encode() + b".": key().record.encode()}
    return lambda name, timeout=5: records.get(name)


def records() -> Records:
    return Records({key().record_name: key().record})


def arc_set(header: bytes, verdict: ArcVerdict) -> bytes | None:
    return sealing.arc_set(Header(header), hashed(), RESULTS, verdict, signer())


def sealed(header: bytes, verdict: ArcVerdict) -> bytes:
    made = arc_set(header, verdict)
    assert made is not None
    return made + header


async def test_a_signature_of_ours_holds_for_dkimpy_and_for_us() -> None:
    signature = sealing.dkim_signature(Header(HEADER), hashed(), signer())
    assert signature is not None
    assert dkimpy.verify(signature + HEADER + b"\r\n" + BODY, dnsfunc=dns())
    (verdict,) = await dkim.verify(signature + HEADER, [BODY], records(), now=NOW)
    assert (verdict.result, verdict.domain, verdict.algorithm) == ("pass", DOMAIN, "rsa-sha256")


async def test_what_a_signature_covers_cannot_be_added_to() -> None:
    signature = sealing.dkim_signature(Header(HEADER), hashed(), signer())
    assert signature is not None
    for field in (
        b"From: eve@example.org",
        b"Subject: x",
        b"Reply-To: eve@example.org",
        b"Content-Type: a/b",
    ):
        forged = field + b"\r\n" + signature + HEADER
        assert [each.result for each in await dkim.verify(forged, [BODY], records(), now=NOW)] == ["fail"], (
            field
        )
        assert not dkimpy.verify(forged + b"\r\n" + BODY, dnsfunc=dns()), field


def test_what_no_line_holds_stays_whole() -> None:
    domain = f"{'a' * 63}.{'b' * 63}.test"
    made = sealing.dkim_signature(Header(HEADER), hashed(), Signer(replace(key(), domain=domain), NOW))
    assert made is not None
    tags = tag_list(made.partition(b":")[2])
    assert tags is not None
    assert tags["d"] == domain
    assert tags["h"].startswith("from:from:to:to:cc:subject:subject:date:date:")


def test_fields_of_ours_are_folded_and_hold_the_time_but_no_length() -> None:
    made = sealed(b"DKIM-Signature: v=1; a=b\r\n" + HEADER, ArcVerdict())
    ours = made.removesuffix(b"DKIM-Signature: v=1; a=b\r\n" + HEADER)
    assert ours.isascii()
    assert max(map(len, ours.split(b"\r\n"))) <= 78
    assert ours.count(b"t=1795338876;") == 2
    assert not re.search(rb"[; ]l=", ours)
    assert [line.partition(b":")[0] for line in re.split(rb"\r\n(?![ \r])", ours) if line] == [
        b"ARC-Seal",
        b"ARC-Message-Signature",
        b"ARC-Authentication-Results",
    ]
    assert b"dkim-signature;" in ours


async def test_a_chain_of_ours_grows_and_holds() -> None:
    header, verdict = HEADER, ArcVerdict()
    for instance in (1, 2, 3):
        header = sealed(header, verdict)
        verdict = await arc.verify(header, [BODY], records())
        assert (verdict.result, verdict.sets) == ("pass", instance)
        assert dkimpy.arc_verify(header + b"\r\n" + BODY, dnsfunc=dns())[0] == b"pass"
    assert re.findall(rb"cv=(\w+)", header) == [b"pass", b"pass", b"none"]


async def test_a_chain_that_failed_is_sealed_as_that_and_then_never_again() -> None:
    header = sealed(HEADER, ArcVerdict()).replace(b"Subject: h", b"Subject: changed h")
    verdict = await arc.verify(header, [BODY], records())
    assert (verdict.result, verdict.sets) == ("fail", 1)
    marked = sealed(header, verdict)
    assert marked.startswith(b"ARC-Seal: i=2; a=rsa-sha256; cv=fail;")
    assert (await arc.verify(marked, [BODY], records())).result == "fail"
    for again in (ArcVerdict("fail", 2), ArcVerdict("fail", 1), ArcVerdict("none", 0)):
        assert arc_set(marked, again) is None


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        (HEADER, ArcVerdict("temperror", 1)),
        (HEADER, ArcVerdict("pass", 1)),  # not what was looked at
        (b"ARC-Seal: i=1; cv=none\r\n" + HEADER, ArcVerdict("fail", 1)),
        (b"ARC-Authentication-Results: i=51; x\r\n" + HEADER, ArcVerdict("fail", 50)),
        (b"From: a@b.test\r\n" * 200, ArcVerdict()),
    ],
    ids=["key not answered for", "another message", "malformed", "too long", "out of proportion"],
)
def test_what_cannot_be_sealed_is_not(header: bytes, verdict: ArcVerdict) -> None:
    assert arc_set(header, verdict) is None


async def test_a_chain_of_50_sets_is_full() -> None:
    header, verdict = HEADER, ArcVerdict()
    for instance in range(1, 51):
        header = sealed(header, verdict)
        verdict = ArcVerdict("pass", instance)
    assert (await arc.verify(header, [BODY], records())).result == "pass"
    assert arc_set(header, verdict) is None


def test_a_signature_costs_little_more_than_its_rsa() -> None:
    """Best of many, side by side: the machine may be busy with other things."""
    alone, ours = [], []
    for _ in range(60):
        alone.append(seconds(lambda: key().sign(b"x" * 900)))
        ours.append(seconds(lambda: sealing.dkim_signature(Header(HEADER), hashed(), signer())))
    assert min(ours) < 2 * min(alone)


def seconds(work: Callable[[], Any]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"no colon at all\r\n",
        b"Subject : x\r\nFrom\t: a@b.test\r\n",
        b"From: a@b.test\r\nFrom: c@d.test\r\n\tfolded\r\n",
        b"\xff\xfe: \xff\r\nFrom: \xff@b.test\r\n",
        b": x\r\n",
    ],
)
async def test_odd_headers_are_sealed_too(header: bytes) -> None:
    signature = sealing.dkim_signature(Header(header), hashed(b""), signer())
    assert signature is not None
    (verdict,) = await dkim.verify(signature + header, [b""], records(), now=NOW)
    assert verdict.result == "pass", verdict
