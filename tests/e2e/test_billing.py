"""Billing: what a plan gives and costs, bought at Stripe's stand-in, given back, and woken again."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.async_api import Locator, Page, expect

from mailcore.plans import Plan, limits_for
from tests.e2e.conftest import Axe, Screens
from tests.support.browsing import DESK, PHONE, Browsing, Guard
from tests.support.site import Customer, Site
from tests.support.stack import until
from tests.support.week import lived
from tests.support.world import DomainRow
from workers.plans import settle_downgrades

FREE = limits_for(Plan.FREE)
AT_ONCE = 5_000  # ms, from the signed event to the open page
MONTH = timedelta(days=32)


def may_leave_for(guard: Guard, site: Site) -> None:
    """Stripe's pages are theirs: a redirect, never a part of ours."""
    guard.allow(re.escape(f"asked another origin: {site.stripe.url}/"))


def main(page: Page) -> Locator:
    return page.get_by_role("main")


async def full(customer: Customer) -> DomainRow:
    """All aliases that the free plan allows."""
    domain = await customer.domain()
    for number in range(FREE.aliases_per_domain):
        await customer.alias(domain, f"n{number:02}")
    return domain


async def made(customer: Customer, domain: DomainRow, local_part: str) -> dict[str, object]:
    body = {"local_part": local_part, "destinations": ["you@inbox.test"]}
    answer = await customer.owner.http.post(f"/v1/domains/{domain.id}/aliases", json=body)
    return dict(answer.json())


async def pays(site: Site, customer: Customer, plan: str) -> None:
    """As the owner, without a browser: Stripe's signed event says it."""
    body = {"plan": plan, "interval": "month"}
    opened = (await customer.owner.http.post("/v1/billing/checkout", json=body)).json()
    await site.stripe.pay(opened["url"])
    await until(lambda: has(customer, plan))


async def has(customer: Customer, plan: str) -> bool:
    return bool((await customer.owner.http.get("/v1/account")).json()["plan"] == plan)


async def test_a_limit_names_its_price_and_rises_in_the_open_page_once_it_is_paid(
    site: Site, browsing: Browsing, customer: Customer, guard: Guard, screens: Screens
) -> None:
    may_leave_for(guard, site)
    domain = await full(customer)
    problem = await made(customer, domain, "surplus")
    assert (problem["code"], problem["limit"]) == ("limit_reached", FREE.aliases_per_domain), problem

    page = await browsing(customer.owner)
    await page.goto("/aliases?add=1")
    limit = page.get_by_role("link", name=f"All 25 aliases of {domain.name} in use: Premium for $9 a month")
    await expect(limit).to_be_visible()
    await screens(page, "limit-reached")

    shop = await page.context.new_page()
    await shop.goto("/aliases?add=1")
    await shop.get_by_role("link", name=re.compile("^All 25 aliases")).click()
    await expect(shop).to_have_url(re.compile(r"/billing\?plan=premium"))
    await shop.get_by_role("link", name="Upgrade to Premium").click()
    dialog = shop.get_by_role("dialog", name="Change to Premium")
    await expect(dialog).to_contain_text("Premium costs $9 a month. You pay on Stripe")
    await dialog.get_by_role("button", name="Continue to payment").click()
    await shop.get_by_role("button", name=re.compile("^Pay")).click()
    await expect(shop).to_have_url(re.compile("/billing"))

    await expect(limit).to_be_hidden(timeout=AT_ONCE)
    await expect(page.get_by_role("button", name="Create alias").last).to_be_visible()
    await expect(shop.get_by_text("Premium is yours")).to_be_visible()
    await expect(shop.get_by_role("img", name=re.compile("^Aliases of"))).to_have_attribute(
        "aria-label", f"Aliases of {domain.name}: 25 / 100"
    )
    await expect(shop).to_have_url(re.compile("/billing$"))
    assert (await made(customer, domain, "surplus"))["address"] == f"surplus@{domain.name}"


async def test_a_downgrade_names_what_will_pause_deletes_nothing_and_an_upgrade_wakes_it(
    site: Site, browsing: Browsing, customer: Customer, guard: Guard, axe: Axe, screens: Screens
) -> None:
    may_leave_for(guard, site)
    domain = await full(customer)
    await pays(site, customer, "premium")
    surplus = await customer.alias(domain, "surplus")

    page = await browsing(customer.owner)
    await page.goto("/billing")
    await page.get_by_role("link", name="Downgrade to Free").click()
    dialog = page.get_by_role("dialog", name="Change to Free")
    pausing = dialog.get_by_role("region", name="What pauses")
    await expect(pausing).to_contain_text("1 alias pauses")
    await expect(pausing.get_by_role("listitem")).to_have_text([surplus.address])
    await expect(dialog).to_contain_text("Nothing is deleted")
    await axe(page)
    await screens(page, "billing-downgrade")
    await dialog.get_by_role("button", name="Change to Free").click()
    await expect(main(page)).to_contain_text(re.compile(r"Ends.+, then Free"))

    # Taken back, and given again.
    await page.get_by_role("button", name="Keep Premium").click()
    await expect(main(page)).to_contain_text("Renews", timeout=AT_ONCE)
    await page.get_by_role("link", name="Downgrade to Free").click()
    await dialog.get_by_role("button", name="Change to Free").click()
    await expect(page.get_by_role("button", name="Keep Premium")).to_be_visible()

    site.stripe.control.advance(MONTH)
    await expect(page.get_by_role("link", name="Upgrade to Premium")).to_be_visible(timeout=2 * AT_ONCE)
    await expect(main(page)).to_contain_text(re.compile("What is more pauses .+; nothing is deleted"))
    await grace_ends(site, customer)
    assert await paused(site, customer) == [surplus.address]
    await page.reload()
    await expect(main(page)).to_contain_text("is paused. Nothing was deleted.")

    await pays(site, customer, "premium")
    await expect(page.get_by_text("is paused. Nothing was deleted.")).to_be_hidden(timeout=AT_ONCE)
    assert await paused(site, customer) == []
    assert await site.stack.world.value("select count(*) from alias where domain_id = $1", domain.id) == 26


