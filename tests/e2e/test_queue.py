"""What waits, as its owner sees and changes it, without a reload."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from clearpost.embedded.valkey import EmbeddedValkey
from tests.e2e.conftest import Axe, Screens
from tests.support import sender
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.services import TestPostgres
from tests.support.site import Customer, Site, running_site

GREYLISTED = "451 4.7.1 Greylisted, please try again in a while"
FULL = "452 4.2.2 Mailbox is full"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(
    migrated_postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """Tries again after twenty minutes: what is put off waits for whoever looks."""
    url = await migrated_postgres.create_database()
    ladder = (timedelta(minutes=20),)
    folder = tmp_path_factory.mktemp("queue-site")
    async with running_site(url, valkey.url, folder, standard_ladder=ladder, fast_ladder=ladder) as running:
        yield running


async def put_off(customer: Customer, *inboxes: str, said: str = GREYLISTED) -> None:
    """A message to an alias of its own for each of these inboxes, which put it off once."""
    domain = await customer.domain(f"{inboxes[0]}-{customer.domain_name}")
    for inbox in inboxes:
        address = f"{inbox}{customer.number}@inbox.test"
        customer.site.inbox.script[f"<{address}>"] = [said]
        await customer.alias(domain, inbox, address)
    async with sender.sender_at(customer.site.stack.settings.mx_port) as connection:
        for inbox in inboxes:
            reply = await connection.mail(
                "ann@sender.test", [f"{inbox}@{domain.name}"], sender.letter(f"For {inbox}")
            )
            assert reply.startswith("250"), reply


def rows(page: Page) -> Locator:
    return page.get_by_role("table", name="Deliveries that wait").locator("tbody tr[aria-rowindex]")


async def test_what_waits_is_told_and_tried_now_without_a_reload(page: Page, customer: Customer) -> None:
    await page.goto("/queue")
    await expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    await put_off(customer, "ada")
    row = rows(page).filter(has_text=f"ada{customer.number}@inbox.test")
    await expect(row).to_contain_text(re.compile(r"(1\d|2\d) min"))
    await expect(row).to_contain_text("4.7.1")
    await expect(row).to_contain_text("Greylisted: normal")
    await row.get_by_role("button", name="Try").click()
    await expect(page.get_by_label("Notices")).to_contain_text("Trying 1 delivery now")
    await expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    assert any(f"<ada{customer.number}@" in each.rcpt[0] for each in customer.site.inbox.messages)


async def test_one_is_cancelled_only_after_a_question(page: Page, customer: Customer) -> None:
    await put_off(customer, "bob")
    await page.goto("/queue")
    row = rows(page).filter(has_text=f"bob{customer.number}@inbox.test")
    await row.get_by_role("button", name="Cancel delivery").click()
    question = page.get_by_role("dialog", name="Cancel this delivery?")
    await page.keyboard.press("Escape")
    await expect(question).to_be_hidden()
    await expect(row).to_be_visible()
    await row.get_by_role("button", name="Cancel delivery").click()
    await question.get_by_role("button", name="Cancel delivery").click()
    await expect(question).to_be_hidden()
    await expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    await page.goto("/logs")
    await expect(page.get_by_role("row", name="For bob")).to_contain_text("Hard-bounced")


async def test_those_chosen_are_tried_and_all_that_match_are_cancelled(
    page: Page, customer: Customer
) -> None:
    await put_off(customer, "cid", "dan", "eve")
    await page.goto("/queue")
    await expect(rows(page)).to_have_count(3)
    for name in ("cid", "dan"):
        await rows(page).filter(has_text=f"{name}{customer.number}@").get_by_role("checkbox").click()
    bar = page.get_by_role("region", name="Chosen deliveries")
    await expect(bar).to_contain_text("2 chosen")
    await bar.get_by_role("button", name="Try now").click()
    await expect(rows(page)).to_have_count(1)
    await expect(bar).to_be_hidden()
    await put_off(customer, "fay")
    await expect(rows(page)).to_have_count(2)
    await rows(page).first.get_by_role("checkbox").click()
    await bar.get_by_role("button", name="Choose all 2 that match").click()
    await bar.get_by_role("button", name="Cancel deliveries").click()
    question = page.get_by_role("dialog", name="Cancel 2 deliveries?")
    await question.get_by_role("button", name="Cancel deliveries").click()
    await expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()


async def test_the_filter_is_in_the_url_and_all_means_all_of_it(page: Page, customer: Customer) -> None:
    await put_off(customer, "gil")
    await put_off(customer, "hal")
    await page.goto("/queue")
    await expect(rows(page)).to_have_count(2)
    await page.get_by_role("combobox", name="Domain").select_option(f"gil-{customer.domain_name}")
    await expect(page).to_have_url(re.compile("domain_id="))
    await expect(rows(page)).to_have_count(1)
    await page.get_by_role("button", name="Try all now").click()
    await expect(page.get_by_role("heading", name="Nothing of these waits")).to_be_visible()
    await page.get_by_role("link", name="Show the whole queue").click()
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page).first).to_contain_text("hal")


async def test_the_timeline_tries_and_cancels_too(page: Page, customer: Customer) -> None:
    await put_off(customer, "ida", "jon")
    await page.goto("/queue")
    await page.get_by_role("link", name=f"ida{customer.number}@").click()
    drawer = page.get_by_role("dialog", name="For ida")
    await expect(drawer).to_contain_text(re.compile(r"Next try in [12]\d min"))
    await drawer.get_by_role("button", name="Try now").click()
    await expect(drawer.get_by_role("listitem").last).to_contain_text("Delivered")
    await page.goto("/queue")
    await page.get_by_role("link", name=f"jon{customer.number}@").click()
    drawer = page.get_by_role("dialog", name="For jon")
    await drawer.get_by_role("button", name="Cancel delivery").click()
    question = page.get_by_role("dialog", name="Cancel this delivery?")
    await question.get_by_role("button", name="Cancel delivery").click()
    await expect(drawer.get_by_role("listitem").last).to_contain_text("Hard-bounced")
    await expect(drawer.get_by_role("listitem").last).to_contain_text("We ended this delivery")


async def test_a_viewer_sees_what_waits_and_is_offered_nothing(
    browsing: Browsing, customer: Customer
) -> None:
    await put_off(customer, "kim")
    page = await browsing(await customer.colleague("viewer"))
    await page.goto("/queue")
    await expect(rows(page)).to_have_count(1)
    await expect(page.get_by_role("main").get_by_role("button", name=re.compile("Try|Cancel"))).to_have_count(
        0
    )
    await expect(page.get_by_role("checkbox")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_the_queue(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    await put_off(customer, "lea", "max")
    await put_off(customer, "ned", said=FULL)
    page = await browsing(customer.owner, size=size, dark=dark)
    await page.goto("/queue")
    for name in ("lea", "max", "ned"):
        await expect(page.get_by_role("link", name=f"{name}{customer.number}@")).to_be_visible()
    await axe(page)
    await screens(page, f"queue-{size[0]}-{'dark' if dark else 'light'}")
