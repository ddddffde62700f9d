"""One canary, one text: what is not byte for byte as we write it is no canary."""

import json
from collections.abc import Callable

import pytest

from customers import canary_document as documents
from customers.canary_document import CLAIMS, Document
from tests.support.canary_signers import canary

TEXT = documents.write(canary())


def test_it_reads_as_it_was_written() -> None:
    assert documents.read(TEXT) == canary()
    assert json.loads(TEXT)["expires"] == "2026-12-01T09:30:00Z"
    assert TEXT.endswith("}\n")


def test_the_five_statements_are_those_of_the_founding_policy() -> None:
    words = " ".join(CLAIMS.values())
    assert len(CLAIMS) == 5
    for each in ("SSL keys", "backdoor", "tampered", "third parties", "searched", "seized"):
        assert each in words


@pytest.mark.parametrize(
    "change",
    [
        str.strip,
        lambda text: text + "\n",
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("  ", "    "),
        lambda text: json.dumps(json.loads(text)),
        lambda text: text.replace('"number": 1', '"number": 1.0'),
        lambda text: text.replace('"number": 1', '"number": "1"'),
        lambda text: text.replace('"number": 1', '"number": 0'),
        lambda text: text.replace('"number": 1', '"number": 1,\n  "number": 1'),
        lambda text: text.replace('"number": 1', f'"number": {"9" * 4000}'),
        lambda text: text.replace('"number": 1', '"number": true'),
        lambda text: text.replace("09:30:00Z", "09:30:00.5Z"),
        lambda text: text.replace("09:30:00Z", "09:30:00+00:00"),
        lambda text: text.replace("09:30:00Z", "10:30:00+01:00"),
        lambda text: text.replace("09:30:00Z", "09:30:00"),
        lambda text: text.replace("2026-12-01T09:30:00Z", "0001-01-01T00:00:00+14:00"),
        lambda text: text.replace("2026-12-01T09:30:00Z", "9999-99-99T00:00:00Z"),
        lambda text: text.replace('"affirmed"', '"perhaps"', 1),
        lambda text: text.replace('"affirmed"', "null", 1),
        lambda text: text.replace("https://news.test/sun", "javascript:alert(1)"),
        lambda text: text.replace("https://news.test/sun", "https://news.test/ sun"),
        lambda text: text.replace("The sun", "The\\u0000sun"),
        lambda text: text.replace("The sun", "The \u202esun"),
        lambda text: text.replace("The sun", "\\u0054he sun"),
        lambda text: text.replace("The sun", "The sun" * 100),
        lambda text: text.replace('"fact"', '"note": "",\n  "fact"'),
        lambda text: text.replace('"title": "Clearpost warrant canary",\n', ""),
        lambda text: text.replace("Clearpost warrant canary", "Some canary"),
        lambda text: "",
        lambda text: "null",
        lambda text: "[" * 10_000,
        lambda text: " " * 20_000,
    ],
)
def test_anything_else_is_refused(change: Callable[[str], str]) -> None:
    assert change(TEXT) != TEXT
    assert isinstance(documents.read(change(TEXT)), str)


def test_letters_of_all_the_world_are_kept_as_they_are() -> None:
    text = TEXT.replace("Bern", "Zürich 東京 😀")
    found = documents.read(text)
    assert isinstance(found, Document)
    assert documents.write(found) == text
