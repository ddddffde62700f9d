"""The demo inbox takes what comes, shows it safely, and refuses by script."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiosmtplib
import httpx
import pytest

from clearpost.standins.inbox import KEPT_MESSAGES, Inbox, InboxServer, header_field
from clearpost.standins.inbox_page import create_app
from mailcore.clock import Clock

MESSAGE = (
    b"From: Ann <ann@there.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n <script>alert(1)</script>\r\n"
    b"\r\n<img src=https://there.test/pixel.png>\r\n"
)


@dataclass
class Stand:
    inbox: Inbox
    smtp: InboxServer
    web: httpx.AsyncClient


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    inbox = Inbox(Clock())
    smtp = InboxServer(inbox)
    await smtp.start()
    transport = httpx.ASGITransport(app=create_app(inbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as web:
        yield Stand(inbox, smtp, web)
    await smtp.stop()


async def send(stand: Stand, *recipients: str) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=stand.smtp.port) as client:
        await client.sendmail("ann@there.test", list(recipients), MESSAGE)


async def test_what_arrives_is_listed_newest_first(stand: Stand) -> None:
    await send(stand, "one@inbox.test")
    await send(stand, "two@inbox.test", "three@inbox.test")
    listed = (await stand.web.get("/messages.json")).json()
    assert [entry["recipients"] for entry in listed] == [
        ["two@inbox.test", "three@inbox.test"],
        ["one@inbox.test"],
    ]
    assert listed[0]["from"] == "Ann <ann@there.test>"
    assert listed[0]["subject"].startswith("Grüße")
    assert listed[0]["size"] == len(MESSAGE)


async def test_raw_bytes_are_served_as_they_came(stand: Stand) -> None:
    await send(stand, "one@inbox.test")
    answer = await stand.web.get("/messages/1.eml")
    assert answer.content == MESSAGE
    assert answer.headers["content-type"].startswith("text/plain")


async def test_mail_never_acts_as_html(stand: Stand) -> None:
    await send(stand, "one@inbox.test")
    for path in ("/", "/messages/1"):
        answer = await stand.web.get(path)
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_another_host_name_is_refused(stand: Stand) -> None:
    assert (await stand.web.get("/", headers={"host": "rebound.example"})).status_code == 400


async def test_an_unknown_message_is_404(stand: Stand) -> None:
    assert (await stand.web.get("/messages/7")).status_code == 404
    assert (await stand.web.get("/messages/7.eml")).status_code == 404


async def test_greylist_takes_the_second_try(stand: Stand) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
        await send(stand, "greylist@inbox.test")
    assert refused.value.recipients[0].code == 451
    await send(stand, "greylist@inbox.test")
    assert len(stand.inbox.messages()) == 1


async def test_bounce_is_refused_for_good(stand: Stand) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
        await send(stand, "bounce@inbox.test")
    assert refused.value.recipients[0].code == 550


async def test_only_the_last_messages_are_kept(stand: Stand) -> None:
    for number in range(KEPT_MESSAGES + 1):
        await stand.inbox.take("", ("a@inbox.test",), b"%d" % number)
    kept = stand.inbox.messages()
    assert len(kept) == KEPT_MESSAGES
    assert kept[0].number == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Subject: a\r\n b\r\n\tc\r\n\r\n", "a b\tc"),
        (b"X: 1\nsubject :  spaced \n\nSubject: body\n", "spaced"),
        (b"X: 1\r\n\r\nSubject: body", ""),
        (b"Subject: =?x-unknown?q?a?=\r\n\r\n", "=?x-unknown?q?a?="),
        (b"Subject: =?utf-8?b?////?=\r\n\r\n", "=?utf-8?b?////?="),
        (b"Subject: \xff\r\n", "\ufffd"),
        (b"Subject: " + b"=?utf-8?q?a?= " * 80_000, "a" * 71),
    ],
)
def test_header_fields_are_read_without_trust(content: bytes, expected: str) -> None:
    assert header_field(content, "Subject").startswith(expected)
