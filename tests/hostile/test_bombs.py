"""Hostile content, a hundred at once: each is taken or refused clearly, and the receiver stays small.

RSS below 512 MB, a well-behaved client's NOOP below a second, another tenant's mail delivered meanwhile.
"""

import asyncio
from collections import Counter

import pytest

from tests.hostile.conftest import HouseOpener, Note
from tests.support.hostile import MEGABYTE, address, open_from, watched
from tests.support.smtp_client import PATIENCE

BOMB_SECONDS = 60.0
HEAD = b"From: a@sender.test\r\nTo: b@shop.test\r\n"
LINES = HEAD + b"\r\n" + b"\r\n" * (13 * MEGABYTE)
TAKEN, TOO_LARGE, TOO_DEEP = "250 2.0.0", "552 5.3.4", "554 5.6.0"
MEMORY = "452 4.3.1"  # a fair answer to the hundredth of them


def nested(depth: int) -> bytes:
    parts = [f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(depth)]
    top = b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
    return HEAD + top + "".join(parts).encode() + b"x\r\n"


def encoded_subject(size: int) -> bytes:
    word = b"=?utf-8?q?=F0=9F=92=A3=C3=A9=C3=A9=C3=A9=C3=A9?="
    return HEAD + b"Subject: " + b"\r\n ".join([word] * (size // len(word))) + b"\r\n\r\nboo\r\n"


def base64_lines(size: int) -> bytes:
    part = b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    head = HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
    return head + part + b"A\r\n" * (size // 3) + b"--x--\r\n"


BOMBS: dict[str, tuple[bytes, set[str]]] = {
    "26 MB of empty lines": (LINES, {TOO_LARGE, MEMORY}),
    "13 MB of empty lines": (LINES[: 13 * MEGABYTE], {TAKEN, MEMORY}),
    "header of 300 kB": (HEAD + b"X-Long: y\r\n" * 30_000 + b"\r\nboo\r\n", {TOO_LARGE, MEMORY}),
    "header without an end": (HEAD + b"X-Long: y\r\n" * 200_000, {TOO_LARGE, MEMORY}),
    "28,000 fields": (HEAD + b"Subject\r\n" * 28_000 + b"\r\nboo\r\n", {TOO_LARGE, MEMORY}),
    "header just below": (HEAD + (b"X: " + b"y" * 120 + b"\r\n") * 1_990 + b"\r\nboo\r\n", {TAKEN, MEMORY}),
    "subject of 0.95 MB": (
        HEAD + b"Subject: " + b"x" * 60_000 + (b"\r\n " + b"y" * 60_000) * 15 + b"\r\n\r\nboo\r\n",
        {TOO_LARGE, MEMORY},
    ),
    "encoded subject of 0.95 MB": (encoded_subject(950_000), {TOO_LARGE, MEMORY}),
    "encoded subject of 240 kB": (encoded_subject(240_000), {TAKEN, MEMORY}),
    "1,000 nested parts": (nested(1000), {TOO_DEEP, MEMORY}),
    "13 MB of base64 in lines of one letter": (base64_lines(13 * MEGABYTE), {TAKEN, MEMORY}),
}


async def throw(ip: str, port: int, content: bytes, recipient: str = "hello@shop.test") -> str:
    """One message from this address: the first nine characters of the last reply."""
    client = await open_from(ip, port)
    try:
        await client.hello()
        await client.envelope(recipient)
        assert (await client.say("DATA")).startswith("354")
        client.writer.write(content + b".\r\n")
        async with asyncio.timeout(BOMB_SECONDS):
            await client.writer.drain()
            return (await client.reader.readline()).decode()[:9]
    finally:
        await client.close()


async def test_each_bomb_has_its_clear_answer(house: HouseOpener, note: Note) -> None:
    """One after the other, so that memory is no excuse."""
    async with house() as h:
        for name, (content, answers) in BOMBS.items():
            with watched(h.mx, h.port) as figures:
                said = await throw("127.0.1.1", h.port, content)
            note(f"{name}: {said}; {figures}")
            assert said in answers - {MEMORY}, name
            assert figures.slowest_noop < 1, name


@pytest.mark.timeout(180)
async def test_a_hundred_bombs_at_once_harm_nobody_else(house: HouseOpener, note: Note) -> None:
    async with house() as h:
        bombs = [BOMBS[name] for name in BOMBS] * 10
        with watched(h.mx, h.port) as figures:
            throwing = [
                asyncio.create_task(throw(address(number // 20), h.port, content))
                for number, (content, _) in enumerate(bombs)
            ]
            for _ in range(5):
                assert (await h.friend_writes()).startswith("250")
            await h.friends_mail(5, PATIENCE)
            said = await asyncio.gather(*throwing)
        note(f"{Counter(said)}; {figures}")
        assert all(reply in answers for reply, (_, answers) in zip(said, bombs, strict=True))
        assert figures.slowest_noop < 1
        assert figures.most_megabytes < 512
        assert (await h.friend_writes()).startswith("250")
        await h.friends_mail(6)
