"""One service and one chromium for all tests; a customer and guarded pages of its own for each.

All of it lives in one event loop, the session's: browser, API, mx, workers and stand-ins speak to each other
without another process in between.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator

import pytest
import pytest_asyncio
import redis
from playwright.async_api import Browser, Page

from clearpost.embedded.valkey import EmbeddedValkey
from scripts import build_portal
from tests.support.browsing import SCREENS, Browsing, Guard, keep_screen, running_chromium, violations
from tests.support.services import TestPostgres
from tests.support.site import Customer, Site, running_site

Axe = Callable[[Page], Awaitable[None]]
Screens = Callable[[Page, str], Awaitable[object]]
FAILED = pytest.StashKey[bool]()


def pytest_report_header() -> str:
    fresh = build_portal.is_current()
    return f"portal: {'as built of these sources' if fresh else 'NOT of these sources: make portal'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(
    migrated_postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    url = await migrated_postgres.create_database()
    folder = tmp_path_factory.mktemp("site")
    async with running_site(url, valkey.url, folder, canary_signers=folder / "signers") as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    for old in SCREENS.glob("failed-*.png"):
        old.unlink(missing_ok=True)
    async with running_chromium() as browser:
        yield browser


@pytest.fixture(autouse=True)
def _everybody_may_ask_again(valkey: EmbeddedValkey) -> None:
    """All tests come from one network: what one has asked for is not counted against the next."""
    with redis.Redis.from_url(valkey.url) as client:
        for key in client.scan_iter("rate:*"):
            client.delete(key)


@pytest.fixture
def guard(site: Site) -> Guard:
    return Guard(site.url)


@pytest_asyncio.fixture(loop_scope="session")
async def browsing(
    request: pytest.FixtureRequest, site: Site, chromium: Browser, guard: Guard
) -> AsyncIterator[Browsing]:
    """`await browsing(person, size=PHONE, dark=True)`; what a failed test saw is kept in var/screens."""
    opener = Browsing(chromium, site.stack.settings, guard)
    yield opener
    pages = [page for context in opener.contexts for page in context.pages]
    if request.node.stash.get(FAILED, False):
        name = request.node.name.replace("/", "-")  # of a path that it is given
        for number, page in enumerate(pages):
            await keep_screen(page, f"failed-{name}-{number}")
    await opener.close()
    guard.check()


@pytest_asyncio.fixture(loop_scope="session")
async def customer(site: Site) -> Customer:
    """On the free plan."""
    return await site.customer()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browsing: Browsing, customer: Customer) -> Page:
    """The customer's owner, signed in."""
    return await browsing(customer.owner)


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browsing: Browsing) -> Page:
    """Somebody who is signed out."""
    return await browsing()


@pytest.fixture
def axe() -> Axe:
    """`await axe(page)`: nothing on it breaks WCAG 2.2 AA."""

    async def find(page: Page) -> None:
        found = await violations(page)
        assert not found, "\n".join(found)

    return find


@pytest.fixture
def screens() -> Screens:
    """`await screens(page, "overview-dark")` keeps the page as var/screens/overview-dark.png."""
    return keep_screen
