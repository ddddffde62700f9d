"""Authentication-Results: what is written says what was found, and no field of others bears our name."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.authenticity.results import authentication_results, forged, without_forged
from mailcore.authenticity.verdicts import ArcVerdict, DkimVerdict, DmarcVerdict, SpfVerdict, Verdicts

OURS = "clearpost.test"


def written(verdicts: Verdicts) -> str:
    return authentication_results(OURS, verdicts).decode()


# --- written ---


def test_all_that_was_found() -> None:
    verdicts = Verdicts(
        SpfVerdict("pass", "bounces.shop.test"),
        (
            DkimVerdict("pass", "shop.test", "2026a", "rsa-sha256"),
            DkimVerdict("fail", "esp.test", "k1", "ed25519-sha256", "body changed"),
        ),
        DmarcVerdict("pass", "shop.test", "reject", True, True),
        ArcVerdict("pass", 1, ("list.test",)),
    )
    assert written(verdicts) == (
        "Authentication-Results: clearpost.test;\r\n"
        " spf=pass smtp.mailfrom=bounces.shop.test;\r\n"
        " dkim=pass header.d=shop.test header.s=2026a header.a=rsa-sha256;\r\n"
        ' dkim=fail reason="body changed" header.d=esp.test header.s=k1\r\n'
        " header.a=ed25519-sha256;\r\n"
        " dmarc=pass header.from=shop.test policy.dmarc=reject;\r\n"
        " arc=pass\r\n"
    )


def test_nothing_found_is_said() -> None:
    assert (
        written(Verdicts())
        == "Authentication-Results: clearpost.test;\r\n spf=none;\r\n dkim=none;\r\n dmarc=none\r\n"
    )


def test_spf_of_helo_is_told_apart() -> None:
    assert " spf=pass smtp.helo=mx.shop.test;" in written(Verdicts(SpfVerdict("pass", "mx.shop.test", True)))


def test_labels_beyond_ascii_are_written_as_a_labels() -> None:
    verdicts = Verdicts(dkim=(DkimVerdict("pass", "münchen.test", "s"),))
    assert " dkim=pass header.d=xn--mnchen-3ya.test header.s=s;" in written(verdicts)


@pytest.mark.parametrize(
    "hostile", ["a;dmarc=pass", "a b", "a\r\nX: y", "a(b", 'a"b', "a\\b", "ä..ö", "a" * 300, "\u202e.test"]
)
def test_hostile_values_begin_nothing_of_their_own(hostile: str) -> None:
    verdicts = Verdicts(
        SpfVerdict("pass", hostile),
        (DkimVerdict(hostile, hostile, hostile, hostile, hostile),),
        DmarcVerdict("fail", hostile, hostile),
    )
    text = re.sub(r'\s+reason="[^"\\;\r\n]*"', "", written(verdicts))
    assert text.replace("\r\n ;", ";") == (
        "Authentication-Results: clearpost.test;\r\n spf=pass;\r\n dkim=permerror;\r\n dmarc=fail\r\n"
    )


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_every_line_is_short_and_the_field_is_one(domain: str, selector: str, reason: str) -> None:
    verdicts = Verdicts(SpfVerdict("pass", domain), (DkimVerdict("fail", domain, selector, "", reason),))
    field = authentication_results(OURS, verdicts)
    lines = field.decode("ascii").removesuffix("\r\n").split("\r\n")
    assert all(line.startswith(" ") and line.isprintable() for line in lines[1:])
    assert field.count(b";") == 3
    assert forged(field, OURS) == [(0, len(field))]


# --- forged ---


@pytest.mark.parametrize(
    "field",
    [
        "Authentication-Results: clearpost.test; dmarc=pass\r\n",
        "AUTHENTICATION-RESULTS:CLEARPOST.test;dmarc=pass\r\n",
        "Authentication-Results : clearpost.test 1; dmarc=pass\r\n",
        "Authentication-Results: clearpost.test; dmarc=pass\r\n header.from=bank.test;\r\n\tspf=pass\r\n",
        "Authentication-Results:\r\n (a (nested) \\) comment)\r\n\tclearpost.test (us); dmarc=pass\r\n",
        'Authentication-Results: "clearpost.test"; dmarc=pass\r\n',
        'Authentication-Results: "clear\\post.test"; dmarc=pass\r\n',
        "Authentication-Results: clearpost.test.; dmarc=pass\r\n",
        "Authentication-Results: clearpost.test\r\n",
        "Authentication-Results: clearpost.test(;)1; dmarc=pass\r\n",
        "Authentication-Results\r\n : clearpost.test; dmarc=pass\r\n",
        "Authentication-Results \r\n\t\r\n : clearpost.test; dmarc=pass\r\n",
    ],
)
def test_a_field_of_ours_is_found_whole(field: str) -> None:
    above, below = "Received: x\r\n y\r\n", "Subject: Authentication-Results: clearpost.test; x\r\n"
    header = (above + field + below).encode()
    assert forged(header, OURS) == [(len(above), len(above) + len(field))]
    assert without_forged(header, OURS) == (above + below).encode()


@pytest.mark.parametrize(
    "field",
    [
        "Authentication-Results: other.test; dmarc=pass\r\n",
        "Authentication-Results: mx.clearpost.test; dmarc=pass\r\n",
        "Authentication-Results: clearpost.test.evil.test; dmarc=pass\r\n",
        "Authentication-Results: other.test; dkim=pass (clearpost.test; dmarc=pass)\r\n",
        "Authentication-Results: (clearpost.test; dmarc=pass\r\n",
        "Authentication-Results: \r\n",
        "ARC-Authentication-Results: i=1; clearpost.test; dmarc=pass\r\n",
        "X-Authentication-Results: clearpost.test; dmarc=pass\r\n",
    ],
)
def test_fields_of_others_are_left_alone(field: str) -> None:
    assert forged(field.encode(), OURS) == []
    assert without_forged(field.encode(), OURS) == field.encode()


@pytest.mark.parametrize("name", ["xn--mnchen-3ya.test", "münchen.test", "MÜNCHEN.test."])
def test_u_labels_and_a_labels_are_one_name(name: str) -> None:
    field = f"Authentication-Results: {name}; dmarc=pass\r\n".encode()
    assert forged(field, "xn--mnchen-3ya.test") == [(0, len(field))]


def test_several_are_all_cut() -> None:
    ours, theirs = b"Authentication-Results: clearpost.test; spf=pass\r\n", b"Subject: a\r\n"
    assert without_forged(ours + theirs + ours + ours, OURS) == theirs


@pytest.mark.parametrize(
    "hostile", [b"(", b"()", b"((a)", b" ", b"\\(", b'"', b'"\\', b"(\\)", b")", b"\r\n "]
)
def test_hostile_fields_take_little_time(hostile: bytes) -> None:
    header = b"Authentication-Results: " + hostile * (250_000 // len(hostile)) + b"clearpost.test; x\r\n"
    began = time.process_time()
    forged(header, OURS)
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=300))
def test_no_header_raises_and_ranges_lie_within(raw: bytes) -> None:
    header = b"Authentication-Results:" + raw
    for start, end in forged(header, OURS):
        assert 0 <= start < end <= len(header)
