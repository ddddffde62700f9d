"""The overview: what needs somebody, and how mail does, at one glance and live."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from mailcore.plans import Plan
from tests.e2e.conftest import Axe, Screens
from tests.support import sender
from tests.support.browsing import DESK, PHONE, SCREENS, Browsing
from tests.support.site import Customer, Site
from tests.support.week import lived

SOON = 5_000  # ms, from an event to the page
COUNTED = 20_000  # ms: the log is counted every 12 s at most


def todo(page: Page) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", name="To do", level=2))


async def is_checked(customer: Customer, name: str, *, old_mx: bool = False) -> None:
    """The domain's records are published, and looked at."""
    zone = customer.site.stack.zone
    zone.put_txt(f"_clearpost.{name}", f"clearpost-verification={customer.tenant.token}")
    zone.put(name, "MX", *(["5 mail.oldhost.test."] if old_mx else []), "10 mx.clearpost.test.")
    domains = (await customer.owner.http.get("/v1/domains")).json()["data"]
    (domain,) = [each for each in domains if each["name"] == name]
    assert (await customer.owner.http.post(f"/v1/domains/{domain['id']}/check")).is_success


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def busy(site: Site) -> Customer:
    """Three domains, of which one has an old MX; an inbox that has not answered; a week of mail."""
    customer = await site.customer(Plan.PREMIUM)
    await customer.owner.http.patch("/v1/account", json={"name": "Paper Lantern"})
    main = await customer.domain("paperlantern.test")
    other = await customer.domain("lantern-shop.test")
    half = await customer.domain("lantern-festival.test")
    named = ((main, ("hello", "orders", "press")), (other, ("shop", "returns")), (half, ("hi",)))
    for domain, names in named:
        for name in names:
            await customer.alias(domain, name)
        await is_checked(customer, domain.name, old_mx=domain is half)
    asked = await customer.owner.http.post("/v1/destinations", json={"address": "mei@inbox.test"})
    assert asked.is_success, asked.text
    await lived(customer, main, "hello", "orders", "press")
    return customer


async def test_a_new_account_is_led_to_the_first_run(page: Page) -> None:
    await page.goto("/overview")
    await page.get_by_role("link", name="Set up the first domain").click()
    await expect(page).to_have_url(re.compile("/welcome$"))


async def test_only_what_needs_somebody_is_told_and_each_leads_to_where_it_is_done(
    site: Site, page: Page, customer: Customer
) -> None:
    domain = await customer.domain()
    await customer.alias(domain, "hello")
    await is_checked(customer, domain.name)
    await page.goto("/overview")
    row = page.get_by_role("list", name="Domains").get_by_role("listitem").filter(has_text=domain.name)
    await expect(row).to_contain_text("Verified")
    await expect(page.get_by_role("heading", name="To do")).to_be_hidden()

    # Live, each as it comes.
    await customer.owner.http.post("/v1/destinations", json={"address": f"new{customer.number}@inbox.test"})
    await expect(todo(page)).to_contain_text(
        f"new{customer.number}@inbox.test has not said yes", timeout=SOON
    )
    await todo(page).get_by_role("button", name=re.compile("^Ask new")).click()
    await is_checked(customer, domain.name, old_mx=True)
    await expect(todo(page)).to_contain_text("An older MX is still there: mail.oldhost.test.", timeout=SOON)
    await expect(row).to_contain_text("An older MX is still there")
    await todo(page).get_by_role("link", name="Remove the old MX").click()
    await expect(page).to_have_url(re.compile(rf"/domains/{domain.id}/dns$"))


async def test_a_failing_payment_leads_to_billing(site: Site, browsing: Browsing, customer: Customer) -> None:
    await customer.domain()
    await site.stack.world.execute(
        "insert into subscription (account_id, customer_id, status, past_due_since, fetch_at) "
        "values ($1, 'cus_late', 'past_due', now() - interval '2 days', now() + interval '1 day')",
        customer.tenant.id,
    )
    page = await browsing(customer.owner)
    await page.goto("/overview")
    await todo(page).get_by_role("link", name="Update the payment").click()
    await expect(page).to_have_url(re.compile("/billing$"))
    await expect(page.get_by_role("main")).to_contain_text("Everything works until")


async def test_mail_that_arrives_is_counted_in_the_open_page(
    site: Site, page: Page, customer: Customer
) -> None:
    await customer.alias(await customer.domain(), "hello")
    await page.goto("/overview")
    meter = page.get_by_role("img", name=re.compile("^Forwarded today"))
    await expect(meter).to_have_attribute("aria-label", "Forwarded today: 0 / 500")
    plot = page.get_by_role("figure").filter(has_text="Last 7 days")
    await plot.get_by_role("button", name="Show table").click()
    today = plot.get_by_role("row").last
    await expect(today.get_by_role("cell").first).to_have_text("0")
    reply = await sender.send(
        site.stack.settings.mx_port, "ann@sender.test", f"hello@{customer.domain_name}", sender.letter("Hi")
    )
    assert reply.startswith("250"), reply
    await expect(meter).to_have_attribute("aria-label", "Forwarded today: 1 / 500", timeout=SOON)
    await expect(today.get_by_role("cell").first).to_have_text("1", timeout=COUNTED)


async def test_plots_say_in_a_table_what_they_show(
    busy: Customer, browsing: Browsing, screens: Screens
) -> None:
    page = await browsing(busy.owner)
    await page.goto("/overview")
    for title, legend in (("Last 7 days", "Delivered"), ("Delivery time, fast lane", "Half within")):
        plot = page.get_by_role("figure").filter(has_text=title)
        await expect(plot.get_by_role("img", name=title)).to_be_visible()
        await plot.get_by_role("button", name="Show table").click()
        await expect(plot.get_by_role("columnheader", name=legend)).to_be_visible()
        assert await plot.get_by_role("row").count() >= 8
    await screens(page, "overview-tables")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_busy_overview_is_for_everybody(
    busy: Customer, browsing: Browsing, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    page = await browsing(busy.owner, size=size, dark=dark)
    await page.goto("/overview")
    await expect(todo(page)).to_contain_text("has not said yes")
    await expect(page.get_by_role("img", name="Last 7 days")).to_be_visible()
    await axe(page)
    beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert beyond <= 0, f"{beyond} px stick out sideways"
    await screens(page, f"overview-busy-{size[0]}-{'dark' if dark else 'light'}")


async def test_from_the_overview_a_message_is_two_presses_away(busy: Customer, browsing: Browsing) -> None:
    """Its two pictures, of what fits a window, are those of README.md."""
    page = await browsing(busy.owner, size=(1280, 760))
    await page.goto("/overview")
    await expect(page.get_by_role("img", name="Delivery time, fast lane")).to_be_visible()
    await page.screenshot(path=SCREENS / "readme-overview.png")
    await page.get_by_role("navigation").get_by_role("link", name="Log").click()
    await page.get_by_role("link", name="Your parcel is on its way").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("250 2.0.0 Accepted")
    await page.screenshot(path=SCREENS / "readme-log.png")
