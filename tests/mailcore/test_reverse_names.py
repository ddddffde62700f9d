"""Reverse names: bounded in number, and not asked for clients that have left."""

import asyncio
from typing import Any

from mailcore.reverse_names import ReverseNames
from mailcore.smtp_dialogue import Peer


class SlowResolver:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()

    async def ptr(self, ip: str) -> str | None:
        await self.answer.wait()
        return f"name-of-{ip}"


async def test_above_so_many_questions_a_client_has_no_name() -> None:
    resolver: Any = SlowResolver()
    names = ReverseNames(resolver, most=2)
    asked = [names.ask(f"192.0.2.{number}") for number in range(3)]
    assert await asked[2] is None
    resolver.answer.set()
    assert await asyncio.gather(*asked[:2]) == ["name-of-192.0.2.0", "name-of-192.0.2.1"]
    assert await names.ask("192.0.2.9") == "name-of-192.0.2.9"


async def test_a_client_that_leaves_before_data_frees_its_question() -> None:
    resolver: Any = SlowResolver()
    names = ReverseNames(resolver, most=1)
    peer = Peer("192.0.2.1", "127.0.0.1", names.ask("192.0.2.1"))
    peer.has_left()
    await asyncio.wait({peer.name})
    assert await peer.reverse_name() == ""
    resolver.answer.set()
    assert await names.ask("192.0.2.2") == "name-of-192.0.2.2"


async def test_the_name_of_a_client_that_brought_mail_is_waited_for_after_it_left() -> None:
    resolver: Any = SlowResolver()
    peer = Peer("192.0.2.1", "127.0.0.1", ReverseNames(resolver).ask("192.0.2.1"), name_is_wanted=True)
    peer.has_left()
    resolver.answer.set()
    assert await peer.reverse_name() == "name-of-192.0.2.1"
