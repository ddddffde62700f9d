"""Signatures made to break the reader: never an exception, never more than a bounded time."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailcore.authenticity import arc, dkim
from mailcore.authenticity.public_keys import read_record
from mailcore.authenticity.tag_lists import tag_list
from tests.support.arc_suite import SUITE, cases
from tests.support.signed_mail import (
    BODY,
    HEADER,
    NAME,
    PASSED,
    Records,
    ed25519_key,
    forwarded,
    record,
    rsa_key,
    signature_field,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HEADER_CAP = 256 * 1024
SECONDS = 2.0
KEYS = {NAME: record(rsa_key()), "dummy._domainkey.example.org": record(ed25519_key())}

SIGNED = signature_field(rsa_key()) + HEADER
CHAINS = [case.parts[0] for case in cases()] if SUITE.exists() else [SIGNED]

thorough = settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
odd_bytes = st.sampled_from(
    [b"", b";", b"=", b":", b"\r\n", b"\r\n ", b"\0", b"\xff", b"i=1;", b"b=", b"0" * 99]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    header = draw(st.sampled_from([SIGNED, *CHAINS]))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(header)))
        header = (
            header[:at]
            + draw(st.one_of(odd_bytes, st.binary(max_size=8)))
            + header[at + draw(st.integers(0, 9)) :]
        )
    return header


async def look_at(header: bytes, body: bytes = BODY) -> float:
    """Both verdicts; the CPU seconds they took."""
    started = time.process_time()
    await dkim.verify(header, [body], Records(KEYS), now=NOW)
    await arc.verify(header, [body], Records(KEYS))
    return time.process_time() - started


@thorough
@given(mutated())
async def test_a_mutated_message_never_raises(header: bytes) -> None:
    await look_at(header)


@thorough
@given(
    st.one_of(st.binary(max_size=200), st.text(st.sampled_from("vkpthsn=;: \tDKIM1rsAQ+/")).map(str.encode))
)
def test_any_bytes_are_a_tag_list_and_a_key_record_or_none(raw: bytes) -> None:
    tag_list(raw)
    read_record(raw.decode("utf-8", "replace"))


def filled(head: bytes, unit: bytes, tail: bytes = b"") -> bytes:
    """A header section of 256 kB."""
    room = HEADER_CAP - len(head) - len(tail) - len(SIGNED) - 2
    return SIGNED + head + unit * (room // len(unit)) + tail + b"\r\n"


ALL_TAGS = b"DKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=s1; bh=AA==; b=AA==; h=from"


@pytest.mark.parametrize(
    "header",
    [
        filled(b"DKIM-Signature: ", b"a=b;"),
        filled(b"DKIM-Signature: v=1", b";t%d=1"),
        filled(b"DKIM-Signature: ", b";"),
        filled(b"DKIM-Signature: ", b"="),
        filled(b"DKIM-Signature: ", b" \r\n\t"),
        filled(b"DKIM-Signature: b=", b" b"),
        filled(b"DKIM-Signature: b=", b"A"),
        filled(b"DKIM-Signature: l=", b"9"),
        filled(b"DKIM-Signature: d=", b"a."),
        filled(b"DKIM-Signature: d=", b"a"),
        filled(ALL_TAGS, b":from"),
        filled(ALL_TAGS, b":"),
        filled(b"", b"DKIM-Signature:\r\n"),
        filled(b"", ALL_TAGS + b"\r\n"),
        filled(b"", signature_field(rsa_key(), {"h": "from" + ":dkim-signature" * 200})),
        filled(b"", b"ARC-Seal: i=1\r\n"),
        filled(b"", b"ARC-Authentication-Results: i=1;\r\n"),
        filled(b"ARC-Authentication-Results: ", b" "),
        filled(b"ARC-Authentication-Results: i", b"\r\n "),
        filled(b"", b"a\r\n"),
        filled(b"", b":\r\n"),
        filled(b"", b"From:a\r\n"),
        filled(b"X: ", b"x"),
        filled(b"X: ", b"\xff\xfe"),
        b"\r\n".join(f"DKIM-Signature: t{n}=1; u=2".encode() for n in range(10_000)) + b"\r\n",
        b"DKIM-Signature: " + b";".join(b"t%d=1" % n for n in range(10_000)) + b"\r\n",
    ],
)
async def test_a_hostile_header_takes_a_bounded_time(header: bytes) -> None:
    assert await look_at(header) < SECONDS


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 1_000_000,
        b" " * 1_000_000 + b"x",
        b"\r\n" * 500_000 + b"x",
        b" \r\n" * 300_000,
        (b"y" * 65_535 + b"\r\n") * 16,
        b"\t " * 500_000,
    ],
    ids=["one line", "spaces", "line ends", "empty lines", "lines of 65 kB", "tabs"],
)
async def test_a_hostile_body_takes_a_bounded_time(body: bytes) -> None:
    fields = [
        signature_field(rsa_key(), {"l": str(n), "c": c})
        for n in range(5)
        for c in ("simple", "relaxed/relaxed")
    ]
    assert await look_at(b"".join(fields) + HEADER, body) < SECONDS


async def test_a_whole_chain_of_50_large_sets_takes_a_bounded_time() -> None:
    """Each seal covers all sets below it: 50 of 5 kB make 6 MB to be hashed."""
    header = forwarded(*["a.test"] * 50, says=PASSED + "; x=y" * 900)
    assert HEADER_CAP * 0.9 < len(header) < HEADER_CAP * 1.1
    assert (await arc.verify(header, [BODY], Records(KEYS))).result == "pass"
    assert await look_at(header) < SECONDS
