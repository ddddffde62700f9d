"""What the doctor sees of our standing: where mail leaves from, who filters, what is wrong now."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from clearpost.checks import alerts, filtering, names
from clearpost.checks.finding import Finding, ok
from clearpost.ports import free_port
from clearpost.standins.dns import DnsStandin
from mailcore import service_alerts
from mailcore.clock import Clock
from mailcore.database import Database
from tests.support.installation import IP, failed, production, publish_all, settings_for
from tests.support.spam_filter import small_filter


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as server:
        yield server


# --- where mail leaves from ---

LANES = {"outbound_source_address": f"{IP},2001:db8::25", "fast_outbound_source_address": "192.0.2.26"}
V6_REVERSE = "5.2." + "0." * 22 + "8.b.d.0.1.0.0.2.ip6.arpa"


async def sending_of(dns: DnsStandin, folder: Path, **changes: Any) -> list[Finding]:
    settings = production(folder, dns_servers=(dns.address,), **(LANES | changes))
    found = await names.check(settings, Clock())
    return [finding for finding in found if finding.area == "sending"]


async def test_each_source_address_of_either_lane_needs_its_names(dns: DnsStandin, tmp_path: Path) -> None:
    publish_all(dns)
    first, second, third = await sending_of(dns, tmp_path)
    assert (first.state, IP in first.what) == ("ok", True)
    assert (second.state, second.what) == (
        "warn",
        "2001:db8::25 has no reverse name, so no mail leaves over IPv6",
    )
    assert (third.state, third.what) == ("fail", "192.0.2.26 has no reverse name")
    assert (await sending_of(dns, tmp_path, outbound_ipv6="on"))[1].state == "fail"
    dns.zone.put(V6_REVERSE, "PTR", "mx.post.example.")
    dns.zone.put("mx.post.example", "AAAA", "2001:db8::25")
    dns.zone.put("26.2.0.192.in-addr.arpa", "PTR", "other.example.")
    assert (await sending_of(dns, tmp_path))[2].what.endswith("other.example, which does not lead back to it")
    dns.zone.put("other.example", "A", "192.0.2.26")
    _, second, third = await sending_of(dns, tmp_path)
    assert second.state == "ok"
    assert (third.state, third.what) == (
        "warn",
        "we say EHLO mx.post.example from 192.0.2.26, and it does not lead there",
    )
    dns.zone.put("mx.post.example", "A", IP, "192.0.2.26")
    dns.zone.put("26.2.0.192.in-addr.arpa", "PTR", "mx.post.example.")
    assert {finding.state for finding in await sending_of(dns, tmp_path)} == {"ok"}


async def test_an_address_of_ours_on_a_watched_blocklist_fails(dns: DnsStandin, tmp_path: Path) -> None:
    publish_all(dns)
    alone = {"outbound_source_address": IP, "fast_outbound_source_address": ""}
    watched = {"watched_blocklists": "one.test,two.test"}
    _, none = await sending_of(dns, tmp_path, **alone, **watched)
    assert (none.state, none.what) == ("ok", f"{IP} is on none of 2 blocklists")
    dns.zone.put("25.2.0.192.two.test", "A", "127.0.0.2")
    (finding,) = failed(await sending_of(dns, tmp_path, **alone, **watched))
    assert finding.what == f"{IP} is on the blocklist two.test"


# --- filtering ---


async def test_without_rspamd_and_lists_there_is_nothing_to_find(tmp_path: Path) -> None:
    assert await filtering.check(settings_for(tmp_path), Clock()) == []


async def test_rspamd_must_answer_and_be_rspamd(tmp_path: Path) -> None:
    away = settings_for(tmp_path, rspamd_url=f"http://127.0.0.1:{free_port()}")
    (finding,) = await filtering.check(away, Clock())
    assert (finding.state, finding.what) == ("fail", "rspamd does not answer (ConnectError)")
    async with small_filter() as rspamd:
        (finding,) = await filtering.check(settings_for(tmp_path, rspamd_url=rspamd.url), Clock())
        assert finding == ok("filtering", "rspamd answers")
        other = settings_for(tmp_path, rspamd_url=f"{rspamd.url}/elsewhere")
        (finding,) = await filtering.check(other, Clock())
        assert (finding.state, "is no rspamd" in finding.what) == ("fail", True)


async def test_a_list_is_tried_at_its_test_point(dns: DnsStandin, tmp_path: Path) -> None:
    dns.zone.put("2.0.0.127.good.test", "A", "127.0.0.2")
    dns.zone.put("2.0.0.127.ended.test", "A", "127.0.0.2")
    dns.zone.put("1.0.0.127.ended.test", "A", "127.0.0.2")
    dns.zone.put("2.0.0.127.shy.test", "A", "127.255.255.254")
    settings = settings_for(
        tmp_path,
        dns_servers=(dns.address,),
        blocklists="good.test,ended.test",
        watched_blocklists="good.test,shy.test",
    )
    found = await filtering.check(settings, Clock())
    assert [finding.state for finding in found] == ["ok", "fail", "warn"]
    assert all(finding.mend for finding in found[1:])


# --- alerts ---


async def test_open_alerts_are_told_with_what_they_are_about(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, database_url=SecretStr(database_url))
    assert await alerts.check(settings) == [ok("alerts", "none is open")]
    opened = await Database.open(database_url)
    async with opened.transaction() as tx:
        await service_alerts.note(tx, "deferring", "big.example", "4.7.0")
    await opened.close()
    (finding,) = await alerts.check(settings)
    assert (finding.state, "big.example (4.7.0)" in finding.what) == ("warn", True)
    nowhere = SecretStr(f"postgresql://x@127.0.0.1:{free_port()}/x")
    assert await alerts.check(settings_for(tmp_path, database_url=nowhere)) == []


# --- DANE ---


async def test_dane_needs_a_resolver_here_that_validates(dns: DnsStandin, tmp_path: Path) -> None:
    async def said(**changes: Any) -> tuple[str, str]:
        settings = production(tmp_path, dns_servers=(dns.address,), **changes)
        found = [each for each in await names.check(settings, Clock()) if "DANE" in each.what]
        assert len(found) == 1
        return found[0].state, found[0].what

    dns.zone.put(".", "NS", "a.root-servers.test.")
    assert await said() == ("warn", "the resolver does not validate DNSSEC, so DANE protects nobody")
    assert (await said(dane="off"))[1].startswith("mail is sent without DANE")
    dns.zone.sign(".")
    assert await said() == ("ok", "the resolver validates DNSSEC, so mail is sent with DANE")
