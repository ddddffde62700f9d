"""The MTA-STS policy in force: found, kept, renewed, and never lost because somebody is in the way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from clearpost.standins.dns import DnsStandin, Fault
from mailcore.database import Database
from mailcore.keyring import Keyring
from mailcore.mta_sts import Policy
from mailcore.mta_sts_fetch import PolicyFetcher
from mailcore.mta_sts_policies import READ_AGAIN, TRY_AGAIN, DomainPolicy, Policies
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from tests.support.authority import Authority
from tests.support.ground import SteppedClock
from tests.support.policy_host import PolicyHost, policy_text

DOMAIN = "a.test"
A_DAY = 86400


@dataclass
class Ground:
    """A domain with a policy host, and processes that look for its policy."""

    dns: DnsStandin
    host: PolicyHost
    authority: Authority
    database: Database
    folder: Path
    stack: AsyncExitStack
    clock: SteppedClock = field(default_factory=SteppedClock)

    def process(self, *, patience: float = 2.0, internal: str = "127.0.0.0/8") -> Policies:
        """As a process that has just started."""
        settings = Settings(
            dns_servers=(self.dns.address,),
            dns_timeout=timedelta(seconds=0.3),
            internal_networks=(ip_network(internal),),
            mta_sts_port=self.host.port,
            authorities=self.authority.pem(self.folder),
        )
        resolver = Resolver(settings=settings, clock=self.clock)
        policies = Policies(
            settings=settings,
            resolver=resolver,
            clock=self.clock,
            database=self.database,
            keyring=Keyring(self.folder / "keys"),
            patience=patience,
        )
        self.stack.push_async_callback(resolver.close)
        self.stack.push_async_callback(policies.close)
        return policies

    def publish(self, *hosts: str, policy_id: str = "1", mode: str = "enforce", max_age: int = A_DAY) -> None:
        text = policy_text(*hosts, mode=mode, max_age=max_age)
        self.host.publish(self.dns.zone, DOMAIN, text, policy_id)

    async def rows(self) -> list[tuple[str, ...]]:
        rows = await self.database.fetch("select name_hash, policy_id, mode, mx from mta_sts_policy")
        return [(row["name_hash"], row["policy_id"], row["mode"], *row["mx"]) for row in rows]


@pytest.fixture
async def ground(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    authority = Authority()
    async with AsyncExitStack() as stack:
        dns = await stack.enter_async_context(DnsStandin())
        context = authority.certificate(f"mta-sts.{DOMAIN}").context()
        host = await stack.enter_async_context(PolicyHost(context))
        database = await Database.open(database_url, size=2)
        stack.push_async_callback(database.close)
        yield Ground(dns, host, authority, database, tmp_path, stack)


async def enforced(policies: Policies) -> DomainPolicy:
    policy = await policies.of(DOMAIN)
    assert policy is not None
    return policy


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the server of the test sends no event
            await asyncio.sleep(0.01)


# Found


async def test_policy_is_fetched_from_its_host_by_name(ground: Ground) -> None:
    ground.publish("mx.a.test", "*.b.test")
    policy = await enforced(ground.process())
    assert not policy.is_testing
    assert [policy.allows(host) for host in ("mx.a.test", "mx.b.test", "mx.c.test")] == [True, True, False]
    assert ground.host.requests == [("GET /.well-known/mta-sts.txt HTTP/1.1", "mta-sts.a.test")]


async def test_domain_without_record_is_asked_nothing(ground: Ground) -> None:
    ground.publish("mx.a.test")
    ground.dns.zone.remove("_mta-sts.a.test")
    assert await ground.process().of(DOMAIN) is None
    assert ground.host.connections == 0


async def test_testing_mode_allows_every_host_and_tells_which_are_named(ground: Ground) -> None:
    ground.publish("mx.a.test", mode="testing")
    policy = await enforced(ground.process())
    assert (policy.is_testing, policy.allows("mx.b.test"), policy.names("mx.b.test")) == (True, True, False)


async def test_mode_none_asks_for_nothing_and_ends_what_was_asked(ground: Ground) -> None:
    policies = ground.process()
    ground.publish("mx.a.test")
    await enforced(policies)
    ground.publish(mode="none", policy_id="2")
    ground.clock.step(60)
    assert await policies.of(DOMAIN) is None
    assert [row[2] for row in await ground.rows()] == ["none"]


async def test_many_messages_share_one_fetch(ground: Ground) -> None:
    ground.publish("mx.a.test")
    policies = ground.process()
    found = await asyncio.gather(*(policies.of(DOMAIN) for _ in range(20)))
    assert all(found)
    assert len(ground.host.requests) == 1


# What is no policy: mail goes on as if there were none (RFC 8461 section 3.3)


async def unbelieved(ground: Ground, internal: str = "127.0.0.0/8") -> None:
    assert await ground.process(internal=internal).of(DOMAIN) is None
    assert await ground.rows() == []


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("status", 404),
        ("status", 204),
        ("media_type", "text/html"),
        ("body", "nothing of use"),
        ("body", b"\xff\xfe"),
        ("body", policy_text("mx.a.test") + "pad: " + "x" * 70_000),
    ],
)
async def test_answer_that_is_no_policy_is_not_believed(
    ground: Ground, attribute: str, value: object
) -> None:
    ground.publish("mx.a.test")
    setattr(ground.host, attribute, value)
    await unbelieved(ground)


async def test_media_type_may_name_a_charset(ground: Ground) -> None:
    ground.publish("mx.a.test")
    ground.host.media_type = "Text/Plain; charset=utf-8"
    await enforced(ground.process())


async def test_redirect_is_not_followed(ground: Ground) -> None:
    ground.publish("mx.a.test")
    ground.host.status = 302
    ground.host.headers = f"location: https://mta-sts.a.test:{ground.host.port}/elsewhere\r\n"
    await unbelieved(ground)
    assert len(ground.host.requests) == 1


@pytest.mark.parametrize("wrong", ["name", "expired", "unknown"])
async def test_host_that_does_not_prove_its_name_is_not_believed(ground: Ground, wrong: str) -> None:
    ground.publish("mx.a.test")
    certificate = {
        "name": ground.authority.certificate("a.test", "mta-sts.b.test"),
        "expired": ground.authority.expired("mta-sts.a.test"),
        "unknown": Authority().certificate("mta-sts.a.test"),
    }[wrong]
    async with PolicyHost(certificate.context()) as ground.host:
        ground.publish("mx.a.test")
        await unbelieved(ground)
        assert ground.host.requests == []


async def test_policy_is_never_fetched_from_a_private_address(ground: Ground) -> None:
    ground.publish("mx.a.test")
    await unbelieved(ground, internal="10.0.0.0/8")
    assert ground.host.connections == 0


async def test_dead_policy_host_holds_mail_only_for_a_moment_and_only_once(ground: Ground) -> None:
    ground.publish("mx.a.test")
    ground.host.silent = True
    policies = ground.process(patience=0.2)
    async with asyncio.timeout(2):
        assert await policies.of(DOMAIN) is None
    asked = len(ground.dns.questions)
    assert await policies.of(DOMAIN) is None
    assert (len(ground.dns.questions), ground.host.connections) == (asked, 1)


class BrokenFetcher(PolicyFetcher):
    """Fails as nobody foresaw."""

    asked = 0

    async def fetch(self, domain: str) -> Policy | None:
        self.asked += 1
        raise LookupError(domain)


async def test_fault_of_ours_is_told_without_the_domain_and_the_domain_left_alone(ground: Ground) -> None:
    ground.publish("mx.a.test")
    policies = ground.process()
    broken = policies._fetcher = BrokenFetcher(Settings(), policies._resolver)
    with capture_logs() as logged:
        for _ in range(3):
            assert await policies.of(DOMAIN) is None
        ground.clock.step(TRY_AGAIN)
        assert await policies.of(DOMAIN) is None
    assert broken.asked == 2
    assert [(line["event"], line["error"]) for line in logged] == [("policy_fetch_broke", "LookupError")] * 2
    assert DOMAIN not in str(logged)


async def test_dead_policy_host_is_tried_again_later(ground: Ground) -> None:
    ground.publish("mx.a.test")
    ground.host.status = 500
    policies = ground.process()
    assert await policies.of(DOMAIN) is None
    ground.host.status = 200
    assert await policies.of(DOMAIN) is None
    ground.clock.step(TRY_AGAIN)
    await enforced(policies)


async def test_silent_name_server_holds_mail_only_for_a_moment(ground: Ground) -> None:
    ground.dns.zone.fail("_mta-sts.a.test", Fault.TIMEOUT)
    policies = ground.process(patience=0.1)
    async with asyncio.timeout(2):
        assert await policies.of(DOMAIN) is None
    asked = len(ground.dns.questions)
    assert await policies.of(DOMAIN) is None
    assert len(ground.dns.questions) == asked


# Kept


def gone(ground: Ground, how: str) -> None:
    """What somebody in the way can do."""
    if how == "no record":
        ground.dns.zone.remove("_mta-sts.a.test")
    elif how == "dns fails":
        ground.dns.zone.fail("_mta-sts.a.test", Fault.SERVFAIL)
    else:
        ground.dns.zone.put_txt("_mta-sts.a.test", "v=STSv1; id=2;")
        ground.host.status = 503


@pytest.mark.parametrize("how", ["no record", "dns fails", "refetch fails"])
@pytest.mark.parametrize("restarted", [False, True])
async def test_policy_holds_until_it_expires(ground: Ground, how: str, restarted: bool) -> None:
    ground.publish("mx.a.test", max_age=2 * A_DAY)
    policies = ground.process()
    await enforced(policies)
    gone(ground, how)
    if restarted:
        policies = ground.process()
    for _ in range(2):
        ground.clock.step(A_DAY - 10)
        assert not (await enforced(policies)).allows("mx.evil.test")
    ground.clock.step(60)
    assert await policies.of(DOMAIN) is None


async def test_new_id_brings_the_new_policy(ground: Ground) -> None:
    policies = ground.process()
    ground.publish("mx.a.test")
    await enforced(policies)
    ground.publish("mx.b.test", policy_id="2")
    ground.clock.step(60)
    assert (await enforced(policies)).allows("mx.b.test")
    assert [row[1] for row in await ground.rows()] == ["2"]


async def test_same_id_is_not_fetched_anew_within_a_day(ground: Ground) -> None:
    policies = ground.process()
    ground.publish("mx.a.test")
    for _ in range(5):
        await enforced(policies)
        ground.clock.step(3600)
    assert len(ground.host.requests) == 1


async def test_policy_is_refreshed_daily_beside_the_mail(ground: Ground) -> None:
    policies = ground.process()
    ground.publish("mx.a.test", max_age=7 * A_DAY)
    await enforced(policies)
    ground.clock.step(A_DAY + 60)
    ground.host.silent = True
    async with asyncio.timeout(1):
        await enforced(policies)
    await eventually(lambda: len(ground.host.requests) == 2)


async def test_processes_learn_from_each_other(ground: Ground) -> None:
    first, second = ground.process(), ground.process()
    assert await second.of(DOMAIN) is None
    ground.publish("mx.a.test")
    await enforced(first)
    gone(ground, "no record")
    ground.clock.step(READ_AGAIN)
    await enforced(second)


async def test_a_copy_of_the_database_names_neither_domain_nor_host(ground: Ground) -> None:
    ground.publish("mx.a.test", "*.b.test")
    await enforced(ground.process())
    ((name, policy_id, mode, *hosts),) = await ground.rows()
    assert (policy_id, mode, len(hosts)) == ("1", "enforce", 2)
    assert all(len(text) == 64 and int(text, 16) >= 0 for text in (name, *hosts))


async def test_policy_is_known_after_its_key_was_rotated(ground: Ground) -> None:
    ground.publish("mx.a.test")
    await enforced(ground.process())
    gone(ground, "no record")
    path = ground.folder / "keys" / "mta-sts.key"
    path.write_text("ab" * 32 + "\n" + path.read_text())
    assert (await enforced(ground.process())).allows("mx.a.test")


async def test_expired_policies_are_deleted(ground: Ground) -> None:
    ground.publish("mx.a.test", max_age=0)
    policies = ground.process()
    await enforced(policies)
    ground.host.publish(ground.dns.zone, "b.test", policy_text("mx.b.test"), "9")
    async with PolicyHost(ground.authority.certificate("mta-sts.b.test").context()) as ground.host:
        ground.host.publish(ground.dns.zone, "b.test", policy_text("mx.b.test"), "9")
        ground.clock.step(3600)
        assert await ground.process().of("b.test") is not None
    assert [row[1] for row in await ground.rows()] == ["9"]


async def test_without_the_database_a_policy_is_found_all_the_same(ground: Ground) -> None:
    ground.publish("mx.a.test")
    await ground.database.close()
    policies = ground.process()
    await enforced(policies)
    gone(ground, "no record")
    ground.clock.step(60)
    await enforced(policies)
