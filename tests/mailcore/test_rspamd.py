"""What a spam filter is shown of a message, and what becomes of its answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr

from clearpost.ports import free_port
from mailcore.rspamd import Shown, SpamFilter
from mailcore.settings import Settings
from mailcore.spool_seal import Buffer
from tests.support.ground import SteppedClock
from tests.support.spam_filter import SmallFilter, small_filter

PIECES = (b"Subject: hello\r\n", b"\r\nthe secret words\r\n")
ID = UUID("01900000-0000-7000-8000-000000000001")


@pytest.fixture
async def rspamd() -> AsyncIterator[SmallFilter]:
    async with small_filter() as running:
        yield running


@pytest.fixture
async def spam_filter(rspamd: SmallFilter) -> AsyncIterator[SpamFilter]:
    opened = filter_at(rspamd.url)
    yield opened
    await opened.close()


def filter_at(url: str, clock: SteppedClock | None = None, **changes: object) -> SpamFilter:
    settings = Settings(rspamd_url=url, **{"rspamd_timeout": timedelta(seconds=5), **changes})  # type: ignore[arg-type]
    return SpamFilter(settings, clock or SteppedClock())


def message(reverse_path: str = "ada@a.test", pieces: tuple[bytes, ...] = PIECES) -> Shown:
    async def given() -> AsyncIterator[Buffer]:
        for piece in pieces:
            yield piece

    size = sum(map(len, pieces))
    return Shown(ID, "192.0.2.1", "client.test", "helo.test", reverse_path, size, given)


async def test_the_score_is_all_that_counts(rspamd: SmallFilter, spam_filter: SpamFilter) -> None:
    rspamd.answer = '{"score": 7.5, "action": "soft reject", "messages": {"smtp_message": "Try again"}}'
    assert await spam_filter.score(message()) == 7.5


async def test_it_is_shown_the_message_and_who_brought_it_and_not_for_whom(
    rspamd: SmallFilter, spam_filter: SpamFilter
) -> None:
    await spam_filter.score(message())
    (asked,) = rspamd.asked
    assert asked.content == b"".join(PIECES)
    ours = {
        name: value
        for name, value in asked.headers.items()
        if name not in ("host", "accept", "accept-encoding", "connection", "user-agent")
    }
    assert ours == {
        "content-length": str(len(asked.content)),
        "queue-id": str(ID),
        "ip": "192.0.2.1",
        "hostname": "client.test",
        "helo": "helo.test",
        "from": "<ada@a.test>",
        "log": "no",
    }


async def test_a_bounce_has_no_sender_and_a_sender_may_be_beyond_ascii(
    rspamd: SmallFilter, spam_filter: SpamFilter
) -> None:
    await spam_filter.score(message(""))
    await spam_filter.score(message("jürgen@a.test"))
    senders = [asked.headers["from"].encode("latin-1").decode() for asked in rspamd.asked]
    assert senders == ["<>", "<jürgen@a.test>"]


async def test_its_password_goes_along_where_it_has_one(rspamd: SmallFilter) -> None:
    spam_filter = filter_at(f"{rspamd.url}/", rspamd_password=SecretStr("open"))
    assert await spam_filter.score(message()) == 0.1
    assert rspamd.asked[0].headers["password"] == "open"
    await spam_filter.close()


async def test_a_large_message_is_not_shown(rspamd: SmallFilter) -> None:
    spam_filter = filter_at(rspamd.url, rspamd_most_bytes=30)
    assert await spam_filter.score(message()) is None
    assert not rspamd.asked
    await spam_filter.close()


@pytest.mark.parametrize(
    "answer", ["", "no json", "[]", "{}", '{"score": "much"}', '{"score": null}', '{"score": NaN}']
)
async def test_an_answer_that_is_no_score_is_none(
    rspamd: SmallFilter, spam_filter: SpamFilter, answer: str
) -> None:
    rspamd.answer = answer
    assert await spam_filter.score(message()) is None


async def test_an_answer_is_read_to_one_mebibyte(rspamd: SmallFilter, spam_filter: SpamFilter) -> None:
    score = '{"score": 7.5}'
    rspamd.answer = score.rjust(1 << 20)
    assert await spam_filter.score(message()) == 7.5
    rspamd.answer = score.rjust((1 << 20) + 1)
    assert await spam_filter.score(message()) is None


async def test_an_answer_without_end_is_left(rspamd: SmallFilter, spam_filter: SpamFilter) -> None:
    rspamd.is_endless = True
    async with asyncio.timeout(4):  # less than it is waited for
        assert await spam_filter.score(message()) is None
        await rspamd.left.wait()


@pytest.mark.parametrize(("given", "taken"), [("-1e308", -1000), ("1e308", 1000), ("-999.5", -999.5)])
async def test_a_score_goes_no_further_than_a_thousand(
    rspamd: SmallFilter, spam_filter: SpamFilter, given: str, taken: float
) -> None:
    rspamd.answer = f'{{"score": {given}}}'
    assert await spam_filter.score(message()) == taken


async def test_an_error_is_no_score(rspamd: SmallFilter, spam_filter: SpamFilter) -> None:
    rspamd.status = 500
    assert await spam_filter.score(message()) is None


async def test_one_that_is_away_costs_no_time() -> None:
    spam_filter = filter_at(f"http://127.0.0.1:{free_port()}")
    async with asyncio.timeout(2):
        assert await spam_filter.score(message()) is None
    await spam_filter.close()


async def test_one_that_is_silent_is_waited_for_as_long_as_set_then_left_alone(rspamd: SmallFilter) -> None:
    clock = SteppedClock()
    spam_filter = filter_at(rspamd.url, clock, rspamd_timeout=timedelta(seconds=0.05))
    rspamd.go_on.clear()
    for n in range(5):
        assert await spam_filter.score(replace(message(), client_ip=f"192.0.2.{n}")) is None
    assert len(rspamd.asked) == 3, "mail does not wait for it each time"
    rspamd.go_on.set()
    clock.step(11)
    assert await spam_filter.score(message()) == 0.1
    await spam_filter.close()


async def test_messages_of_one_client_that_take_too_long_do_not_switch_it_off(rspamd: SmallFilter) -> None:
    spam_filter = filter_at(rspamd.url, rspamd_timeout=timedelta(seconds=0.05))
    rspamd.go_on.clear()
    for n in range(5):
        await spam_filter.score(replace(message(), client_ip=f"2001:db8::{n}"))
    assert len(rspamd.asked) == 5
    await spam_filter.close()


async def test_messages_that_it_refuses_do_not_switch_it_off(
    rspamd: SmallFilter, spam_filter: SpamFilter
) -> None:
    rspamd.status = 500
    for n in range(5):
        await spam_filter.score(replace(message(), client_ip=f"192.0.2.{n}"))
    assert len(rspamd.asked) == 5


async def test_after_the_rest_one_message_probes_and_the_others_do_not_wait(rspamd: SmallFilter) -> None:
    clock = SteppedClock()
    spam_filter = filter_at(rspamd.url, clock, rspamd_timeout=timedelta(seconds=0.05))
    rspamd.go_on.clear()
    for n in range(3):
        await spam_filter.score(replace(message(), client_ip=f"192.0.2.{n}"))
    clock.step(11)
    await asyncio.gather(*(spam_filter.score(message()) for _ in range(5)))
    assert len(rspamd.asked) == 4
    await spam_filter.close()


async def test_content_that_went_away_meanwhile_is_no_score(
    rspamd: SmallFilter, spam_filter: SpamFilter
) -> None:
    shown = replace(message(), size=1000)
    assert await spam_filter.score(shown) is None
    assert not rspamd.asked
