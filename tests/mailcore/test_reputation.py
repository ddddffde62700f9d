"""What is found out about a client while it talks; and that nobody who is asked can hold up its mail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from clearpost.ports import free_port
from clearpost.standins.dns import DnsStandin, Fault
from mailcore import replies
from mailcore.envelope import Mailbox, MailParameters, ReversePath
from mailcore.keyring import Keyring
from mailcore.rates import Rates
from mailcore.replies import Reply
from mailcore.reputation import Reputation
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.smtp_dialogue import MailTransaction, Peer
from tests.support.ground import SteppedClock
from tests.support.silence import silent_redis

HELLO, ABUSE = Mailbox("hello", "shop.test"), Mailbox("Abuse", "shop.test")
SPAMMER, HONEST = "192.0.2.66", "192.0.2.1"
LISTED, LISTED_FOR_LONG = replies.listed("bl.test"), replies.listed_for_long("bl.test")
Make = Callable[..., Reputation]


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as standin:
        standin.zone.put("66.2.0.192.bl.test", "A", "127.0.0.2")
        yield standin


@pytest.fixture
async def make(dns: DnsStandin, redis_url: str, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes one with other settings, on the same Redis unless another is named."""
    made: list[tuple[Reputation, Resolver]] = []

    def reputation(
        *, redis_at: str = redis_url, clock: SteppedClock | None = None, **changes: Any
    ) -> Reputation:
        settings = Settings(dns_servers=(dns.address,), **changes)
        clock = clock or SteppedClock()
        resolver = Resolver(settings=settings, clock=clock)
        rates = Rates.open(redis_at, Keyring(tmp_path / "keys"))
        made.append((Reputation(settings=settings, clock=clock, resolver=resolver, rates=rates), resolver))
        return made[-1][0]

    yield reputation
    for each, resolver in made:
        await each.close()
        await resolver.close()


async def no_name() -> str | None:
    return None


def begin(reputation: Reputation, ip: str = HONEST, sender: str = "ada@a.test") -> MailTransaction:
    peer = Peer(ip, "127.0.0.1", asyncio.create_task(no_name()), helo="helo.test")
    local_part, _, domain = sender.partition("@")
    path = ReversePath(Mailbox(local_part, domain) if sender else None)
    transaction = MailTransaction(path, MailParameters(), 0.0)
    reputation.begin(peer, transaction)
    return transaction


async def refusal(reputation: Reputation, ip: str = HONEST, sender: str = "ada@a.test") -> Reply | None:
    return await reputation.at_rcpt(begin(reputation, ip, sender), HELLO)


# --- rates ---


async def test_one_ip_may_send_so_many_a_minute_whoever_it_sends_for(make: Make) -> None:
    reputation = make(client_rate=2, sender_rate=0)
    said = [await refusal(reputation, HONEST, f"{n}@a.test") for n in range(3)]
    assert said == [None, None, replies.CLIENT_TOO_OFTEN]
    assert await refusal(reputation, SPAMMER) is None


async def test_addresses_of_one_ipv6_network_are_one_client(make: Make) -> None:
    reputation = make(client_rate=1, sender_rate=0)
    assert await refusal(reputation, "2001:db8::1") is None
    assert await refusal(reputation, "2001:db8::2") is replies.CLIENT_TOO_OFTEN
    assert await refusal(reputation, "2001:db8:0:1::1") is None


async def test_one_sender_may_write_so_often_wherever_it_comes_from(make: Make) -> None:
    reputation = make(client_rate=0, sender_rate=1)
    assert await refusal(reputation, HONEST) is None
    assert await refusal(reputation, SPAMMER) is replies.SENDER_TOO_OFTEN


async def test_bounces_count_for_their_client_alone(make: Make) -> None:
    reputation = make(client_rate=2, sender_rate=1)
    assert [await refusal(reputation, HONEST, "") for _ in range(3)] == [None, None, replies.CLIENT_TOO_OFTEN]


async def test_what_a_client_is_refused_for_does_not_count_for_its_sender(make: Make) -> None:
    reputation = make(client_rate=1, sender_rate=2)
    for _ in range(5):
        await refusal(reputation, SPAMMER)
    assert await refusal(reputation, HONEST) is None


async def test_our_own_addresses_count_too(make: Make) -> None:
    reputation = make(client_rate=1, sender_rate=0)
    await refusal(reputation)
    assert await reputation.at_own_address(begin(reputation)) is replies.CLIENT_TOO_OFTEN


async def test_who_is_exempt_is_neither_counted_nor_looked_for(make: Make, dns: DnsStandin) -> None:
    reputation = make(client_rate=1, sender_rate=1, blocklists="bl.test", rates_exempt="192.0.2.0/24")
    assert [await refusal(reputation, SPAMMER) for _ in range(3)] == [None] * 3
    assert not dns.questions


