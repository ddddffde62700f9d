"""While the API is away, what was on screen stays and says so; the page goes on by itself."""

import re

from playwright.async_api import Page, expect

from tests.support.browsing import Guard
from tests.support.site import Site


async def test_a_page_stays_while_the_api_is_away_and_goes_on_after(
    page: Page, site: Site, guard: Guard
) -> None:
    guard.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE")
    await page.goto("/overview")
    heading = page.get_by_role("heading", name="Overview", level=1)
    await expect(heading).to_be_visible()
    away = page.get_by_role("status").filter(has_text=re.compile("interrupted|does not answer"))
    async with site.api_away():
        await expect(away).to_be_visible()
        await expect(heading).to_be_visible()
    await expect(away).to_be_hidden()
    await page.get_by_role("link", name="Domains").first.click()
    await expect(page.get_by_role("heading", name="Domains", level=1)).to_be_visible()
