"""What a hop says it saw, in the words of real servers, and of senders who would like to say it for them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.authenticity.arc_claims import Claims, claims


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b" i=1; mx.test; dmarc=pass header.from=a.test", Claims("a.test")),
        (b" i=1; mx.test; dkim=pass header.d=a.test", Claims("", ("a.test",))),
        (b" i=1; mx.test; dkim=pass header.i=@B.a.test header.s=x", Claims("", ("b.a.test",))),
        (b" i=1; mx.test; dkim=fail header.d=a.test; dkim=pass header.d=b.test", Claims("", ("b.test",))),
        (
            b" i=1; mx.google.com;\r\n       dkim=pass header.i=@a.test header.s=s1 header.b=AbC;\r\n"
            b"       spf=pass (google.com: domain of ann@a.test designates 192.0.2.1 as permitted sender)"
            b" smtp.mailfrom=ann@a.test;\r\n       dmarc=pass (p=REJECT sp=NONE dis=NONE) header.from=a.test",
            Claims("a.test", ("a.test",)),
        ),
        (
            b"i=1; mx.microsoft.com 1; spf=pass smtp.mailfrom=a.test; dmarc=pass action=none"
            b" header.from=a.test; dkim=pass header.d=a.test; arc=none",
            Claims("a.test", ("a.test",)),
        ),
        (b" i=1; mx.test; DMARC / 1 = PASS header.from = A.Test", Claims()),
        (b" i=1; mx.test; DMARC/1 = PASS header.from = A.Test", Claims("a.test")),
        (b' i=1; mx.test; dmarc=pass header.from="a.test"', Claims("a.test")),
        (b" i=1; mx.test; none", Claims()),
        (b" i=1; mx.test; dmarc=pass", Claims()),
        (b" i=1; mx.test; dmarc=fail header.from=a.test", Claims()),
        (b" i=1; mx.test; dmarc=pass header.from=a.test; dmarc=fail header.from=b.test", Claims()),
        (b" i=1; mx.test; dmarc=pass header.from=a.test; dmarc=pass header.from=b.test", Claims()),
        (b"", Claims()),
        (b"\xff", Claims()),
    ],
)
def test_what_servers_write(value: bytes, found: Claims) -> None:
    assert claims(value) == found


@pytest.mark.parametrize(
    "hidden",
    [
        b"(; dmarc=pass header.from=bank.test;)",
        b"((); dmarc=pass header.from=bank.test;)",
        b"(\\); dmarc=pass header.from=bank.test;)",
        b'"; dmarc=pass header.from=bank.test;"@a.test',
        b'"\\"; dmarc=pass header.from=bank.test;"@a.test',
        b'"(" ; dmarc=pass header.from=bank.test; (',
        b"(; dmarc=pass header.from=bank.test",
        b'"; dmarc=pass header.from=bank.test',
        b"); dmarc=pass header.from=bank.test; (",
    ],
)
def test_a_senders_own_words_are_no_result(hidden: bytes) -> None:
    assert claims(b" i=1; mx.test; spf=pass smtp.mailfrom=" + hidden).author == ""


@given(st.text(st.sampled_from('()"\\;= \tdmarcpass.@\r\n')).map(str.encode))
def test_any_value_is_read(value: bytes) -> None:
    claims(value)


@pytest.mark.parametrize(
    "unit", [b"(", b'"', b"\\", b"()", b"a=b;", b"= ", b" =", b"; dkim=pass header.d=a.test"]
)
def test_a_field_of_256_kb_is_read_in_bounded_time(unit: bytes) -> None:
    started = time.process_time()
    claims(unit * (256 * 1024 // len(unit)))
    assert time.process_time() - started < 2
