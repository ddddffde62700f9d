"""Support access (acceptance 13): staff look under a grant, each look is seen, and it ends by itself."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from api import staff as staff_pages
from api.browser_sessions import cookie_name
from customers import browser_sessions, staff
from customers.audit import Actor
from tests.support import sender
from tests.support.browsing import Browsing
from tests.support.site import Customer, Site
from tests.support.stack import until

HOUR = timedelta(hours=1)


async def staff_page(site: Site, browsing: Browsing, email: str) -> Page:
    """Of somebody of staff, signed in as such; no member of any account."""
    runtime, person = site.world.runtime, await site.world.person(email=email)
    async with runtime.database.session() as session:
        await staff.add(session, runtime.clock, email, Actor("service", "operator"))
        secret = await browser_sessions.create(
            session, runtime.clock, runtime.keyring, person_id=person.id, account_id=None, method="passkey",
            device="Firefox on Linux", lasts=staff.LASTS, staff=True,
        )  # fmt: skip
    page = await browsing(person)
    name, url = cookie_name(browsing.settings, staff_pages.COOKIE), browsing.settings.web_url
    await page.context.add_cookies([{"name": name, "value": secret, "url": url}])
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def sam(site: Site, browsing: Browsing, customer: Customer) -> Page:
    return await staff_page(site, browsing, f"sam{customer.number}@staff.test")


@asynccontextmanager
async def an_hour_on(site: Site, page: Page) -> AsyncIterator[None]:
    """For the API and for the page."""
    site.world.clock.step(HOUR)
    try:
        await page.clock.fast_forward("01:00:05")
        yield
    finally:
        site.world.clock.step(-HOUR)


async def bring(customer: Customer, subject: str) -> None:
    """A message to the customer's only alias, delivered."""
    await customer.alias(await customer.domain(), "hello")
    async with sender.sender_at(customer.site.stack.settings.mx_port) as connection:
        to = f"hello@{customer.domain_name}"
        reply = await connection.mail("ann@sender.test", [to], sender.letter(subject))
        assert reply.startswith("250"), reply

    async def is_delivered() -> bool:
        found = (await customer.owner.http.get("/v1/logs/messages")).json()["data"]
        return bool(found) and found[0]["last_event"] == "delivered"

    await until(is_delivered)


async def let(page: Page, ends: str) -> None:
    await page.get_by_role("button", name="Let our staff look").click()
    dialog = page.get_by_role("dialog", name="Let our staff read the log")
    await dialog.get_by_label("What to look for").fill("Mail from Ann is missing")
    await dialog.get_by_label("Ends by itself").select_option(label=ends)
    await dialog.get_by_role("button", name="Let them look").click()
    await expect(dialog).to_have_count(0)


def row(page: Page, table: str, text: str) -> Locator:
    return page.get_by_role("table", name=table).get_by_role("row").filter(has_text=text)


def banner(page: Page) -> Locator:
    return page.get_by_text("Our staff may read your log")


async def test_staff_look_for_an_hour_each_look_is_listed_and_it_ends_by_itself(
    site: Site, page: Page, sam: Page, customer: Customer
) -> None:
    await bring(customer, "Spring order")
    who = f"sam{customer.number}@staff.test"
    await page.clock.install()
    await page.goto("/support-access")
    await expect(page.get_by_text("Nobody looked")).to_be_visible()
    loads: list[str] = []
    page.on("domcontentloaded", lambda _: loads.append("load"))

    await sam.goto(f"/staff/accounts/{customer.tenant.id}/log")
    await expect(sam.get_by_text("Staff see of an account's log what a live grant covers")).to_be_visible()
    await expect(row(page, "What they looked at", who)).to_contain_text("Refused")
    await expect(banner(page)).to_have_count(0)

    await let(page, "In an hour")
    await expect(banner(page)).to_be_visible()
    await expect(row(page, "What they may see", "Mail from Ann")).to_contain_text("Open for 59 min")

    await sam.goto("/staff/grants")
    await row(sam, "Grants", "Mail from Ann").get_by_role("link", name=f"shop{customer.number}").click()
    await sam.get_by_role("link", name="Spring order").click()
    drawer = sam.get_by_role("dialog", name="Spring order")
    await expect(drawer.get_by_role("list", name="Timeline")).to_contain_text("250 2.0.0 Accepted")
    await sam.keyboard.press("Escape")

    looks = row(page, "What they looked at", "As you let them")
    await expect(looks).to_have_count(2)
    await expect(looks.nth(0)).to_contain_text(who)
    await expect(looks.nth(0)).to_contain_text("Message ")
    # Of the letters that told its owners as well, where they are in the log by then.
    await expect(looks.nth(1)).to_contain_text(re.compile(r"List of \d messages?"))

    async with an_hour_on(site, page):
        await expect(banner(page)).to_have_count(0)
        await expect(row(page, "What they may see", "Mail from Ann")).to_contain_text("Ended")
        await sam.get_by_role("button", name="Look again").click()
        await expect(
            sam.get_by_text("Staff see of an account's log what a live grant covers")
        ).to_be_visible()
        await expect(sam.get_by_text("Spring order")).to_have_count(0)
        await expect(row(page, "What they looked at", "Refused")).to_have_count(2)
        await sam.goto("/staff/grants")
        await expect(row(sam, "Grants", f"shop{customer.number}")).to_have_count(0)
    assert loads == [], "all of it without a reload"


async def test_a_grant_that_is_ended_shows_nothing_at_the_next_look(
    site: Site, page: Page, sam: Page, customer: Customer
) -> None:
    await bring(customer, "Autumn order")
    await page.goto("/support-access")
    await let(page, "In 7 days")
    await expect(row(page, "What they may see", "Mail from Ann")).to_contain_text("Open for 6 d 23 h")
    await sam.goto("/staff/grants")
    await row(sam, "Grants", f"shop{customer.number}").get_by_role("link").click()
    await expect(sam.get_by_role("link", name="Autumn order")).to_be_visible()
    await page.get_by_role("button", name="End it now").click()
    await expect(banner(page)).to_have_count(0)
    await sam.get_by_role("button", name="Look again").click()
    await expect(sam.get_by_text("Staff see of an account's log what a live grant covers")).to_be_visible()
    await expect(sam.get_by_text("Autumn order")).to_have_count(0)


async def test_who_does_not_run_the_account_sees_each_look_and_opens_nothing(
    browsing: Browsing, customer: Customer
) -> None:
    body = {"reason": "Mail from Ann is missing", "hours": 1}
    assert (await customer.owner.http.post("/v1/support/requests", json=body)).status_code == 201
    page = await browsing(await customer.colleague("viewer"))
    await page.goto("/support-access?do=let")
    await expect(banner(page)).to_be_visible()
    await expect(row(page, "What they may see", "Mail from Ann")).to_be_visible()
    for name in ("Let our staff look", "End it now"):
        await expect(page.get_by_role("button", name=name)).to_have_count(0)
    await expect(page.get_by_role("dialog")).to_have_count(0)
