"""Health, metrics, the OpenAPI document and the pages made from it."""

import base64
import hashlib
import re
from typing import Any

import httpx

from api.browser_sessions import origin
from api.health import may_read_metrics
from mailcore.settings import Settings
from tests.support.api import Tenant, World
from tests.support.services import ROOT


async def test_health_needs_no_database_and_readiness_does(world: World) -> None:
    assert (await world.anonymous.get("/readyz")).json() == {"status": "ready"}
    await world.runtime.database.close()
    assert (await world.anonymous.get("/healthz")).json() == {"status": "up"}
    assert (await world.anonymous.get("/readyz")).status_code == 503


async def test_metrics_are_for_loopback_and_allowed_networks(world: World) -> None:
    await world.anonymous.get("/healthz")
    answer = await world.anonymous.get("/metrics")
    assert answer.status_code == 200
    assert 'clearpost_api_requests_total{method="GET",status="200"}' in answer.text
    away = httpx.ASGITransport(app=world.app, client=("192.0.2.1", 1234))
    async with httpx.AsyncClient(transport=away, base_url="http://api.test") as client:
        refused = await client.get("/metrics")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    settings = Settings(metrics_allowed=("192.0.2.0/24", "2001:db8::/32"))
    for host, allowed in (
        ("192.0.2.9", True),
        ("2001:db8::1", True),
        ("198.51.100.1", False),
        ("::1", True),
        ("", False),
    ):
        assert may_read_metrics(host, settings) is allowed


FOR_ANYBODY = {
    "get_status",
    "list_plans",
    "list_statements",
    "get_newest_statement",
    "list_statement_keys",
    "get_statement",
    "get_transparency",
    "get_canary",
}


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(_references(each) for each in value.values()))
    return set().union(*(_references(each) for each in value)) if isinstance(value, list) else set()


async def test_the_document_is_openapi_3_1_with_ids_and_our_errors_only(world: World) -> None:
    document = (await world.anonymous.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = [op for item in document["paths"].values() for op in item.values()]
    identifiers = [op["operationId"] for op in operations]
    assert len(identifiers) == len(set(identifiers))
    assert {"get_account", "create_alias", "check_domain", "list_messages", "get_ledger"} <= set(identifiers)
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    assert {"Account", "Domain", "DomainPage", "Alias", "MessagePage", "Timeline", "Problem"} <= set(schemas)
    assert not [name for name in schemas if "Out" in name or "_" in name]
    assert not re.search(r"\w*Out\b", str(schemas))
    assert all(ref.removeprefix("#/components/schemas/") in schemas for ref in _references(document))
    all_three = ["HTTPBearer", "OAuth2", "BrowserSession"]
    for operation in operations:
        ways = [name for way in operation.get("security", []) for name in way]
        assert ways in ([], ["BrowserSession"], ["HTTPBearer", "BrowserSession"], all_three)
        assert bool(ways) == (operation["operationId"] not in FOR_ANYBODY)
        assert operation["summary"]
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")):
                assert list(answer["content"]) == ["application/problem+json"]


async def test_the_reference_lists_everything_and_asks_nobody_else(world: World) -> None:
    page = await world.anonymous.get("/docs")
    document = (await world.anonymous.get("/openapi.json")).json()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path, item in document["paths"].items():
        assert path in page.text
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page.text
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in page.text
    targets = set(re.findall(r'href="#([^"]+)"', page.text))
    assert all(f'id="{target}"' in page.text for target in targets)
    for text in (page.text, (await world.anonymous.get("/")).text):
        assert not re.search(r'<script|<link|<img|@import|url\(|(?:src|href)="(?:https?:)?//', text)
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_the_style_of_a_page_is_the_one_its_policy_allows(world: World) -> None:
    page = await world.anonymous.get("/")
    style = page.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["content-security-policy"]


async def test_answers_of_the_api_are_not_kept_by_anybody(tenant: Tenant) -> None:
    assert (await tenant.http.get("/v1/account")).headers["cache-control"] == "no-store"


async def test_a_form_of_ours_says_to_us_where_it_stands(world: World) -> None:
    """Under no-referrer Chromium posts a form with `Origin: null`, as another site's would come."""
    for path in ("/auth/sign-in", "/dns-check", "/invitations/x", "/destinations/x", "/oauth/authorize"):
        shown = await world.browser().get(path, headers={"Accept": "text/html"})
        assert shown.headers["content-type"].startswith("text/html"), path
        assert shown.headers["referrer-policy"] == "same-origin", path
    assert (await world.anonymous.get("/v1/account")).headers["referrer-policy"] == "no-referrer"
    posted = await world.client(Origin=origin(world.runtime.settings)).post(
        "/auth/link", data={"email": "a@people.test"}
    )
    foreign = await world.client(Origin="null").post("/auth/link", data={"email": "a@people.test"})
    assert (posted.status_code, foreign.status_code) == (200, 403)


def test_pages_are_made_in_one_place() -> None:
    for path in (ROOT / "api").glob("*.py"):
        assert ("get_template(" in path.read_text(encoding="utf-8")) is (path.name == "pages.py"), path.name


async def test_the_front_page_is_for_those_who_are_signed_out(world: World, tenant: Tenant) -> None:
    assert '<a href="/auth/sign-in">Sign in</a>' in (await world.anonymous.get("/")).text
    sent = await (await world.person(tenant)).http.get("/")
    assert (sent.status_code, sent.headers["location"]) == (303, "/overview")


async def test_first_steps_lead_somewhere(world: World) -> None:
    reference = (await world.anonymous.get("/docs")).text
    steps = reference.split('id="first-steps"')[1].split("</section>")[0]
    named = re.findall(r'href="#([a-z_]+)"', steps)
    assert len(named) >= 8
    assert [each for each in named if f'<section id="{each}"' not in reference] == []
