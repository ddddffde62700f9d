"""SPF verdicts against a real DNS server on loopback: right, bounded, and never an exception."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearpost.standins.dns import DnsStandin, Fault, Zone
from mailcore.authenticity.spf import spf
from mailcore.authenticity.verdicts import SpfVerdict
from mailcore.clock import Clock
from mailcore.dns_answers import TextKind, TxtAnswer
from mailcore.envelope import Mailbox
from mailcore.resolver import Resolver
from mailcore.settings import Settings

ANN = Mailbox("ann", "example.org")
RESULTS = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"}
Records = Mapping[tuple[str, str], Sequence[str] | Fault]


def serving(records: Records) -> DnsStandin:
    """A DNS server on loopback with these records; a name may have a fault in their place."""
    zone = Zone()
    for (name, rdtype), values in records.items():
        if isinstance(values, Fault):
            zone.fail(name, values)
        else:
            zone.put(name, rdtype, *values)
    return DnsStandin(zone)


def policy(record: str) -> Records:
    return {
        ("example.org", "TXT"): [f'"{record}"', '"another=1"'],
        ("example.org", "MX"): ["10 mx.example.org."],
        ("example.org", "A"): ["192.0.2.1"],
        ("mx.example.org", "A"): ["192.0.2.7"],
        ("mx.example.org", "AAAA"): ["2001:db8::7"],
        ("7.2.0.192.in-addr.arpa", "PTR"): ["mx.example.org."],
        ("_spf.example.net", "TXT"): ['"v=spf1 ip4:192.0.2.0/28 " "-all"'],
    }


async def verdict(
    zone: Records,
    *,
    client_ip: str = "192.0.2.7",
    helo: str = "mx.example.org",
    reverse_path: Mailbox | None = ANN,
    timeout: float = 2.0,
) -> SpfVerdict:
    async with serving(zone) as server, asking(server.address) as resolver:
        return await spf(
            client_ip=client_ip,
            helo=helo,
            reverse_path=reverse_path,
            resolver=resolver,
            timeout=timeout,
        )


@asynccontextmanager
async def asking(address: str) -> AsyncIterator[Resolver]:
    resolver = Resolver(settings=Settings(dns_servers=(address,)), clock=Clock())
    yield resolver
    await resolver.close()


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ip4:192.0.2.7 -all", "pass"),
        ("v=spf1 mx -all", "pass"),
        ("v=spf1 a -all", "fail"),
        ("v=spf1 a/24 -all", "pass"),
        ("v=spf1 ptr -all", "pass"),
        ("v=spf1 include:_spf.example.net -all", "pass"),
        ("v=spf1 redirect=_spf.example.net", "pass"),
        ("v=spf1 exists:%{l}.%{h} -all", "fail"),
        ("v=spf1 -all exp=explain.example.org", "fail"),
        ("v=spf1 ~all", "softfail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1", "neutral"),
        ("v=spf10 -all", "none"),
        ("v=spf1 ip4:1.2.3.4.5 -all", "permerror"),
        ("v=spf1 include:nowhere.example.org -all", "permerror"),
        ("v=spf1 a:a.example.org a:b.example.org a:c.example.org -all", "permerror"),
        ("v=spf1 %{x}", "permerror"),
    ],
)
async def test_spf_results(record: str, result: str) -> None:
    assert await verdict(policy(record)) == SpfVerdict(result, "example.org")


async def test_spf_of_an_ipv6_client() -> None:
    assert (await verdict(policy("v=spf1 mx -all"), client_ip="2001:db8::7")).passed


async def test_a_mapped_ipv4_client_is_an_ipv4_client() -> None:
    assert (await verdict(policy("v=spf1 ip4:192.0.2.7 -all"), client_ip="::ffff:192.0.2.7")).passed


async def test_the_null_reverse_path_asks_for_helo() -> None:
    zone = {("mx.example.org", "TXT"): ['"v=spf1 ip4:192.0.2.7 -all"']}
    assert await verdict(zone, reverse_path=None) == SpfVerdict("pass", "mx.example.org", of_helo=True)


@pytest.mark.parametrize(
    "domain", ["[192.0.2.7]", "", "localhost", "a..example.org", f"{'a' * 64}.example.org"]
)
async def test_a_domain_that_is_none_has_no_policy_and_asks_nothing(domain: str) -> None:
    async with serving({}) as server, asking(server.address) as resolver:
        found = await spf(
            client_ip="192.0.2.7",
            helo="x",
            reverse_path=Mailbox("ann", domain),
            resolver=resolver,
            timeout=2.0,
        )
        assert found.result == "none"
        assert server.questions == []


async def test_a_local_part_with_an_at_sign_cannot_borrow_another_domain() -> None:
    zone = {**policy("v=spf1 -all"), ("example.net", "TXT"): ['"v=spf1 +all"']}
    assert (await verdict(zone, reverse_path=Mailbox("ann@example.net", "example.org"))).result == "fail"


async def test_a_local_part_beyond_ascii_matches_no_macro() -> None:
    zone = {**policy("v=spf1 exists:%{l}.example.org -all"), ("xn--nn-uia.example.org", "A"): ["127.0.0.2"]}
    assert (await verdict(zone, reverse_path=Mailbox("änn", "example.org"))).result == "fail"


async def test_two_policies_are_a_permerror() -> None:
    zone = {("example.org", "TXT"): ['"v=spf1 -all"', '"v=spf1 +all"']}
    assert (await verdict(zone)).result == "permerror"


async def test_an_answer_beyond_ascii_is_a_permerror() -> None:
    assert (
        await verdict({("example.org", "TXT"): ['"v=spf1 a:\\195\\164.example.org -all"']})
    ).result == "permerror"


async def test_servfail_is_a_temperror() -> None:
    assert (await verdict({("example.org", "TXT"): Fault.SERVFAIL})).result == "temperror"


async def test_no_server_is_a_temperror() -> None:
    async with serving({}) as server:
        address = server.address
    async with asking(address) as resolver:
        found = await spf(client_ip="192.0.2.7", helo="x", reverse_path=ANN, resolver=resolver, timeout=0.3)
    assert found.result == "temperror"


async def test_silence_is_a_temperror_within_the_deadline() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await verdict({("example.org", "TXT"): Fault.TIMEOUT}, timeout=0.2)).result == "temperror"
    assert loop.time() - began < 1.0


async def test_nothing_more_is_asked_after_the_deadline() -> None:
    zone = {**policy("v=spf1 a:slow.example.org mx -all"), ("slow.example.org", "A"): Fault.TIMEOUT}
    async with serving(zone) as server, asking(server.address) as resolver:
        question = spf(client_ip="192.0.2.7", helo="x", reverse_path=ANN, resolver=resolver, timeout=0.2)
        assert (await question).result == "temperror"
        asked = {name for name, _ in server.questions}
        assert asked == {"example.org", "slow.example.org"}


async def test_a_hostile_chain_of_includes_is_bounded() -> None:
    zone = {(f"s{i}.example.org", "TXT"): [f'"v=spf1 include:s{i + 1}.example.org"'] for i in range(40)}
    async with serving(zone) as server, asking(server.address) as resolver:
        found = await spf(
            client_ip="192.0.2.7",
            helo="x",
            reverse_path=Mailbox("ann", "s0.example.org"),
            resolver=resolver,
            timeout=2.0,
        )
        assert found.result == "permerror"
        assert len(server.questions) <= 11


class OneRecord:
    """The same text for every name, and no wait for it."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def texts(self, name: str, kind: TextKind) -> TxtAnswer:
        return TxtAnswer("ok", (self.text,))


