"""The receiver behind a real socket, database and spool: what is accepted, refused, logged, and kept."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from clearpost.standins.dns import Fault
from mailcore import replies, rewriting
from mailcore.envelope import Mailbox
from mailcore.keyring import Keyring
from mailcore.plans import Lane, Plan, limits_for
from mailcore.srs import Srs
from tests.support.destination import Act
from tests.support.mx import Mx, Surroundings, running_mx, surroundings
from tests.support.smtp_client import SmtpClient
from tests.support.tcp_proxy import PostgresProxy
from tests.support.world import AliasRow, World

SMALL = b"Subject: one\r\n\r\nbody\r\n"
QUEUED = "250 2.0.0 Queued as"
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
async def around(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Surroundings]:
    async with surroundings(database_url, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
async def hello(around: Surroundings) -> AliasRow:
    """hello@shop.test of a free account."""
    return await _alias(around.world, "free", "shop.test")


@pytest.fixture
async def mx(around: Surroundings, hello: AliasRow) -> AsyncIterator[Mx]:
    async with running_mx(around.settings) as running:
        yield running


async def _alias(world: World, account: str, domain: str, *destinations: str) -> AliasRow:
    owner = await world.account(account)
    return await world.alias(
        await world.domain(owner, domain), "hello", *(destinations or ("you@inbox.test",))
    )


async def send(mx: Mx, *recipients: str, content: bytes = SMALL) -> str:
    """One whole transaction; the last reply."""
    async with mx.client() as client:
        await client.hello()
        await client.envelope(*recipients)
        return await client.content(content)


# --- what is accepted ---


async def test_a_message_arrives_byte_for_byte_below_our_trace(mx: Mx, around: Surroundings) -> None:
    content = (
        b"Subject: =?utf-8?q?odd?=\r\nX-Odd:\t\x80\xff\r\n folded\r\n\r\n\x80\xfe tail  \r\n\r\n.dot\r\n\r\n"
    )
    async with mx.client() as client:
        await client.hello()
        await client.envelope("hello@shop.test")
        assert (await client.content(content.replace(b"\r\n.", b"\r\n.."))).startswith(QUEUED)
    (message,) = await around.destination.wait_for(1)
    assert message.content.endswith(content)
    ours = message.content.removesuffix(content)
    names = [line.partition(b":")[0] for line in ours.splitlines() if not line.startswith(b" ")]
    assert names == [
        b"ARC-Seal",
        b"ARC-Message-Signature",
        b"ARC-Authentication-Results",
        b"Clearpost-Loop",
        b"Authentication-Results",
        b"Received",
    ]


async def test_a_large_message_has_a_segment_of_its_own_and_arrives_byte_for_byte(
    around: Surroundings, hello: AliasRow
) -> None:
    let_go = asyncio.Event()
    around.destination.script["MAIL"] = [Act("250 2.1.0 Sender OK", until=let_go)]
    line = b"All work and no play makes Jack a dull boy.\r\n"
    content = b"Subject: long\r\n\r\n" + line * (3 * 1024 * 1024 // len(line)) + b"the end\r\n"
    async with running_mx(around.settings) as mx:
        assert (await send(mx, "hello@shop.test", content=content)).startswith(QUEUED)
        (segment,) = _segments(around)
        assert segment.stat().st_size > 3 * 1024 * 1024
        assert (await send(mx, "hello@shop.test")).startswith(QUEUED)
        assert len(_segments(around)) == 2
        let_go.set()
        messages = await around.destination.wait_for(2)
    assert max((m.content for m in messages), key=len).endswith(content)


def _segments(around: Surroundings) -> list[Path]:
    return sorted(around.settings.spool_dir.rglob("*.seg"))


async def test_a_large_message_without_its_dot_leaves_no_segment(
    around: Surroundings, hello: AliasRow
) -> None:
    async with running_mx(around.settings) as mx, mx.client() as client:
        await client.hello()
        await client.envelope("hello@shop.test")
        await client.say("DATA")
        await client.send(b"Subject: long\r\n\r\n" + b"half a message\r\n" * 100_000)
        await client.reset()
        assert await mx.stop()
        assert _segments(around) == []


async def test_the_same_recipient_twice_is_one_delivery(mx: Mx, around: Surroundings) -> None:
    assert (await send(mx, "hello@shop.test", "HELLO@shop.test", "hello@shop.test")).startswith(QUEUED)
    assert await around.world.value("select sum(created) from ledger") == 1


async def test_the_postmaster_of_a_hosted_domain_is_its_owner(mx: Mx, around: Surroundings) -> None:
    assert (await send(mx, "abuse@shop.test")).startswith(QUEUED)
    (message,) = await around.destination.wait_for(1)
    assert message.rcpt == ("RCPT TO:<free@owners.test>",)


async def test_our_own_postmaster_gets_mail_once(mx: Mx, around: Surroundings) -> None:
    assert (await send(mx, "postmaster@clearpost.test", "postmaster@clearpost.test")).startswith(QUEUED)
    (message,) = await around.destination.wait_for(1)
    assert message.rcpt == (f"RCPT TO:<{around.settings.postmaster}>",)
    assert await around.world.value("select sum(created) from ledger") == 1


# --- clients that leave, databases that are slow ---


async def test_a_client_that_leaves_while_the_database_is_slow_is_served_exactly_once(
    mx: Mx, around: Surroundings
) -> None:
    async with mx.client() as client, around.world.locked("message"):
        await client.hello()
        await client.envelope("hello@shop.test")
        await client.say("DATA")
        await client.send(SMALL + b".\r\n")
        await around.world.writers_waiting()
        await client.reset()
    messages = await around.destination.wait_for(1)
    assert await mx.stop()
    assert len(messages) == 1
    assert await around.world.value("select sum(created) from ledger") == 1
    assert await around.world.value("select count(*) from log_event where type = 'received'") == 1


# --- the quota ---


async def test_the_quota_is_exact_for_messages_of_one_batch(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    quota = limits_for(Plan.FREE).daily_quota
    await around.world.used_today(hello.account, quota - 2)
    async with around.world.locked("usage_day"):
        sending = [asyncio.create_task(send(mx, "hello@shop.test"))]
        await around.world.writers_waiting()
        sending += [asyncio.create_task(send(mx, "hello@shop.test")) for _ in range(5)]
        await around.world.writers_waiting(2)  # as many batches as may run; the others wait behind them
    answers = await asyncio.gather(*sending)
    assert sum(answer.startswith(QUEUED) for answer in answers) == 2
    assert sorted(answers)[2:] == [replies.OVER_QUOTA.line()] * 4
    assert await mx.stop()
    usage = "select forwarded from usage_day where account_id = $1"
    assert await around.world.value(usage, hello.account.id) == quota
    assert await _refused(around.world, hello) == 4


async def test_a_quota_refusal_at_rcpt_counts_every_destination(mx: Mx, around: Surroundings) -> None:
    two = await _alias(around.world, "two", "two.test", "a@inbox.test", "b@inbox.test")
    await around.world.used_today(two.account, limits_for(Plan.FREE).daily_quota - 1)
    async with mx.client() as client:
        await client.hello()
        assert (await client.envelope("hello@two.test"))[1] == replies.OVER_QUOTA.line()


async def test_recipients_of_one_transaction_share_what_is_left_of_the_quota(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    await around.world.used_today(hello.account, limits_for(Plan.FREE).daily_quota - 1)
    async with mx.client() as client:
        await client.hello()
        said = await client.envelope("hello@shop.test", "hello+tag@shop.test")
    assert said[1:] == [replies.RECIPIENT_OK.line(), replies.OVER_QUOTA.line()]


async def _refused(world: World, alias: AliasRow) -> int:
    refused: int = await world.value("select refused from usage_day where account_id = $1", alias.account.id)
    return refused


# --- the fast mx ---


async def test_a_guest_of_the_fast_mx_gives_its_place_back_however_it_leaves(
    around: Surroundings, hello: AliasRow
) -> None:
    settings = around.changed(fast_mx_standard_cap=1).settings
    async with running_mx(settings, Lane.FAST) as mx, mx.client() as guest, mx.client() as next_guest:
        await guest.hello()
        await guest.envelope("hello@shop.test")
        await guest.say("DATA")
        await next_guest.hello()
        said = await next_guest.envelope("hello@shop.test")
        assert said[1] == replies.LANE_BUSY.line()
        await guest.reset()
        async with asyncio.timeout(5):
            while await next_guest.say("RCPT TO:<hello@shop.test>") != replies.RECIPIENT_OK.line():
                pass
        assert (await next_guest.content(SMALL)).startswith(QUEUED)
        assert (await send(mx, "hello@shop.test")).startswith(QUEUED)


async def test_guests_that_come_together_are_counted_at_data(around: Surroundings, hello: AliasRow) -> None:
    settings = around.changed(fast_mx_standard_cap=1).settings
    async with running_mx(settings, Lane.FAST) as mx, mx.client() as first, mx.client() as second:
        for client in (first, second):
            await client.hello()
            assert (await client.envelope("hello@shop.test"))[1] == replies.RECIPIENT_OK.line()
        assert await first.say("DATA") == replies.START_MAIL_INPUT.line()
        assert await second.say("DATA") == replies.LANE_BUSY.line()
        await first.send(SMALL + b".\r\n")
        assert (await first.reply()).startswith(QUEUED)


async def test_a_hundred_recipients_are_taken_and_no_more(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    await around.world.alias(await around.world.domain(hello.account, "all.test"), "*", "you@inbox.test")
    async with mx.client() as client:
        await client.hello()
        await client.say("MAIL FROM:<someone@sender.test>")
        await client.send(b"".join(b"RCPT TO:<%d@all.test>\r\n" % number for number in range(101)))
        said = [await client.reply() for _ in range(101)]
        assert said == [replies.RECIPIENT_OK.line()] * 100 + [replies.TOO_MANY_RECIPIENTS.line()]
        assert (await client.content(SMALL)).startswith(QUEUED)
    assert await around.world.value("select sum(created) from ledger") == 100


# --- return addresses ---

DSN = (GOLDEN / "returned" / "postfix" / "in.eml").read_bytes()


def return_address(around: Surroundings, alias: AliasRow, *, days_ago: int = 0, notify: bool = True) -> str:
    """As we would have written it that day into mail of someone@sender.test to this alias."""
    signer = Srs(around.settings.srs_domain, Keyring(around.settings.key_dir).keys("srs"))
    day = int(around.world.clock.now().timestamp()) // 86400 - days_ago
    reference = ("N" if notify else "Q") + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[alias.number]
    encoded = signer.encode(Mailbox("someone", "sender.test"), day, reference)
    assert encoded
    return encoded.address


async def test_a_notification_to_a_return_address_becomes_our_own_about_the_alias(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    assert (await send(mx, return_address(around, hello), content=DSN)).startswith(QUEUED)
    (message,) = await around.destination.wait_for(1)
    assert message.rcpt == ("RCPT TO:<someone@sender.test>",)
    assert message.mail.startswith("MAIL FROM:<>")
    assert b"rfc822; hello@shop.test" in message.content
    assert b"inbox.test" not in message.content


async def test_nobody_asks_spf_about_what_comes_to_a_return_address(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    assert (await send(mx, return_address(around, hello), content=DSN)).startswith(QUEUED)
    assert ("sender.test", "TXT") not in around.dns.questions
    assert (await send(mx, "hello@shop.test")).startswith(QUEUED)
    assert ("sender.test", "TXT") in around.dns.questions


async def test_a_notification_nobody_may_be_told_of_is_counted_for_the_owner(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    assert (await send(mx, return_address(around, hello, notify=False), content=DSN)).startswith(QUEUED)
    assert await around.world.value("select count from undelivered") == 1
    assert around.destination.messages == []


async def test_a_return_address_that_is_used_again_and_again_tells_its_sender_five_times_a_day(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    for _ in range(7):
        assert (await send(mx, return_address(around, hello), content=DSN)).startswith(QUEUED)
    await around.destination.wait_for(5)
    assert await around.world.value("select count from undelivered") == 2
    assert await around.world.value("select sum(created) from ledger where origin = 'dsn'") == 5


async def test_mail_that_is_no_notification_is_refused_at_a_return_address(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    assert await send(mx, return_address(around, hello)) == replies.NOT_A_NOTIFICATION.line()


async def test_a_return_address_is_good_for_ten_days(mx: Mx, around: Surroundings, hello: AliasRow) -> None:
    addresses = [return_address(around, hello, days_ago=age) for age in (10, 11)]
    async with mx.client() as client:
        await client.hello()
        assert (await client.envelope(addresses[0]))[1] == replies.RECIPIENT_OK.line()
        assert await client.say("RSET") == replies.OK.line()
        assert (await client.envelope(addresses[1]))[1] == replies.BAD_SRS.line()


async def test_a_return_address_with_one_letter_changed_is_forged(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    forged = return_address(around, hello).replace("someone", "somebody")
    async with mx.client() as client:
        await client.hello()
        assert (await client.envelope(forged))[1] == replies.BAD_SRS.line()


async def test_a_return_address_shares_its_transaction_with_nobody(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    returned = return_address(around, hello)
    async with mx.client() as client:
        await client.hello()
        said = await client.envelope(returned, "hello@shop.test", "postmaster@clearpost.test", returned)
        assert said[1:] == [replies.RECIPIENT_OK.line()] + [replies.OTHER_CLASS.line()] * 3
        await client.say("RSET")
        said = await client.envelope("postmaster@clearpost.test", returned)
        assert said[1:] == [replies.RECIPIENT_OK.line(), replies.OTHER_CLASS.line()]


# --- loops ---


async def test_our_own_mark_once_is_a_forward_and_twice_a_loop(
    mx: Mx, around: Surroundings, hello: AliasRow
) -> None:
    mark = rewriting.loop_mark(Keyring(around.settings.key_dir).key("loop"), hello.id)
    assert (await send(mx, "hello@shop.test", content=mark + SMALL)).startswith(QUEUED)
    assert await send(mx, "hello@shop.test", content=mark * 2 + SMALL) == replies.LOOP.line()


# --- refusals in the log ---


async def test_refusals_are_logged_up_to_a_number_an_hour_then_counted_in_one_row(
    around: Surroundings, hello: AliasRow
) -> None:
    async with running_mx(around.changed(refused_per_hour=3).settings) as mx:
        for _ in range(2):
            await _refuse_three(mx)
        assert await mx.stop()
    counted = "3 more refusals in this hour, counted together"
    refusal = ("refused", "5.1.1", replies.UNKNOWN_ALIAS.line())
    events = await around.world.events(hello.account)
    assert sorted(events) == sorted([refusal] * 3 + [("refused", "5.0.0", f"550 5.0.0 {counted}")])
    assert await _refused(around.world, hello) == 6


async def _refuse_three(mx: Mx) -> None:
    async with mx.client() as client:
        await client.hello()
        said = await client.envelope("nobody@shop.test", "nobody@shop.test", "nobody@shop.test")
        assert said[1:] == [replies.UNKNOWN_ALIAS.line()] * 3


async def test_a_refusal_names_client_sender_and_address(around: Surroundings, hello: AliasRow) -> None:
    around.dns.zone.put("1.0.0.127.in-addr.arpa", "PTR", "client.sender.test.")
    around.dns.zone.put("client.sender.test", "A", "127.0.0.1")
    async with running_mx(around.settings) as mx:
        await _refuse_three(mx)
        await mx.stop()
    row = (await around.world.logged())[0]
    assert (row.client_ip, row.client_name) == ("127.0.0.1", "client.sender.test")
    assert (row.subject, row.sender, row.alias) == ("", "someone@sender.test", "nobody@shop.test")


async def test_a_refusal_after_the_dot_names_subject_and_from(around: Surroundings, hello: AliasRow) -> None:
    async with running_mx(around.settings) as mx:
        content = b"From: Someone <a@sender.test>\r\nSubject: odd\r\n\r\n\0\r\n"
        assert await send(mx, "hello@shop.test", content=content) == replies.HAS_NUL.line()
        await mx.stop()
    (row,) = await around.world.logged()
    assert (row.subject, row.sender, row.alias) == ("odd", "Someone <a@sender.test>", "hello@shop.test")


async def test_a_slow_reverse_name_does_not_delay_a_refusal(around: Surroundings, hello: AliasRow) -> None:
    around.dns.zone.fail("1.0.0.127.in-addr.arpa", Fault.TIMEOUT)
    async with running_mx(around.settings) as mx:
        before = asyncio.get_running_loop().time()
        await _refuse_three(mx)
        assert asyncio.get_running_loop().time() - before < 1.5  # the name is given up after two seconds


# --- domains on their way in ---


async def test_a_fresh_claim_is_checked_soon(mx: Mx, around: Surroundings) -> None:
    owner = await around.world.account("new")
    fresh = await around.world.domain(owner, "fresh.test", verified=False, claimed=timedelta(hours=1))
    async with mx.client() as client:
        await client.hello()
        said = await client.envelope("hello@fresh.test")
        assert said[1] == replies.DOMAIN_NOT_YET_VERIFIED.line()
    wanted = "select count(*) from domain where id = $1 and next_check_at <= now()"
    assert await around.world.value(wanted, fresh.id) == 1


# --- a fault of ours is never permanent ---


async def test_without_a_database_the_answer_is_451_and_mail_flows_again_afterwards(
    around: Surroundings, hello: AliasRow, database_url: str
) -> None:
    async with PostgresProxy(database_url) as proxy:
        settings = around.changed(database_url=type(around.settings.database_url)(proxy.url)).settings
        async with running_mx(settings) as mx:
            async with mx.client() as client:
                await client.hello()
                await client.envelope("hello@shop.test")
                proxy.go_down()
                assert await client.content(SMALL) == replies.TRY_LATER.line()
                assert (await client.envelope("hello@shop.test"))[1] == replies.TRY_LATER.line()
            proxy.come_up()
            assert (await send(mx, "hello@shop.test")).startswith(QUEUED)
            assert await around.destination.wait_for(1)


async def test_a_spool_that_cannot_be_written_is_451_and_recovers_by_itself(
    around: Surroundings, hello: AliasRow
) -> None:
    spool = around.settings.spool_dir / "segments"
    away = spool.with_name("away")
    async with running_mx(around.settings) as mx, mx.client() as client:
        await client.hello()
        for content in (SMALL, b"Subject: long\r\n\r\n" + b"a line of text\r\n" * 40_000):
            await client.envelope("hello@shop.test")
            spool.rename(away)
            assert await client.content(content) == replies.TRY_LATER.line()
            away.rename(spool)
        await client.envelope("hello@shop.test")
        assert (await client.content(SMALL)).startswith(QUEUED)
        assert await around.destination.wait_for(1)


async def test_the_memory_of_data_is_given_back_after_every_end(
    around: Surroundings, hello: AliasRow
) -> None:
    settings = around.changed(data_memory=10_000, memory_message=1_000_000).settings
    heavy = b"Subject: heavy\r\n\r\n" + b"a line of text\r\n" * 400
    async with running_mx(settings) as mx:
        for _ in range(3):
            async with mx.client() as leaver:
                await _fill(leaver, heavy)
            async with mx.client() as refused:
                await refused.hello()
                await refused.envelope("hello@shop.test")
                assert await refused.content(heavy + b"\0\r\n") == replies.HAS_NUL.line()
        assert (await send(mx, "hello@shop.test", content=heavy)).startswith(QUEUED)


async def _fill(client: SmtpClient, content: bytes) -> None:
    await client.hello()
    await client.envelope("hello@shop.test")
    await client.say("DATA")
    await client.send(content)
    await client.reset()
