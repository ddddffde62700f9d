"""Staff in their own pages: in by passkey, an account found, suspended and resumed; nobody else gets any."""

import pytest_asyncio
from playwright.async_api import Page, expect

from customers import staff
from customers.audit import Actor
from tests.e2e.conftest import Axe, Screens
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.passkey_device import plug_in
from tests.support.site import Customer, Site

_OPERATOR = Actor("service", "operator")


async def enter(page: Page) -> None:
    """From the first day as staff, without an account: the passkey added, then used."""
    await plug_in(page)
    await page.goto("/staff")
    await page.get_by_role("button", name="Add passkey").click()
    await page.get_by_label("Name").fill("Laptop")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.get_by_role("heading", name="Accounts", level=1)).to_be_visible()


@pytest_asyncio.fixture(loop_scope="session")
async def keeper(site: Site, browsing: Browsing, customer: Customer) -> Page:
    """A page of somebody whom the operator has just made staff, signed in as staff too."""
    email = f"keeper{customer.number}@staff.test"
    async with site.world.runtime.database.session() as session:
        await staff.add(session, site.world.clock, email, _OPERATOR)
    page = await browsing(await site.world.person(email=email))
    await enter(page)
    return page


async def open_account(page: Page, customer: Customer) -> None:
    await page.goto("/staff")
    await page.get_by_placeholder("Name, domain or address").fill(customer.owner.email)
    await page.get_by_role("link", name=f"shop{customer.number}", exact=True).click()
    await expect(page.get_by_role("heading", name=f"shop{customer.number}", level=1)).to_be_visible()


async def test_an_account_is_suspended_with_a_reason_and_its_owner_sees_it_at_once(
    keeper: Page, page: Page, customer: Customer
) -> None:
    await page.goto("/overview")
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    await open_account(keeper, customer)
    await expect(keeper.get_by_text(customer.owner.email)).to_be_visible()

    await keeper.get_by_role("button", name="Suspend…").click()
    dialog = keeper.get_by_role("dialog")
    await dialog.get_by_label("Reason").select_option("phishing")
    await dialog.get_by_label("Note to the owners").fill("Three reports.\nWrite to us.")
    await dialog.get_by_role("button", name="Suspend the account").click()
    banner = page.get_by_text("This account is suspended")
    await expect(banner).to_contain_text("its addresses are used to deceive people")
    await expect(keeper.get_by_text("Three reports.")).to_be_visible()

    await keeper.get_by_role("button", name="Resume…").click()
    await keeper.get_by_role("button", name="Resume the account").click()
    await expect(banner).to_have_count(0)
    await expect(keeper.get_by_role("button", name="Suspend…")).to_be_visible()

    await keeper.goto("/staff/audit")
    lines = keeper.get_by_role("table", name="Service log")
    for done in ("Account suspended", "Account resumed", "Staff signed-in"):
        await expect(lines.get_by_role("row").filter(has_text=done).first).to_be_visible()


async def test_a_customer_gets_nothing_of_the_staff_pages(page: Page, customer: Customer) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto("/staff/queue")
    await expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
    await expect(page.get_by_role("navigation", name="Main").get_by_text("Staff")).to_have_count(0)
    assert [url for url in asked if "/staff/v1/" in url] == []
    path = f"/staff/v1/accounts/{customer.tenant.id}"
    assert await page.evaluate("async (path) => (await fetch(path)).status", path) == 401


async def test_a_staff_session_ends_by_itself_and_shows_the_way_in_again(
    keeper: Page, site: Site, customer: Customer
) -> None:
    await open_account(keeper, customer)
    await keeper.goto("/staff/queue")
    await expect(keeper.get_by_role("table", name="Lanes").get_by_role("row")).to_have_count(3)
    await keeper.get_by_role("button", name="Sign out of staff").click()
    await expect(keeper.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
    await expect(keeper.get_by_role("table")).to_have_count(0)
    await keeper.get_by_role("button", name="Sign in with a passkey").click()
    await expect(keeper.get_by_role("heading", name="Queue health", level=1)).to_be_visible()


async def test_everybody_on_staff_can_use_its_pages(
    keeper: Page, site: Site, customer: Customer, axe: Axe, screens: Screens
) -> None:
    async with site.world.runtime.database.transaction() as tx:
        for age, forwarded in ((0, 312), (1, 280), (2, 455), (4, 120)):
            await tx.execute(
                "insert into usage_day (account_id, day, forwarded, refused) "
                "values ($1, current_date - $2::int, $3, 9)",
                *(customer.tenant.id, age, forwarded),
            )
    at = f"/staff/accounts/{customer.tenant.id}"
    for width, height in (DESK, PHONE):
        await keeper.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            await keeper.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            for name, path in (("queue", "/staff/queue"), ("audit", "/staff/audit"), ("account", at)):
                await keeper.goto(path)
                await expect(keeper.get_by_role("heading", level=1)).to_be_visible()
                await expect(keeper.locator("main").locator("table, figure, li dl").first).to_be_visible()
                await axe(keeper)
                await screens(keeper, f"staff-{name}-{width}-{scheme}")
