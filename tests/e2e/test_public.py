"""The public pages as anybody meets them: they inform without JavaScript and ask nobody else."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from customers import policy
from mailcore.plans import Plan, limits_for
from tests.e2e.conftest import Axe, Screens
from tests.support.browsing import DESK, PHONE, Browsing, Guard
from tests.support.site import Customer, Site

PAGES = {
    "product": "/",
    "pricing": "/pricing",
    "policy": "/policy",
    "statements": "/statements",
    "canary": "/canary",
    "canary-archive": "/canary/archive",
    "transparency": "/transparency",
    "status": "/status",
    "dns-check": "/dns-check?domain=any.test",
}


@pytest_asyncio.fixture(loop_scope="session")
async def plain(browsing: Browsing) -> Page:
    """A browser without JavaScript, signed out."""
    return await browsing(javascript=False)


async def test_the_product_page_lists_exactly_what_is_logged(plain: Page) -> None:
    await plain.goto("/")
    for title, columns in (
        ("Of each message", policy.of_each_message()),
        ("Of each event", policy.of_each_event()),
    ):
        fields = plain.get_by_role("table", name=title).get_by_role("rowheader")
        assert await fields.all_inner_texts() == [column.name for column in columns]


async def test_a_visitor_walks_from_page_to_page_and_to_the_way_in(plain: Page) -> None:
    await plain.goto("/")
    menu = plain.get_by_role("navigation", name="Main")
    for name, heading in (
        ("Pricing", "Pricing"),
        ("Status", "Everything works"),
        ("DNS check", "DNS check"),
        ("Product", "Email forwarding that loses nothing and keeps nothing"),
    ):
        await menu.get_by_role("link", name=name).click()
        await expect(plain.get_by_role("heading", level=1)).to_have_text(heading)
        await expect(menu.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
    await plain.get_by_role("banner").get_by_role("link", name="Sign in").click()
    await expect(plain.get_by_role("textbox", name="E-mail address")).to_be_visible()


async def test_what_anybody_can_check_is_under_one_name_in_the_header(plain: Page) -> None:
    await plain.goto("/")
    await plain.get_by_role("navigation", name="Main").get_by_role("link", name="Privacy").click()
    within = plain.get_by_role("navigation", name="Privacy", exact=True)
    for name, path in (
        ("Statements", "/statements"),
        ("Canary", "/canary"),
        ("Transparency", "/transparency"),
        ("Policy", "/policy"),
    ):
        await within.get_by_role("link", name=name).click()
        await expect(plain).to_have_url(re.compile(f"{path}$"))
        await expect(within.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
    await plain.goto("/canary/archive")
    await expect(within.get_by_role("link", name="Canary")).to_have_attribute("aria-current", "true")


async def test_the_prices_are_those_of_the_api_with_its_limits(plain: Page, site: Site) -> None:
    await plain.goto("/pricing")
    table = plain.get_by_role("table", name="What each plan allows and costs")
    assert await table.get_by_role("columnheader").all_inner_texts() == [
        *("Limit", "Free", "Premium", "Business")
    ]
    domains = table.get_by_role("row", name="Domains").get_by_role("cell")
    assert await domains.all_inner_texts() == [str(limits_for(plan).domains) for plan in Plan]
    offers = (await site.world.anonymous.get("/v1/plans")).json()["data"]
    for number, interval in enumerate(("month", "year")):
        cells = (
            await table.get_by_role("row", name=f"By the {interval}").get_by_role("cell").all_inner_texts()
        )
        amounts = [offer["prices"][number]["amount"] for offer in offers[1:]]
        assert cells == ["Free", *(f"${amount / 100:g}" for amount in amounts)]


async def test_the_status_says_in_words_what_the_file_says(plain: Page, site: Site) -> None:
    told = (await site.world.anonymous.get("/status.json")).json()
    await plain.goto("/status")
    assert told["status"] == "up"
    await expect(plain.get_by_role("heading", level=1)).to_have_text("Everything works")
    parts = plain.get_by_role("table", name="Parts of the service").locator("tbody tr")
    await expect(parts).to_have_count(len(told["parts"]))
    await expect(parts.filter(has_text="Works")).to_have_count(len(told["parts"]))
    await expect(plain.get_by_role("heading", name="Fast lane")).to_contain_text("In time")


async def test_anybody_has_the_dns_of_a_domain_looked_at(plain: Page, site: Site, guard: Guard) -> None:
    guard.allow(r"status of 422.*/dns-check\?domain=localhost")
    site.stack.zone.put("visitor.test", "MX", "10 old.elsewhere.test.")
    await plain.goto("/dns-check")
    await plain.get_by_label("Domain").fill("visitor.test")
    await plain.get_by_label("Domain").press("Enter")
    mail = plain.get_by_role("region", name="Mail (MX)")
    await expect(mail).to_contain_text("Wrong")
    await expect(mail).to_contain_text("old.elsewhere.test")
    await plain.get_by_label("Domain").fill("localhost")
    await plain.get_by_role("button", name="Check").click()
    await expect(plain.get_by_role("alert")).to_be_visible()


async def test_the_way_in_leads_the_signed_in_back_to_their_portal(
    browsing: Browsing, customer: Customer
) -> None:
    page = await browsing(customer.owner)
    await page.goto("/pricing")
    await page.get_by_role("banner").get_by_role("link", name="Overview").click()
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
async def test_a_public_page_runs_nothing_and_asks_nobody(plain: Page, path: str) -> None:
    asked: list[str] = []
    plain.on("request", lambda request: asked.append(request.url))
    answer = await plain.goto(path)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert [url for url in asked if not url.endswith("/favicon.ico")] == [answer.url]
    assert await plain.context.cookies() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", PAGES)
async def test_everybody_can_read_it(
    browsing: Browsing, axe: Axe, screens: Screens, name: str, size: tuple[int, int], dark: bool
) -> None:
    page = await browsing(size=size, dark=dark)
    await page.goto(PAGES[name])
    await axe(page)
    await screens(page, f"public-{name}-{size[0]}-{'dark' if dark else 'light'}")
    sideways = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await page.evaluate(sideways)