async def paused(site: Site, customer: Customer) -> list[str]:
    rows = await site.stack.world.database.fetch(
        "select a.local_part || '@' || d.name as address from alias a join domain d on d.id = a.domain_id "
        "where a.account_id = $1 and a.paused_at is not null",
        customer.tenant.id,
    )
    return [row["address"] for row in rows]


async def grace_ends(site: Site, customer: Customer) -> None:
    """The week after the downgrade has passed, and its owner was told a day before."""
    world, account = site.stack.world, UUID(str(customer.tenant.id))
    await world.execute(
        "update account set surplus_pauses_at = now() - interval '1 second', surplus_told = 2 where id = $1",
        account,
    )
    await settle_downgrades(world.database, world.clock)

    async def is_settled() -> bool:
        return bool(await paused(site, customer))

    await until(is_settled)


async def test_years_cost_less_and_the_address_keeps_the_choice(page: Page) -> None:
    await page.goto("/billing")
    plans = page.get_by_role("table", name="Plans compared")
    await expect(plans).to_contain_text("$9 a month")
    await page.get_by_text("Yearly", exact=True).click()
    await expect(plans).to_contain_text("$90 a year, $18 less")
    await page.reload()
    await expect(page).to_have_url(re.compile("interval=year"))
    await expect(plans).to_contain_text("$90 a year")


async def test_an_upgrade_of_what_is_bought_is_paid_at_once_for_the_difference(
    site: Site, page: Page, customer: Customer
) -> None:
    await pays(site, customer, "premium")
    await page.goto("/billing")
    await page.get_by_role("link", name="Upgrade to Business").click()
    dialog = page.get_by_role("dialog", name="Change to Business")
    await expect(dialog).to_contain_text(re.compile(r"It begins at once; due now are \$\d"))
    await dialog.get_by_role("button", name=re.compile(r"^Pay \$.+ and change$")).click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("img", name="Domains: 0 / 200")).to_be_visible(timeout=AT_ONCE)


async def test_cards_and_invoices_are_at_stripe(
    site: Site, page: Page, customer: Customer, guard: Guard
) -> None:
    may_leave_for(guard, site)
    await pays(site, customer, "premium")
    await page.goto("/billing")
    await page.get_by_role("button", name="Cards and invoices").click()
    await expect(page).to_have_url(re.compile(re.escape(f"{site.stripe.url}/portal/")))


async def test_a_failing_payment_says_until_when_all_works(
    site: Site, page: Page, customer: Customer, guard: Guard, axe: Axe, screens: Screens
) -> None:
    may_leave_for(guard, site)
    await pays(site, customer, "premium")
    await site.stack.world.execute(
        "update subscription set status = 'past_due', past_due_since = now() - interval '3 days' "
        "where account_id = $1",
        customer.tenant.id,
    )
    await page.goto("/billing")
    await expect(main(page)).to_contain_text(re.compile("Everything works until .+ the free plan begins"))
    await axe(page)
    await screens(page, "billing-past-due")
    await page.get_by_role("button", name="Update the payment").click()
    await expect(page).to_have_url(re.compile(re.escape(f"{site.stripe.url}/portal/")))


@pytest.mark.parametrize("role", ["admin", "viewer"])
async def test_who_may_not_change_the_plan_is_told_who_can(
    browsing: Browsing, customer: Customer, role: str
) -> None:
    page = await browsing(await customer.colleague(role))
    await page.goto("/billing")
    told = page.get_by_text("Only owners change the plan: ask")
    await expect(told).to_contain_text(customer.owner.email)
    await expect(page.get_by_role("table", name="Plans compared")).to_be_visible()
    await expect(page.get_by_role("link", name=re.compile("^Upgrade"))).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_billing_is_for_everybody(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    await lived(customer, await full(customer), "n01", "n02")
    page = await browsing(customer.owner, size=size, dark=dark)
    await page.goto("/billing?plan=premium")
    await expect(page.get_by_role("link", name="Upgrade to Premium")).to_be_visible()
    await expect(page.get_by_role("img", name="Last 30 days")).to_be_visible()
    await axe(page)
    beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert beyond <= 0, f"{beyond} px stick out sideways"
    await screens(page, f"billing-{size[0]}-{'dark' if dark else 'light'}")
