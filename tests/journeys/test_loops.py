"""Mail that goes round ends within two passes of each alias, and nobody else's mail ends with it."""

import re
import secrets
from collections import Counter
from typing import Any

import pytest

from mailcore import replies, rewriting
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.relay import Change, relaying
from tests.support.sender import PRIVATE, letter
from tests.support.stack import Stack, until

LOOP = replies.LOOP.line()
_MARK = re.compile(rb"Clearpost-Loop: [^\r]*\r\n")


async def point(stack: Stack, account: str, domain: str, to: str) -> None:
    """A tenant's hello@ that leads there."""
    owner = await stack.world.account(account)
    await stack.world.alias(await stack.world.domain(owner, domain), "hello", to)


def refolded(content: bytes) -> bytes:
    return _MARK.sub(lambda mark: mark[0].replace(b" ", b"\r\n\t"), content)


def lower_case(content: bytes) -> bytes:
    return _MARK.sub(lambda mark: mark[0].lower(), content)


def upper_case(content: bytes) -> bytes:
    return _MARK.sub(lambda mark: mark[0].upper(), content)


def unspaced(content: bytes) -> bytes:
    return _MARK.sub(lambda mark: mark[0].replace(b": ", b":"), content)


def sorted_below(content: bytes) -> bytes:
    header, _, body = content.partition(b"\r\n\r\n")
    marks = _MARK.findall(header + b"\r\n")
    return _MARK.sub(b"", header + b"\r\n") + b"".join(marks) + b"\r\n" + body


@pytest.mark.parametrize("change", [bytes, refolded, lower_case, upper_case, unspaced, sorted_below])
async def test_two_tenants_that_point_at_each_other_end_within_two_passes(
    opened: Opener, change: Change
) -> None:
    async with (
        Destination() as outside,
        Destination() as theirs,
        opened({"shop.test": outside, "two.test": outside, "sender.test": theirs}) as stack,
        relaying(stack.settings.mx_port, outside, change) as relay,
    ):
        await stack.alias("hello", "hello@two.test")
        await point(stack, "two", "two.test", "hello@shop.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")
        (told,) = await theirs.wait_for(1)
        await stack.idle()
    one, two = "hello@shop.test", "hello@two.test"
    assert [recipient for recipient, _ in relay.passed] == [two, one, two, one]
    assert [reply == LOOP for _, reply in relay.passed] == [False, False, False, True]
    assert b"Status: 5.4.6\r\n" in told.content
    assert len(theirs.messages) == 1


async def test_three_tenants_in_a_ring_end_within_two_passes(opened: Opener) -> None:
    names = ("shop.test", "two.test", "three.test")
    async with (
        Destination() as outside,
        Destination() as theirs,
        opened(dict.fromkeys(names, outside) | {"sender.test": theirs}) as stack,
        relaying(stack.settings.mx_port, outside) as relay,
    ):
        await stack.alias("hello", "hello@two.test")
        await point(stack, "two", "two.test", "hello@three.test")
        await point(stack, "three", "three.test", "hello@shop.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")

        async def refused() -> bool:
            return bool(relay.passed) and relay.passed[-1][1] == LOOP

        await until(refused)
        await stack.idle()
    assert len(relay.passed) == 6
    assert {relay.passed.count((f"hello@{name}", LOOP)) for name in names} == {0, 1}


async def test_an_alias_that_leads_to_itself_through_another_domain_ends(opened: Opener) -> None:
    async with (
        Destination() as outside,
        Destination() as theirs,
        opened({"shop.test": outside, "other.test": outside, "sender.test": theirs}) as stack,
        relaying(stack.settings.mx_port, outside) as relay,
    ):
        await stack.alias("hello", "hello@other.test")
        other = await stack.world.domain(stack.account, "other.test")
        await stack.world.alias(other, "*", "HELLO+round@shop.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")

        async def refused() -> bool:
            return bool(relay.passed) and relay.passed[-1][1] == LOOP

        await until(refused)
        await stack.idle()
    assert len(relay.passed) == 4


async def test_two_destinations_that_both_lead_back_do_not_multiply_without_end(opened: Opener) -> None:
    async with (
        Destination() as outside,
        Destination() as theirs,
        opened({"shop.test": outside, "sender.test": theirs}) as stack,
        relaying(stack.settings.mx_port, outside) as relay,
    ):
        await stack.alias("hello", "hello+a@shop.test", "hello+b@shop.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")

        async def all_refused() -> bool:
            return len(relay.passed) == 2 + 4

        await until(all_refused)
        await stack.idle()
    assert [reply == LOOP for _, reply in relay.passed].count(True) == 4


async def test_a_relay_that_strips_our_marks_is_stopped_by_the_number_of_hops(opened: Opener) -> None:
    async with (
        Destination() as outside,
        Destination() as theirs,
        opened({"shop.test": outside, "sender.test": theirs}) as stack,
        relaying(stack.settings.mx_port, outside, lambda content: _MARK.sub(b"", content)) as relay,
    ):
        await stack.alias("hello", "hello+again@shop.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")
        (told,) = await theirs.wait_for(1)
        await stack.idle()
    assert relay.passed[-1][1] == LOOP
    assert 20 <= len(relay.passed) <= 26  # two Received fields with each pass, fifty are the most
    assert b"Status: 5.4.6\r\n" in told.content


