"""The public DNS check: DNS alone answers, nobody's account is in it, and not too often."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic

import pytest
from pydantic import SecretStr

from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.ports import free_port
from tests.support.api import Tenant, World, running_api

PAGE = {"Accept": "text/html,application/xhtml+xml"}


async def test_it_says_what_dns_says(world: World) -> None:
    world.zone.put("any.test", "MX", "10 mx.clearpost.test.")
    answer = await world.anonymous.get("/dns-check", params={"domain": "ANY.test."})
    found = answer.json()
    assert (answer.status_code, found["domain"]) == (200, "any.test")
    assert (found["mx"]["state"], found["ownership"]["state"]) == ("ok", "missing")
    assert found["spf"]["wanted"] == "v=spf1 include:spf.clearpost.test ~all"


async def test_it_knows_no_account(world: World, tenant: Tenant) -> None:
    await tenant.claim("any.test")
    world.publish("any.test", tenant)
    answer = await world.anonymous.get("/dns-check", params={"domain": "any.test"})
    assert answer.json()["ownership"]["state"] == "ok"  # some code stands there; whose is not said
    assert "account" in answer.json()["ownership"]["wanted"]
    assert str(tenant.id) not in answer.text
    assert world.dns.address not in answer.text


@pytest.mark.parametrize(
    ("domain", "code"),
    [
        ("", "domain_invalid"),
        ("127.0.0.1", "domain_invalid"),
        ("[::1]", "domain_invalid"),
        ("localhost", "domain_invalid"),
        ("co.uk", "domain_public_suffix"),
        ("clearpost.test", "domain_reserved"),
        ("router.internal", "domain_reserved"),
        ("a b.test", "domain_invalid"),
    ],
)
async def test_it_refuses_what_is_no_domain_of_a_customer(world: World, domain: str, code: str) -> None:
    answer = await world.anonymous.get("/dns-check", params={"domain": domain})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert world.dns.questions == []


async def test_a_browser_gets_a_page_that_asks_nobody_else(world: World) -> None:
    world.zone.put_txt("any.test", "v=spf1 <script>alert(1)</script> -all")
    empty = await world.anonymous.get("/dns-check", headers=PAGE)
    assert (empty.status_code, empty.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = await world.anonymous.get("/dns-check", params={"domain": "any.test"}, headers=PAGE)
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    refused = await world.anonymous.get("/dns-check", params={"domain": "localhost"}, headers=PAGE)
    assert (refused.status_code, 'role="alert"' in refused.text) == (422, True)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "own", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def counting(database_url: str, tmp_path: Path, own_valkey: EmbeddedValkey) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path, redis_url=SecretStr(own_valkey.url)) as world:
        yield world


async def test_twenty_a_minute_whatever_headers_say(counting: World) -> None:
    """A slow machine gives the bucket time to fill again: one more in each three seconds."""
    began, passed = monotonic(), 0
    for number in range(60):
        answer = await counting.anonymous.get(
            "/dns-check", params={"domain": "any.test"}, headers={"X-Forwarded-For": f"192.0.2.{number}"}
        )
        if answer.status_code == 429:
            break
        assert answer.status_code == 200
        passed += 1
    assert 20 <= passed <= 20 + (monotonic() - began) / 3
    refused = await counting.anonymous.get("/dns-check", params={"domain": "any.test"})
    assert int(refused.headers["retry-after"]) >= 1
