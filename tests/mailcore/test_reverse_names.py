"""Reverse names: bounded in number, asked once for a client, and not for clients that have left."""

import asyncio
from typing import Any

import pytest

from mailcore.clock import Clock
from mailcore.reverse_names import ReverseNames
from mailcore.smtp_dialogue import Peer


class SlowResolver:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.asked: list[str] = []

    async def ptr(self, ip: str) -> str | None:
        self.asked.append(ip)
        await self.answer.wait()
        return None if ip.endswith(".0") else f"name-of-{ip}"


class SteppedClock(Clock):
    """A monotonic clock that moves by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
async def resolver() -> Any:
    return SlowResolver()


async def test_above_so_many_questions_a_client_has_no_name(resolver: Any) -> None:
    names = ReverseNames(resolver, Clock(), most=2)
    asked = [names.ask(f"192.0.2.{number}") for number in range(1, 4)]
    assert await asked[2] is None
    resolver.answer.set()
    assert await asyncio.gather(*asked[:2]) == ["name-of-192.0.2.1", "name-of-192.0.2.2"]
    assert await names.ask("192.0.2.9") == "name-of-192.0.2.9"


async def test_a_client_that_leaves_before_data_frees_its_question(resolver: Any) -> None:
    names = ReverseNames(resolver, Clock(), most=1)
    peer = Peer("192.0.2.1", "127.0.0.1", names.ask("192.0.2.1"))
    question = asyncio.all_tasks() - {asyncio.current_task()}
    peer.has_left()
    assert await peer.reverse_name() == ""
    await asyncio.wait(question)
    await asyncio.sleep(0)
    resolver.answer.set()
    assert await names.ask("192.0.2.2") == "name-of-192.0.2.2"


async def test_the_name_of_a_client_that_brought_mail_is_waited_for_after_it_left(resolver: Any) -> None:
    names = ReverseNames(resolver, Clock())
    peer = Peer("192.0.2.1", "127.0.0.1", names.ask("192.0.2.1"), name_is_wanted=True)
    peer.has_left()
    resolver.answer.set()
    assert await peer.reverse_name() == "name-of-192.0.2.1"


async def test_connections_of_one_client_share_a_question_and_leave_it_to_each_other(resolver: Any) -> None:
    names = ReverseNames(resolver, Clock(), most=1)
    one, other = (Peer("192.0.2.1", "127.0.0.1", names.ask("192.0.2.1")) for _ in range(2))
    await asyncio.sleep(0)
    one.has_left()
    await asyncio.sleep(0)
    resolver.answer.set()
    assert await other.reverse_name() == "name-of-192.0.2.1"
    assert resolver.asked == ["192.0.2.1"]


async def test_who_comes_while_a_question_is_given_up_has_no_name(resolver: Any) -> None:
    names = ReverseNames(resolver, Clock())
    peer = Peer("192.0.2.1", "127.0.0.1", names.ask("192.0.2.1"))
    await asyncio.sleep(0)
    peer.has_left()
    await asyncio.sleep(0)
    assert await names.ask("192.0.2.1") is None


@pytest.mark.parametrize(
    ("ip", "name", "kept"), [("192.0.2.1", "name-of-192.0.2.1", 300), ("192.0.2.0", None, 60)]
)
async def test_a_name_is_kept_for_minutes_and_that_there_is_none_for_one(
    resolver: Any, ip: str, name: str | None, kept: int
) -> None:
    clock = SteppedClock()
    names = ReverseNames(resolver, clock)
    resolver.answer.set()
    assert await names.ask(ip) == name
    clock.seconds = kept - 1
    assert names.ask(ip).result() == name
    clock.seconds = kept
    assert await names.ask(ip) == name
    assert resolver.asked == [ip, ip]


async def test_so_many_names_are_kept_and_no_more(resolver: Any) -> None:
    names = ReverseNames(resolver, Clock(), most_kept=2)
    resolver.answer.set()
    for number in (1, 2, 3, 1):
        await names.ask(f"192.0.2.{number}")
    assert resolver.asked == [f"192.0.2.{number}" for number in (1, 2, 3, 1)]