async def test_what_leads_straight_back_to_us_is_not_sent_at_all(opened: Opener) -> None:
    async with Destination() as theirs, opened({"sender.test": theirs}) as stack:
        routes = stack.settings.routes | {"two.test": f"127.0.0.1:{stack.settings.mx_port}"}
        await stack.alias("hello", "hello@two.test")
        await point(stack, "two", "two.test", "hello@shop.test")
        await stack.start("mx", "worker", routes=routes)
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "hard-bounced")
        (told,) = await theirs.wait_for(1)
        await stack.idle()
        assert await stack.world.value("select sum(created)::int from ledger where origin = 'smtp'") == 1
    assert b"Status: 5.4.6\r\n" in told.content


async def test_two_machines_of_ours_end_a_loop_by_its_marks(opened: Opener) -> None:
    async with opened({}) as stack:
        second: dict[str, Any] = {"mx_port": stack.settings.fast_mx_port, "hostname": "mx2.clearpost.test"}
        routes = {
            "shop.test": f"127.0.0.1:{stack.settings.mx_port}",
            "two.test": f"127.0.0.1:{stack.settings.fast_mx_port}",
        }
        await stack.alias("hello", "hello@two.test")
        await point(stack, "two", "two.test", "hello@shop.test")
        await stack.start("mx", routes=routes)
        await stack.start("mx", routes=routes, **second)
        await stack.accepted("hello@shop.test")
        await stack.idle()
        aliases = {message.id: message.alias for message in await stack.world.logged()}
        events = await stack.world.logged_events()
    passes = Counter(aliases[event.message_id] for event in events if event.type == "received")
    hello = {alias: count for alias, count in passes.items() if alias.startswith("hello@")}
    assert hello == {"hello@shop.test": 2, "hello@two.test": 2}
    assert LOOP in [event.response for event in events]


# --- marks that are not ours ---


async def test_no_forged_or_copied_mark_drops_anothers_mail(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        mine = await stack.alias("hello", "you@inbox.test")
        theirs = await stack.alias("theirs", "me@inbox.test")
        await stack.start("mx")
        await stack.accepted("theirs@shop.test")
        (forwarded,) = await inbox.wait_for(1)
        (copied,) = _MARK.findall(forwarded.content)  # what a destination of theirs can read
        key = stack.keyring().key("loop")
        assert copied == rewriting.loop_mark(key, theirs.id)
        guessed = rewriting.loop_mark(b"another key, of a forger's own...", mine.id)
        genuine = rewriting.loop_mark(key, mine.id)
        inside = letter(text=(genuine * 3).decode() + PRIVATE)
        for content in (
            copied * 5 + letter(),
            guessed * 5 + letter(),
            genuine.replace(genuine[-12:-2], b"0" * 10) * 2 + letter(),
            b"Clearpost-Loop: v1 " + b"0" * 20 + b" " + b"0" * 32 + b"\r\n" + letter(),
            guessed * 1900 + letter(),  # as many as a header section takes
            b"X-" + genuine + b"X-" + genuine + letter(),
            b"Subject: a\r\n " + genuine + b" " + genuine + letter(),
            inside,
            genuine + letter(),  # once is a forward that came back
        ):
            await stack.accepted("hello@shop.test", content)
        assert await stack.send("hello@shop.test", genuine * 2 + letter()) == LOOP
        await inbox.wait_for(10)
        await stack.idle()


async def test_one_recipient_in_a_loop_is_told_apart_by_its_own_transaction(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        mine = await stack.alias("hello", "you@inbox.test")
        await stack.alias("other", "you@inbox.test")
        await stack.start("mx")
        round_twice = rewriting.loop_mark(stack.keyring().key("loop"), mine.id) * 2 + letter()
        assert await stack.send("hello@shop.test", round_twice) == LOOP
        await stack.accepted("other@shop.test", round_twice)
        await inbox.wait_for(1)
        await stack.idle()


async def test_a_loop_ends_amid_a_rotation_of_its_key(opened: Opener) -> None:
    async with opened({}) as stack:
        mine = await stack.alias("hello", "you@inbox.test")
        old = rewriting.loop_mark(stack.keyring().key("loop"), mine.id)
        path = stack.settings.key_dir / "loop.key"
        path.write_text(secrets.token_hex(32) + "\n" + path.read_text())
        new = rewriting.loop_mark(stack.keyring().key("loop"), mine.id)
        assert new != old
        await stack.start("mx")
        assert await stack.send("hello@shop.test", old * 2 + letter()) == LOOP
        assert await stack.send("hello@shop.test", new * 2 + letter()) == LOOP
        assert await stack.send("hello@shop.test", new + old + letter()) == LOOP