async def test_a_balancer_that_names_no_client_is_not_exempt(make: Make) -> None:
    settings = {"proxy_protocol": "127.0.0.0/8", "rates_exempt": "127.0.0.0/8"}
    reputation = make(client_rate=1, sender_rate=0, **settings)
    said = [await refusal(reputation, "127.0.0.1") for _ in range(2)]
    assert said == [None, replies.CLIENT_TOO_OFTEN]


async def test_at_the_end_what_is_asked_has_ended_before_redis_is_closed(make: Make) -> None:
    reputation = make(client_rate=1)
    asking = begin(reputation).standing
    assert asking
    await reputation.close()
    assert asking.done()
    assert asking.result().too_often is None


async def test_redis_learns_no_ip_and_no_address_and_forgets_by_itself(make: Make, redis_url: str) -> None:
    await refusal(make(blocklists="bl.test", blocklist_patience=timedelta(hours=4)), SPAMMER)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        keys = client.keys("*")
        assert len(keys) == 3, "the client, the sender, and since when it is listed"
        assert not [key for key in keys if "192.0" in key or "a.test" in key or "@" in key]
        assert all(0 < client.pttl(key) <= 28 * 3600 * 1000 for key in keys)


async def test_without_redis_nobody_is_refused(make: Make) -> None:
    reputation = make(redis_at=f"redis://127.0.0.1:{free_port()}/0", client_rate=1)
    assert [await refusal(reputation) for _ in range(3)] == [None] * 3


async def test_a_redis_that_hangs_is_waited_for_a_moment_and_then_left_alone(make: Make) -> None:
    async with silent_redis() as url:
        reputation = make(redis_at=url, client_rate=1)
        async with asyncio.timeout(3):
            assert [await refusal(reputation) for _ in range(100)] == [None] * 100


async def test_those_who_come_in_one_moment_share_a_question(make: Make, redis_url: str) -> None:
    reputation = make(client_rate=3, sender_rate=0)
    await refusal(reputation, SPAMMER)
    with redis.Redis.from_url(redis_url) as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        said = await asyncio.gather(*(refusal(reputation) for _ in range(5)))
        assert said == [None] * 3 + [replies.CLIENT_TOO_OFTEN] * 2
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1


async def test_many_at_once_open_few_connections_to_redis(make: Make, redis_url: str) -> None:
    reputation = make(client_rate=1000, sender_rate=0)
    said = await asyncio.gather(*(refusal(reputation) for _ in range(500)))
    assert said == [None] * 500
    with redis.Redis.from_url(redis_url) as client:
        assert len(client.client_list()) <= 20


# --- blocklists ---


async def test_a_listed_client_waits_first_and_is_refused_once_it_has_been_listed_for_long(
    make: Make,
) -> None:
    patient = make(blocklists="bl.test", blocklist_patience=timedelta(hours=4))
    assert await refusal(patient, SPAMMER) == LISTED
    assert await refusal(patient, HONEST) is None
    impatient = make(blocklists="bl.test", blocklist_patience=timedelta(milliseconds=5))
    async with asyncio.timeout(5):
        while await refusal(impatient, SPAMMER) != LISTED_FOR_LONG:
            pass


async def test_until_redis_says_since_when_a_listed_client_only_waits(make: Make) -> None:
    gone = f"redis://127.0.0.1:{free_port()}/0"
    reputation = make(redis_at=gone, blocklists="bl.test", blocklist_patience=timedelta(0))
    assert await refusal(reputation, SPAMMER) == LISTED


async def test_a_listed_client_may_write_to_postmaster_and_abuse(make: Make) -> None:
    reputation = make(blocklists="bl.test")
    transaction = begin(reputation, SPAMMER)
    assert await reputation.at_rcpt(transaction, ABUSE) is None
    assert await reputation.at_rcpt(transaction, HELLO) == LISTED
    assert await reputation.at_own_address(transaction) is None


async def test_that_a_client_is_listed_is_a_signal_for_others(make: Make) -> None:
    reputation = make(blocklists="bl.test")
    assert await reputation.is_listed(begin(reputation, SPAMMER))
    assert not await reputation.is_listed(begin(reputation, HONEST))


async def test_a_list_that_does_not_answer_refuses_nobody(make: Make, dns: DnsStandin) -> None:
    dns.zone.fail("66.2.0.192.bl.test", Fault.TIMEOUT)
    reputation = make(blocklists="bl.test", verdict_timeout=timedelta(seconds=0.05))
    async with asyncio.timeout(2):
        assert await refusal(reputation, SPAMMER) is None


async def test_without_lists_nobody_is_asked(make: Make, dns: DnsStandin) -> None:
    assert await refusal(make(), SPAMMER) is None
    assert not dns.questions


async def test_the_answer_is_sought_while_the_client_goes_on_talking(make: Make, dns: DnsStandin) -> None:
    """MAIL is answered at once: nothing was awaited yet when the question is under way."""
    transaction = begin(make(blocklists="bl.test"), SPAMMER)
    assert transaction.standing
    await transaction.standing
    assert dns.questions == [("66.2.0.192.bl.test", "A")]
