"""Which TLSA records are of use, and which certificates they name."""

import hashlib
from dataclasses import replace

import pytest

from mailcore import dane
from mailcore.dns_answers import Tlsa
from tests.support.authority import Authority

MINE = Authority().certificate("mx.a.test")
OTHER = Authority().certificate("mx.a.test")


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_each_way_of_naming_a_certificate_matches_it_alone(selector: int, matching: int) -> None:
    selected = MINE.public_key if selector else MINE.der
    data = [selected, hashlib.sha256(selected).digest(), hashlib.sha512(selected).digest()][matching]
    record = Tlsa(3, selector, matching, data)
    assert dane.usable([record]) == (record,)
    assert dane.matches(MINE.der, [record])
    assert not dane.matches(OTHER.der, [record])


def test_one_match_is_enough() -> None:
    """As while a key is rolled over (RFC 7671 section 8.1)."""
    old, new = (Tlsa(3, 1, 1, hashlib.sha256(each.public_key).digest()) for each in (OTHER, MINE))
    assert dane.matches(MINE.der, [old, new])
    assert not dane.matches(MINE.der, [old])


def test_neither_name_nor_date_counts() -> None:
    expired = Authority().expired("another.test")
    assert dane.matches(expired.der, [Tlsa(3, 1, 0, expired.public_key)])


@pytest.mark.parametrize(
    "change", [{"usage": 0}, {"usage": 1}, {"usage": 2}, {"selector": 2}, {"matching": 3}, {"data": b""}]
)
def test_what_cannot_be_matched_is_of_no_use(change: dict[str, int]) -> None:
    record = Tlsa(3, 1, 1, bytes(32))
    changed = replace(record, **change)  # type: ignore[arg-type]
    assert dane.usable([changed, record]) == (record,)


def test_no_certificate_matches_nothing() -> None:
    assert not dane.matches(b"", [Tlsa(3, 0, 0, b"")])
