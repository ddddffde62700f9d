"""Links in letters of ours are found in the demo inbox, and those of others are not printed."""

import asyncio
from datetime import UTC, datetime

import httpx

from clearpost.standins.inbox import Arrived, Inbox
from clearpost.standins.inbox_links import links_of
from clearpost.standins.inbox_page import create_app
from mailcore.clock import Clock

HEAD = b"From: Clearpost <clearpost@clearpost.test>\r\nSubject: Sign in\r\n"
LINK = "http://localhost:8025/auth/link/" + "t" * 80


def arrived(content: bytes) -> Arrived:
    return Arrived(7, datetime(2026, 1, 1, tzinfo=UTC), "", ("you@inbox.test",), content)


def test_a_link_on_a_line_of_its_own_is_found() -> None:
    (link,) = links_of(arrived(HEAD + b"\r\nOpen this:\r\n\r\n    " + LINK.encode() + b"\r\n\r\nBye\r\n"))
    assert (link.number, link.kind, link.to, link.url) == (7, "sign-in", "you@inbox.test", LINK)


def test_an_encoded_letter_is_read_as_well() -> None:
    head = HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n"
    wrapped = LINK.encode()[:70] + b"=\r\n" + LINK.encode()[70:]
    (link,) = links_of(arrived(head + b"\r\nGr=C3=BC=C3=9Fe\r\n" + wrapped + b"\r\n"))
    assert link.url == LINK


def test_other_mail_has_none() -> None:
    assert links_of(arrived(HEAD + b"\r\nsee " + LINK.encode() + b" there\r\n")) == []
    assert links_of(arrived(HEAD + b"\r\nhttp://localhost:8025/docs\r\n")) == []
    assert links_of(arrived(HEAD + b"\r\n" + LINK.encode() + b"\r\n" + b"x" * 100_000)) == []


async def test_whoever_waits_for_links_hears_of_the_next_mail() -> None:
    inbox = Inbox(Clock())
    transport = httpx.ASGITransport(app=create_app(inbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as web:
        waiting = asyncio.create_task(web.get("/links.json?after=0"))
        await inbox.take("", ("you@inbox.test",), HEAD + b"\r\n" + LINK.encode() + b"\r\n")
        answer = (await waiting).json()
    assert answer["last"] == 1
    assert [link["url"] for link in answer["links"]] == [LINK]
