"""What dkimpy signs we verify, and what was changed since is to both the same: random mail, and its own."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mailcore.authenticity import dkim
from mailcore.authenticity.canonical import header_fields
from tests.support import second_opinion
from tests.support.services import ROOT
from tests.support.signed_mail import NAME, PrivateKey, Records, ed25519_key, record, rsa_key

NOW = datetime(2100, 1, 1, tzinfo=UTC)
ODD = [b"", b" ", b"\t", b"x", b";", b"=", b":", b"\r\n ", b"\r\n", b"\xff", b"\0", b"0"]
ED25519_OF_RFC_8463 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
Message = tuple[bytes, bytes]
MakesKey = Callable[[], PrivateKey]
CORPUS = next(iter(sorted((ROOT / ".venv" / "corpus").glob("dkimpy-*"))), None)

slow = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
forms = st.sampled_from(["simple", "relaxed"])
keys = st.sampled_from([rsa_key, ed25519_key])

words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12).map(str.encode)
eight_bit = st.binary(max_size=12).map(lambda octets: octets.translate(None, b"\r\n"))
spaces = st.sampled_from([b" ", b"  ", b"\t", b" \t "])
long_line = st.integers(1, 3000).map(lambda size: b"x" * size)
folds = st.sampled_from([b" ", b"\r\n ", b"\r\n\t ", b"  \r\n  "])
names = st.sampled_from([b"Subject", b"TO", b"cc", b"Date", b"MIME-Version", b"X-Odd", b"Message-ID"])
line = st.lists(st.one_of(words, eight_bit, spaces, long_line), max_size=5).map(b"".join)
bodies = st.lists(st.one_of(st.just(b""), line), max_size=8).map(
    lambda lines: b"".join(x + b"\r\n" for x in lines)
)


@st.composite
def fields(draw: st.DrawFn) -> bytes:
    printable = st.text(st.characters(codec="utf-8", min_codepoint=33), min_size=1, max_size=9).map(
        str.encode
    )
    value = b"".join(
        draw(st.lists(st.tuples(folds, printable), max_size=5).map(lambda x: [a + b for a, b in x]))
    )
    space = draw(st.sampled_from([b"", b" ", b"\t", b"  "]))
    return draw(names) + b":" + space + value + draw(st.sampled_from([b"", b" ", b"\t "])) + b"\r\n"


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A header section with one From, and a body."""
    section = draw(st.lists(fields(), max_size=8))
    section.insert(draw(st.integers(0, len(section))), b"From: Ann <ann@a.test>\r\n")
    return b"".join(section), draw(bodies)


def both(header: bytes, body: bytes, key: PrivateKey) -> tuple[bool, bool]:
    """Whether it passes with us and with them."""
    records = {NAME: record(key)}
    (verdict,) = asyncio.run(dkim.verify(header, [body], Records(records), now=NOW))
    return verdict.passed, second_opinion.verifies(header + b"\r\n" + body, records)


@slow
@given(messages(), keys, forms, forms, st.booleans())
def test_what_dkimpy_signs_passes(
    message: Message, key: MakesKey, head: str, rest: str, length: bool
) -> None:
    header, body = message
    field = second_opinion.signs(header + b"\r\n" + body, key(), (head, rest), length=length)
    assume(field is not None)
    assert both((field or b"") + header, body, key()) == (True, True)


@slow
@given(messages(), keys, forms, forms, st.floats(0, 0.999), st.sampled_from(ODD))
def test_a_changed_message_is_to_us_what_it_is_to_dkimpy(
    message: Message, key: MakesKey, head: str, rest: str, place: float, odd: bytes
) -> None:
    header, body = message
    field = second_opinion.signs(header + b"\r\n" + body, key(), (head, rest))
    assume(field is not None)
    content = (field or b"") + header + b"\r\n" + body
    at = int(len(content) * place)
    # Base64 may lack its padding (RFC 6376 section 2.10): dkimpy wants it.
    assume(at >= len(field or b"") or content[at : at + 1] != b"=")
    changed = content[:at] + odd + content[at + 1 :]
    header, empty, body = changed.partition(b"\r\n\r\n")
    assume(empty and changed.count(b"\r\n") == changed.count(b"\n") == changed.count(b"\r"))
    assume(header.lower().startswith(b"dkim-signature:"))
    assume(all(FIELD.match(each.raw) for each in header_fields(header)))  # else dkimpy reads no header at all
    passed = both(header + b"\r\n", body, key())
    assert passed[0] == passed[1]


@pytest.mark.skipif(CORPUS is None, reason="no test mail of dkimpy: run `python3 bootstrap.py corpus`")
def test_signed_mail_of_others_is_to_us_what_it_is_to_dkimpy() -> None:
    assert CORPUS is not None
    data = CORPUS / "dkim" / "tests" / "data"
    text = " ".join((data / "test.txt").read_text().split())
    records = {
        "test._domainkey.football.example.com": text,
        "test._domainkey.example.com": text,
        "brisbane._domainkey.football.example.com": ED25519_OF_RFC_8463,
        "sed._domainkey.test.ex": (data / "eximtest.dns").read_text().strip(),
    }
    passed = []
    for file in sorted(data.iterdir()):
        content = re.sub(rb"\r?\n", b"\r\n", file.read_bytes())
        header, _, body = content.partition(b"\r\n\r\n")
        if b"dkim-signature:" in header.lower():
            verdicts = asyncio.run(dkim.verify(header + b"\r\n", [body], Records(records), now=NOW))
            for index, verdict in enumerate(verdicts):
                theirs = second_opinion.verifies(content, records, index)
                assert verdict.passed == theirs, (file.name, verdict)
                passed += [file.name] if verdict.passed else []
    assert passed == [
        "ed25519test2.msg",
        "rfc6376.signed.msg",
        "rfc6376.signed.msg",
        "rfc6376.signed.rsa.msg",
    ]
