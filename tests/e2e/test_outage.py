"""While the API is away, what was on screen stays and says so; the page goes on by itself."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from clearpost.embedded.valkey import EmbeddedValkey
from tests.support.browsing import Browsing, Guard
from tests.support.lived_in import LivedIn, lived_in, patient_site
from tests.support.services import TestPostgres
from tests.support.site import Site

OUTAGE = "ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET"
AWAY = re.compile("interrupted|does not answer")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(
    migrated_postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    url = await migrated_postgres.create_database()
    async with patient_site(url, valkey.url, tmp_path_factory.mktemp("outage-site")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def home(site: Site) -> LivedIn:
    return await lived_in(site)


async def test_a_page_stays_while_the_api_is_away_and_goes_on_after(
    page: Page, site: Site, guard: Guard
) -> None:
    guard.allow(OUTAGE)
    await page.goto("/overview")
    heading = page.get_by_role("heading", name="Overview", level=1)
    await expect(heading).to_be_visible()
    away = page.get_by_role("status").filter(has_text=AWAY)
    async with site.api_away():
        await expect(away).to_be_visible()
        await expect(heading).to_be_visible()
    await expect(away).to_be_hidden()
    await page.get_by_role("link", name="Domains").first.click()
    await expect(page.get_by_role("heading", name="Domains", level=1)).to_be_visible()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/domains", "paperlantern"),
        ("/aliases", "orders@"),
        ("/destinations", "mei"),
        ("/logs", "Your parcel"),
        ("/queue", "slow"),
        ("/team", "ines"),
        ("/developers/keys", "Shop backend"),
    ],
)
async def test_what_was_on_screen_stays_and_says_that_it_may_be_old(
    browsing: Browsing, site: Site, home: LivedIn, guard: Guard, path: str, shown: str
) -> None:
    guard.allow(OUTAGE)
    page = await browsing(home.customer.owner)
    await page.goto(path)
    main = page.get_by_role("main")
    await expect(main.locator("tbody").get_by_text(shown).first).to_be_visible()
    async with site.api_away():
        away = page.get_by_role("status").filter(has_text=AWAY)
        await expect(away).to_be_visible()
        await expect(main.locator("tbody").get_by_text(shown).first).to_be_visible()
    await expect(away).to_be_hidden()
    await expect(main.locator("tbody").get_by_text(shown).first).to_be_visible()


async def test_a_screen_that_was_never_fetched_opens_by_itself_once_the_api_is_back(
    page: Page, site: Site, guard: Guard
) -> None:
    guard.allow(OUTAGE)
    guard.allow("a part is missing|dynamically imported module")
    await page.goto("/overview")
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    async with site.api_away():
        await page.evaluate("__TSR_ROUTER__.navigate({ href: '/profile' })")
        await expect(page.get_by_role("heading", name="This page is not here yet")).to_be_visible()
        await expect(page.get_by_role("navigation").first).to_be_visible()
    await expect(page.get_by_role("heading", name="Profile", level=1)).to_be_visible()


async def test_a_page_from_before_a_release_loads_itself_anew_and_only_once(page: Page, guard: Guard) -> None:
    guard.allow("status of 404.*/assets/|a part is missing|dynamically imported module")
    await page.goto("/overview")
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    known = await page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
    loads: list[str] = []
    page.on("load", lambda _: loads.append(page.url))

    async def gone(route: Route) -> None:
        """All that the page has not got yet."""
        await (route.continue_() if route.request.url in known else route.fulfill(status=404))

    await page.route("**/assets/*.js", gone)
    await page.evaluate("__TSR_ROUTER__.navigate({ href: '/profile' })")
    await expect(page.get_by_role("heading", name="This page could not be shown")).to_be_visible()
    await expect(page).to_have_url(re.compile("/profile$"))
    assert len(loads) == 1
    await page.unroute("**/assets/*.js")
    await page.get_by_role("button", name="Load anew").click()
    await expect(page.get_by_role("heading", name="Profile", level=1)).to_be_visible()


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("/overview", "Set up the first domain"),
        ("/domains", "Set up the first domain"),
        ("/aliases", "Add a domain"),
        ("/destinations", "first alias"),
        ("/developers/apps", "Register"),
    ],
)
async def test_an_empty_list_names_the_one_next_action(page: Page, path: str, step: str) -> None:
    await page.goto(path)
    main = page.get_by_role("main")
    either = main.get_by_role("link", name=step).or_(main.get_by_role("button", name=step))
    await expect(either.first).to_be_visible()
