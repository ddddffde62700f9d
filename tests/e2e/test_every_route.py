"""Every screen there is, in use: for everybody, in both themes, at a desk, on a phone and at 400 % zoom.

The routes are asked of the portal's own router: a new one is in here by itself, or fails for want of an id.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from api import portal, staff
from api.browser_sessions import cookie_name
from clearpost.embedded.valkey import EmbeddedValkey
from tests.e2e.conftest import Axe, Screens
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.lived_in import LivedIn, lived_in, patient_site
from tests.support.services import TestPostgres
from tests.support.site import Site

ZOOMED = (320, 256)  # 1280 x 1024 at 400 %
LEADS_ON = {"/", "/developers"}  # to another route, at once
WIDER = """() => document.documentElement.scrollWidth > innerWidth && [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => `${each.tagName}.${each.className}: ${each.textContent.slice(0, 40)}`).slice(0, 8)"""
MOVES = """() => document.getAnimations().filter((each) => each.playState === "running"
    && each.effect.getComputedTiming().duration > 20).length"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(
    migrated_postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    url = await migrated_postgres.create_database()
    async with patient_site(url, valkey.url, tmp_path_factory.mktemp("routes-site")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def home(site: Site) -> LivedIn:
    return await lived_in(site)


async def open_portal(browsing: Browsing, home: LivedIn, size: tuple[int, int], dark: bool) -> Page:
    """The overview, for its owner, who is signed in as staff as well."""
    page = await browsing(home.customer.owner, size=size, dark=dark)
    settings = browsing.settings
    name = cookie_name(settings, staff.COOKIE)
    await page.context.add_cookies([{"name": name, "value": home.staff_secret, "url": settings.web_url}])
    await page.goto("/overview")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    return page


async def routes(page: Page, home: LivedIn) -> list[str]:
    """Every path, with ids of this account. KeyError where one is not known here."""
    ids = {
        "$domainId": home.domain.id,
        "$aliasId": home.alias.id,
        "$messageId": home.message_id,
        "$accountId": home.customer.tenant.id,
    }
    found: list[str] = await page.evaluate("Object.keys(__TSR_ROUTER__.routesByPath)")
    clean = {path.rstrip("/") or "/" for path in found} - LEADS_ON
    return sorted(re.sub(r"\$\w+", lambda each: str(ids[each[0]]), path) for path in clean)


def shown_name(path: str) -> str:
    """For the file of its picture."""
    words = [each for each in path.strip("/").split("/") if not re.fullmatch(r"[0-9a-f-]{36}", each)]
    return "-".join(words) + ("-one" if len(words) < path.count("/") else "")


async def go(page: Page, path: str) -> None:
    """Without loading the page anew; returns when all is on screen."""
    await page.evaluate("(href) => __TSR_ROUTER__.navigate({ href })", path)
    await expect(page.get_by_role("main").locator("h1")).to_be_visible()
    await expect(page).to_have_title(re.compile(r".+ · Clearpost$"))
    await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    await page.wait_for_load_state()


async def faults(page: Page, path: str) -> list[str]:
    found: list[Any] = []
    if (headings := await page.locator("h1").count()) != 1:
        found.append(f"{headings} headings of the first level")
    inside = "document.activeElement.closest('main, dialog') !== null"
    if not await page.evaluate(inside):
        found.append("the focus is not in the screen")
    if await page.evaluate(MOVES):
        found.append("something moves")
    if wider := await page.evaluate(WIDER):
        found.append(f"scrolls sideways: {wider}")
    return [f"{path}: {each}" for each in found]


async def test_the_router_has_what_the_api_serves_and_nothing_else(browsing: Browsing, home: LivedIn) -> None:
    page = await open_portal(browsing, home, DESK, dark=False)
    begins = {path.split("/")[1] for path in await routes(page, home)} | {"developers"}
    assert begins == set(portal.SCREENS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_every_screen_is_for_everybody(
    browsing: Browsing, home: LivedIn, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    page = await open_portal(browsing, home, size, dark)
    found = []
    for path in await routes(page, home):
        await go(page, path)
        found += await faults(page, path)
        try:
            await axe(page)
        except AssertionError as broken:
            found.append(f"{path}: {broken}")
        await screens(page, f"{shown_name(path)}-{size[0]}-{'dark' if dark else 'light'}")
    assert not found, "\n".join(found)


@pytest.mark.timeout(300)
async def test_no_screen_scrolls_sideways_at_four_hundred_percent(browsing: Browsing, home: LivedIn) -> None:
    page = await open_portal(browsing, home, ZOOMED, dark=True)
    found = []
    for path in await routes(page, home):
        await go(page, path)
        found += await faults(page, path)
    assert not found, "\n".join(found)