@pytest.mark.parametrize("networks", [1, 400])
async def test_a_long_record_is_read_beside_the_event_loop(networks: int) -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    resolver = OneRecord("v=spf1" + " ip4:192.0.2.1" * networks + " -all")
    found = await spf(client_ip="192.0.2.7", helo="x", reverse_path=ANN, resolver=resolver, timeout=5.0)
    counting.cancel()
    assert found.result == "fail"
    assert (turns > 0) is (networks > 1)


async def test_the_explanation_of_the_sender_is_not_asked_for() -> None:
    async with (
        serving(policy("v=spf1 -all exp=explain.example.org")) as server,
        asking(server.address) as resolver,
    ):
        await spf(client_ip="192.0.2.7", helo="x", reverse_path=ANN, resolver=resolver, timeout=2.0)
        assert server.questions == [("example.org", "TXT")]


@pytest.mark.parametrize("client_ip", ["not an address", "", "list", "fe80::1%eth0"])
async def test_an_odd_client_address_is_no_exception(client_ip: str) -> None:
    assert (await verdict(policy("v=spf1 mx -all"), client_ip=client_ip)).result in {"permerror", "fail"}


async def test_many_verdicts_at_once_stay_apart() -> None:
    zone = {(f"d{i}.example.org", "TXT"): [f'"v=spf1 {"+" if i % 2 else "-"}all"'] for i in range(60)}
    async with serving(zone) as server, asking(server.address) as resolver:
        found = await asyncio.gather(
            *(
                spf(
                    client_ip="192.0.2.7",
                    helo="x",
                    reverse_path=Mailbox("ann", f"d{i}.example.org"),
                    resolver=resolver,
                    timeout=5.0,
                )
                for i in range(60)
            )
        )
    assert [verdict.passed for verdict in found] == [bool(i % 2) for i in range(60)]


TERMS = st.text("abcimpxv=spf1:/.%{}~?+-0123456789dhl _", max_size=12)


@settings(max_examples=60, deadline=None)
@given(record=st.lists(TERMS, max_size=5), local_part=st.text(max_size=8), helo=st.text(max_size=12))
def test_no_record_no_sender_and_no_helo_raises(record: list[str], local_part: str, helo: str) -> None:
    zone = policy(("v=spf1 " + " ".join(record))[:250])
    found = asyncio.run(verdict(zone, reverse_path=Mailbox(local_part, "example.org"), helo=helo))
    assert found.result in RESULTS
