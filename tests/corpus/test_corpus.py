"""The test mail of dkimpy and pyspf: odd, signed, broken and 8-bit, none of it made by us."""

import re

from mailcore import replies
from tests.corpus.through import fetched, is_ours_and, on_the_wire, refused_of
from tests.journeys.conftest import Opener

_NO_MESSAGE = {".key", ".private", ".dns", ".txt"}  # keys and DNS records
_FIELD = re.compile(rb"(?im)^[ \t]*(from|subject|received|date|message-id)[ \t]*:[ \t]*\S+.*@")


async def test_mail_of_dkimpy_arrives_byte_for_byte(opened: Opener) -> None:
    messages = mail_of_dkimpy()
    assert len(messages) == 13
    assert any(not content.isascii() for content in messages.values())
    assert await refused_of(opened, messages) == {}


def test_the_data_of_pyspf_hold_no_message() -> None:
    """Scenarios for SPF: addresses, records, results. If a release brings mail, it joins the test above."""
    files = sorted((fetched("pyspf") / "test").iterdir())
    assert [file.name for file in files if file.suffix == ".yml"] == [
        "doctest.yml",
        "rfc4408-tests.yml",
        "rfc7208-tests.yml",
        "test.yml",
    ]
    assert [file.name for file in files if _FIELD.search(file.read_bytes())] == []


async def test_a_message_that_is_refused_is_named_with_the_reply(opened: Opener) -> None:
    messages = {"fine": b"Subject: a\r\n\r\nb\r\n", "old mac": b"Subject: a\r\rb\r\n"}
    refused = await refused_of(opened, messages)
    assert refused == {"old mac": replies.BARE_LINE_BREAK.line()}


def test_what_counts_as_byte_for_byte() -> None:
    seal = b"ARC-Seal: a\r\n b\r\nARC-Message-Signature: a\r\nARC-Authentication-Results: i=1; x\r\n"
    results = b"Authentication-Results: x;\r\n spf=none\r\n"
    ours = b"Clearpost-Loop: v1 a b\r\n" + results + b"Received: from x\r\n by y; now\r\n"
    assert is_ours_and(b"Subject: a\r\n\r\n", seal + ours + b"Subject: a\r\n\r\n")
    assert not is_ours_and(b"Subject: a\r\n\r\n", seal + seal + ours + b"Subject: a\r\n\r\n")
    assert is_ours_and(b"Subject: a\r\n\r\n", ours + b"Subject: a\r\n\r\n")
    assert not is_ours_and(b"Subject: a\r\n\r\n", b"Subject: a\r\n\r\n")
    assert not is_ours_and(b"Subject: a\r\n\r\n", ours + b"Added: b\r\nSubject: a\r\n\r\n")
    assert not is_ours_and(b"Subject: a\r\n\r\n", ours + b"Subject: a\r\n\r\n\r\n")


def mail_of_dkimpy() -> dict[str, bytes]:
    files = sorted((fetched("dkimpy") / "dkim" / "tests" / "data").iterdir())
    return {file.name: on_the_wire(file) for file in files if file.suffix not in _NO_MESSAGE}
