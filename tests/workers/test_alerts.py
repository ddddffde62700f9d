"""Our own addresses on blocklists, our certificate, and one letter about each thing that is wrong."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from clearpost.standins.dns import DnsStandin, Fault
from customers.alert_letters import service_alert
from customers.letter_desk import Desk
from customers.letter_texts import EVEN_IF_STOPPED
from mailcore import event_log, metrics, service_alerts
from mailcore.plans import Lane
from mailcore.rates import Rates
from mailcore.runtime import Runtime, open_runtime
from tests.support.mx import mx_settings
from tests.support.own_mail import written_to
from tests.support.pairs import make_pair
from workers.alerts import count_alerts, tell_alerts, watch_blocklists, watch_certificate
from workers.letters import send_letters

V4, V6 = "192.0.2.25", "2001:db8::25"
V4_NAME = "25.2.0.192.one.test"
V6_NAME = "5.2." + "0." * 22 + "8.b.d.0.1.0.0.2.two.test"


class Opener(Protocol):
    def __call__(self, **changes: Any) -> AbstractAsyncContextManager[Runtime]: ...


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as standin:
        yield standin


@pytest.fixture
def upkeep(database_url: str, redis_url: str, tmp_path: Path, dns: DnsStandin) -> Opener:
    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[Runtime]:
        settings = mx_settings(database_url, redis_url, tmp_path, dns_servers=(dns.address,), **changes)
        async with open_runtime(settings, role="upkeep", lane=Lane.STANDARD) as runtime:
            await event_log.ensure_partitions(
                runtime.database, runtime.clock.now(), runtime.settings.log_retention
            )
            yield runtime

    return opened


async def standing(runtime: Runtime) -> list[tuple[str, str, str]]:
    return [(a.kind, a.subject, a.detail) for a in await service_alerts.standing(runtime.database)]


# --- blocklists ---


async def test_each_outgoing_address_is_looked_for_in_each_list(upkeep: Opener, dns: DnsStandin) -> None:
    watched = {"watched_blocklists": "one.test,two.test", "outbound_source_address": f"{V4},{V6}"}
    async with upkeep(**watched, fast_outbound_source_address="192.0.2.26") as runtime:
        await watch_blocklists(runtime)
        assert await standing(runtime) == []
        dns.zone.put(V4_NAME, "A", "127.0.0.2")
        dns.zone.put(V6_NAME, "A", "127.0.0.3")
        for _ in range(2):
            await watch_blocklists(runtime)
        assert sorted(await standing(runtime)) == [
            ("blocklisted", V4, "one.test"),
            ("blocklisted", V6, "two.test"),
        ]


async def test_without_a_source_address_those_of_our_name_are_looked_for(
    upkeep: Opener, dns: DnsStandin
) -> None:
    dns.zone.put("mx.clearpost.test", "A", V4)
    dns.zone.put(V4_NAME, "A", "127.0.0.2")
    async with upkeep(watched_blocklists="one.test") as runtime:
        await watch_blocklists(runtime)
        assert await standing(runtime) == [("blocklisted", V4, "one.test")]


async def test_a_listing_is_over_when_its_list_says_so_and_not_when_it_says_nothing(
    upkeep: Opener, dns: DnsStandin
) -> None:
    watched = {"watched_blocklists": "one.test", "outbound_source_address": V4}
    dns.zone.put(V4_NAME, "A", "127.0.0.2", ttl=0)
    async with upkeep(**watched) as runtime:
        await watch_blocklists(runtime)
        dns.zone.fail(V4_NAME, Fault.SERVFAIL)
        await watch_blocklists(runtime)
        assert await standing(runtime) == [("blocklisted", V4, "one.test")]
        dns.zone.heal(V4_NAME)
        dns.zone.remove(V4_NAME)
        await watch_blocklists(runtime)
        assert await standing(runtime) == []


async def test_without_lists_nobody_is_asked(upkeep: Opener, dns: DnsStandin) -> None:
    async with upkeep(outbound_source_address=V4) as runtime:
        await watch_blocklists(runtime)
    assert not dns.questions


# --- the certificate ---


def pair(folder: Path, **about: float) -> dict[str, Path]:
    paths = {"tls_certificate": folder / "certificate.pem", "tls_key": folder / "key.pem"}
    for path, octets in zip(paths.values(), make_pair(1, **about), strict=True):  # type: ignore[arg-type]
        path.write_bytes(octets)
    return paths


async def test_a_certificate_that_ends_soon_or_cannot_be_used_is_an_alert_until_it_is_renewed(
    upkeep: Opener, tmp_path: Path
) -> None:
    async with upkeep(**pair(tmp_path, days=2)) as runtime:
        await watch_certificate(runtime)
        ((kind, subject, detail),) = await standing(runtime)
        assert (kind, subject) == ("certificate", "mx.clearpost.test")
        assert detail.startswith("it expires on ")
        pair(tmp_path, days=-1)
        await watch_certificate(runtime)
        assert (await standing(runtime))[0][2] == "it has expired"
        (tmp_path / "key.pem").write_text("broken")
        await watch_certificate(runtime)
        assert (await standing(runtime))[0][2].startswith("it can't be used (")
        pair(tmp_path)
        await watch_certificate(runtime)
        assert await standing(runtime) == []


async def test_one_that_we_made_ourselves_needs_nobody(upkeep: Opener) -> None:
    async with upkeep() as runtime:
        await watch_certificate(runtime)
        assert await standing(runtime) == []


# --- telling ---


async def letters_to(runtime: Runtime) -> list[str]:
    return [address for _, address in await written_to(runtime.database, runtime.spool)]


async def note(runtime: Runtime) -> None:
    async with runtime.database.transaction() as tx:
        await service_alerts.note(tx, "deferring", "big.example", "4.7.0")


async def tell(runtime: Runtime) -> None:
    rates = Rates.open(runtime.settings.redis_url.get_secret_value(), runtime.keyring)
    await tell_alerts(runtime, rates)
    await rates.close()
    await send_letters(runtime)


async def test_the_postmaster_gets_one_letter_when_it_begins(upkeep: Opener) -> None:
    async with upkeep(postmaster_address="ops@example.org") as runtime:
        for _ in range(3):
            await note(runtime)
            await tell(runtime)
        assert await letters_to(runtime) == ["ops@example.org"]


async def test_what_comes_and_goes_is_written_about_once_in_a_while(upkeep: Opener) -> None:
    async with upkeep() as runtime:
        for _ in range(3):
            await note(runtime)
            await tell(runtime)
            async with runtime.database.transaction() as tx:
                await service_alerts.end(tx, "deferring", ["big.example"])
        assert len(await letters_to(runtime)) == 1


def test_a_postmaster_who_asked_for_no_more_mail_is_told_all_the_same() -> None:
    assert "service-alert" in EVEN_IF_STOPPED


@pytest.mark.parametrize("kind", service_alerts.KINDS)
async def test_the_letter_says_what_about_whom_and_what_to_do(upkeep: Opener, kind: str) -> None:
    async with upkeep() as runtime:
        desk = Desk(runtime.keyring, "https://clear.test", runtime.clock.now())
    letter = service_alert(desk, {"alert": kind, "subject": "who.test", "detail": "{what}"})
    assert "who.test" in letter.subject
    assert "    who.test" in letter.lines
    assert "{what}" in "\n".join(letter.lines)
    assert "    https://clear.test/status" in letter.lines
    assert max(map(len, letter.lines)) <= 100


async def test_alerts_are_counted_by_kind(upkeep: Opener) -> None:
    async with upkeep() as runtime:
        await note(runtime)
        await count_alerts(runtime.database)
        found = {kind: metrics.ALERTS.labels(kind)._value.get() for kind in service_alerts.KINDS}
        assert found == {"blocklisted": 0, "deferring": 1, "certificate": 0}
