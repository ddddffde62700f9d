"""What looks for leaks finds every disguise that it knows, and nothing where there is nothing."""

import base64

import idna
import pytest

from tests.support.blind import Words, disguises

ADDRESS = "zorilla.quagga@okapi-house.test"
WORDS = Words(ADDRESS, more=("127.0.0.77",))
EAI = Words("größe@dünnschicht.test")


@pytest.mark.parametrize("name", disguises(ADDRESS))
def test_a_disguise_is_seen_through_wherever_it_stands(name: str) -> None:
    dressed = disguises(ADDRESS)[name].encode()
    assert WORDS.seen_in(b"Subject: x\r\n\r\nthey said: " + dressed + b" and so on\r\n")
    folded = b"\r\n ".join(dressed[at : at + 20] for at in range(0, len(dressed), 20))
    assert WORDS.seen_in(b"Diagnostic-Code: smtp; " + folded)


@pytest.mark.parametrize("name", disguises(EAI.address))
def test_an_internationalised_address_is_seen_through_as_well(name: str) -> None:
    assert EAI.seen_in(b"they said: " + disguises(EAI.address)[name].encode())
    a_label = idna.encode("dünnschicht").upper()
    assert EAI.seen_in(b"Remote-MTA: dns; " + a_label + b".test")


@pytest.mark.parametrize("spare", range(4))
def test_base64_is_read_to_its_last_letter(spare: int) -> None:
    encoded = base64.b64encode(b"x" * spare + b"okapi-house")
    assert WORDS.seen_in(b"id " + encoded) == WORDS.seen_in(encoded.rstrip(b"=")) == {"okapi-house"}


def test_other_words_are_seen_too() -> None:
    assert WORDS.seen_in(b"from [127.0.0.77]") == {"127.0.0.77"}


def test_nothing_is_seen_in_an_innocent_text() -> None:
    assert not WORDS.seen_in(
        b"Subject: Lunch\r\n\r\nRGlkIHlvdSBrbm93PyBObyBvbmUgZG9lcy4= hello@shop.test\r\n"
    )
