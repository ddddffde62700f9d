"""Domains: how each is, what its DNS says, its tabs, and its end."""

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Locator, Page, expect

from mailcore.plans import Plan
from tests.e2e.conftest import Screens
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.promises import within
from tests.support.site import Customer, Site

Axe = Callable[[Page], Awaitable[None]]
SOON = 5.0  # seconds, from publishing to the row


def record(page: Page, kind: str) -> Locator:
    return page.locator(f"[data-record={kind}]")


def token(customer: Customer) -> str:
    return f"clearpost-verification={customer.tenant.token}"


def publish(site: Site, customer: Customer, name: str) -> None:
    site.stack.zone.put_txt(f"_clearpost.{name}", token(customer))
    site.stack.zone.put(name, "MX", "10 mx.clearpost.test.")


async def test_an_account_without_domains_is_led_to_the_first_run(page: Page) -> None:
    await page.goto("/domains")
    await page.get_by_role("link", name="Set up the first domain").click()
    await expect(page).to_have_url(re.compile("/welcome$"))


async def test_the_list_tells_of_each_domain_how_it_is_and_what_to_do_next(
    site: Site, browsing: Browsing, axe: Axe, screens: Screens
) -> None:
    customer = await site.customer(Plan.BUSINESS)
    number = customer.number
    fine = await customer.domain(f"fine{number}.test")
    await customer.alias(fine, "hello")
    publish(site, customer, fine.name)
    await customer.domain(f"new{number}.test", verified=False)
    late = await customer.domain(f"late{number}.test", verified=False)
    await site.stack.world.execute(
        "update domain set created_at = now() - interval '4 days' where id = $1", late.id
    )
    checked = await customer.owner.http.post(f"/v1/domains/{fine.id}/check")
    assert checked.json()["state"] == "verified", checked.text
    page = await browsing(customer.owner)
    await page.goto("/domains")
    rows = page.get_by_role("table", name="Domains").get_by_role("row")
    await expect(rows.filter(has_text=fine.name)).to_contain_text(re.compile(r"Verified\W(now|.* ago)1$"))
    await expect(rows.filter(has_text=f"new{number}")).to_contain_text("Publish its records")
    await expect(rows.filter(has_text=late.name)).to_contain_text(
        re.compile("Failed.*Publish its records anew")
    )
    await axe(page)
    await screens(page, "domains-1280")
    await page.get_by_role("link", name="Publish its records", exact=True).click()
    await expect(page).to_have_url(re.compile(r"/domains/[\w-]+/dns$"))
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"new{number}.test")


async def test_adding_takes_what_is_pasted_and_opens_its_records(page: Page, customer: Customer) -> None:
    await page.goto("/domains?add=1")
    dialog = page.get_by_role("dialog", name="Add a domain")
    field = dialog.get_by_label("Domain", exact=True)
    await field.fill(f"me@{customer.domain_name}")
    await expect(dialog).to_contain_text(f"From what you entered we take {customer.domain_name}.")
    await field.press("Enter")
    await expect(page).to_have_url(re.compile("/dns$"))
    await expect(page.get_by_role("heading", level=1)).to_have_text(customer.domain_name)
    await expect(record(page, "ownership")).to_have_attribute("data-state", "missing")


async def test_a_refused_name_is_refused_in_the_words_of_the_api(page: Page) -> None:
    await page.goto("/domains?add=1")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Domain", exact=True).fill("co.uk")
    await dialog.get_by_role("button", name="Add the domain").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("nobody can claim it")


async def test_a_plan_without_room_says_so_with_the_price_of_the_next(page: Page, customer: Customer) -> None:
    await customer.domain()
    await page.goto("/domains")
    await expect(
        page.get_by_role("link", name=re.compile(r"All 1 domain in use: Premium for .+ a month"))
    ).to_be_visible()
    await page.goto("/domains?add=1")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Free: room for 1 domain.")
    await expect(dialog).to_contain_text(re.compile(r"Premium has more room, for .+ a month"))
    await dialog.get_by_role("link", name="See plans").click()
    await expect(page).to_have_url(re.compile(r"/billing\?plan=premium"))


async def test_two_spf_records_become_the_one_line_to_paste(
    site: Site, customer: Customer, page: Page, screens: Screens
) -> None:
    name = customer.domain_name
    row = await customer.domain(verified=False)
    publish(site, customer, name)
    site.stack.zone.put_txt(name, "v=spf1 include:_spf.one.test ~all", "v=spf1 ip4:192.0.2.1 -all")
    await page.goto(f"/domains/{row.id}/dns")
    spf = record(page, "spf")
    await expect(spf).to_contain_text("There are several SPF records, so none of them counts.")
    await expect(spf.get_by_role("listitem")).to_have_count(2)
    await screens(page, "domain-dns-1280")
    await spf.get_by_role("button", name=f"Copy value of TXT {name}").click()
    merged = str(await page.evaluate("navigator.clipboard.readText()"))
    assert merged == "v=spf1 include:spf.clearpost.test include:_spf.one.test ip4:192.0.2.1 ~all"
    site.stack.zone.put_txt(name, merged)
    await expect(spf).to_have_attribute("data-state", "ok", timeout=within(SOON))


async def test_a_domain_whose_records_went_away_says_since_when_and_what_becomes_of_it(
    site: Site, customer: Customer, page: Page, screens: Screens
) -> None:
    row = await customer.domain()
    publish(site, customer, row.name)
    await customer.owner.http.post(f"/v1/domains/{row.id}/check")
    await page.goto(f"/domains/{row.id}/dns")
    await expect(page.get_by_text("Verified", exact=True)).to_be_visible()
    site.stack.zone.put(row.name, "MX", "10 mail.elsewhere.test.")
    await page.get_by_role("button", name="Check now").click()
    await expect(page.get_by_text("Temporarily failing", exact=True)).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("Mail is still taken")
    await expect(record(page, "mx")).to_contain_text("Mail still goes to mail.elsewhere.test.")
    await screens(page, "domain-failing")
    publish(site, customer, row.name)
    await expect(page.get_by_text("Verified", exact=True)).to_be_visible(timeout=within(SOON))


async def test_tabs_have_addresses_and_back_goes_through_them(page: Page, customer: Customer) -> None:
    row = await customer.domain()
    await customer.alias(row, "sales")
    await page.goto(f"/domains/{row.id}")
    await expect(page.get_by_role("table", name="Aliases")).to_contain_text(f"sales@{row.name}")
    tabs = page.get_by_role("navigation", name="Of this domain")
    await tabs.get_by_role("link", name="Log").click()
    await expect(page.get_by_text("Nothing in 7 days")).to_be_visible()
    await tabs.get_by_role("link", name="Settings").click()
    await expect(page).to_have_url(re.compile("/settings$"))
    await page.go_back()
    await expect(page).to_have_url(re.compile("/logs$"))
    await page.go_back()
    await expect(page.get_by_role("table", name="Aliases")).to_be_visible()


async def test_an_alias_is_made_on_the_tab_of_its_domain(page: Page, customer: Customer) -> None:
    row = await customer.domain()
    await page.goto(f"/domains/{row.id}")
    await page.get_by_role("button", name="Create alias").click()
    form = page.get_by_role("region", name="New alias")
    await form.get_by_label("Alias").fill("info")
    inbox = form.get_by_role("combobox", name=re.compile("forward|destination", re.IGNORECASE)).or_(
        form.get_by_role("textbox", name=re.compile("forward|destination", re.IGNORECASE))
    )
    await inbox.first.fill(customer.owner.email)
    await inbox.first.press("Enter")
    await form.get_by_role("button", name="Create alias").click()
    await expect(page.get_by_role("table", name="Aliases")).to_contain_text(f"info@{row.name}")
    await expect(page.get_by_role("navigation", name="Of this domain")).to_contain_text("Aliases1")


async def test_deleting_asks_for_the_name_and_says_what_happens_to_mail(
    page: Page, customer: Customer, axe: Axe, screens: Screens
) -> None:
    row = await customer.domain()
    await customer.alias(row, "hello")
    await page.goto(f"/domains/{row.id}/settings")
    await page.get_by_role("button", name="Delete the domain").click()
    dialog = page.get_by_role("dialog", name=f"Delete {row.name}?")
    await expect(dialog).to_contain_text("Its 1 alias is deleted.")
    await expect(dialog).to_contain_text("refused at once: 550 5.7.1")
    await expect(dialog).to_contain_text("No mail of its waits now.")
    sure = dialog.get_by_role("button", name="Delete the domain")
    await expect(sure).to_be_disabled()
    await screens(page, "domain-delete")
    await axe(page)
    await dialog.get_by_label(re.compile("to confirm")).fill(row.name)
    await sure.click()
    await expect(page).to_have_url(re.compile("/domains$"))
    await expect(page.get_by_text("No domain yet")).to_be_visible()
    assert (await customer.owner.http.get(f"/v1/domains/{row.id}")).status_code == 404


async def test_a_viewer_sees_records_and_no_button_that_would_be_refused(
    browsing: Browsing, customer: Customer
) -> None:
    row = await customer.domain(verified=False)
    page = await browsing(await customer.colleague("viewer"))
    await page.goto(f"/domains/{row.id}/dns")
    await expect(record(page, "mx")).to_be_visible()
    await expect(page.get_by_role("button", name="Check now")).to_have_count(0)
    await page.goto(f"/domains/{row.id}/settings")
    await expect(page.get_by_text("Your role may look at this domain, not change it.")).to_be_visible()
    await expect(page.get_by_role("button", name="Delete the domain")).to_have_count(0)
    for name in ("Plus addressing", "Strict DMARC", "Require TLS", "Refuse spam"):
        await expect(page.get_by_role("switch", name=name)).to_be_disabled()


async def test_a_domain_of_nobody_says_so_in_the_shell(page: Page) -> None:
    await page.goto("/domains/01900000-0000-7000-8000-000000000000")
    await expect(page.get_by_role("alert")).to_contain_text("There is no such thing in this account.")
    await expect(page.get_by_role("navigation").first).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_the_screens_of_a_domain(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    row = await customer.domain()
    await customer.alias(row, "hello")
    page = await browsing(customer.owner, size=size, dark=dark)
    kind = f"{size[0]}-{'dark' if dark else 'light'}"
    for path, there in (
        ("/domains", page.get_by_text(row.name).first),
        (f"/domains/{row.id}", page.get_by_text(f"hello@{row.name}").first),
        (f"/domains/{row.id}/dns", record(page, "dmarc")),
        (f"/domains/{row.id}/logs", page.get_by_text("Nothing in 7 days")),
        (f"/domains/{row.id}/settings", page.get_by_role("switch").first),
    ):
        await page.goto(path)
        await expect(there).to_be_visible()
        await axe(page)
        beyond = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert beyond <= 0, f"{path}: {beyond} px stick out sideways"
        name = path.removeprefix(f"/domains/{row.id}").strip("/") or "aliases"
        await screens(page, f"domain-{name}-{kind}")
