"""What is held of an account and how it leaves: counted, taken out as one watches, deleted for a receipt."""

import asyncio
import json
import re
import zipfile

import pytest
from playwright.async_api import Locator, Page, Route, expect

from mailcore.attestation import Signed, Signer, is_signed
from tests.e2e.conftest import Axe, Screens
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.site import Customer
from tests.support.week import lived

EXPORT = "**/v1/account/export*"


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("table", name="Held now").get_by_role("row").filter(has_text=name)


async def open_privacy(page: Page) -> None:
    await page.goto("/privacy")
    await expect(page.get_by_role("table", name="Held now")).to_be_visible()


async def with_a_week(customer: Customer) -> None:
    domain = await customer.domain()
    await customer.alias(domain, "hello")
    await lived(customer, domain, "hello")


async def delete_by_name(page: Page, name: str) -> None:
    await page.get_by_role("button", name="Delete this account…").click()
    await page.get_by_label("I need no export").check()
    await page.get_by_label("to confirm").fill(name)
    await page.get_by_role("button", name="Delete the account").click()


async def test_it_counts_what_is_held_and_says_what_becomes_unreadable_next(
    page: Page, customer: Customer
) -> None:
    await with_a_week(customer)
    told = (await customer.owner.http.get("/v1/privacy/held")).json()
    await open_privacy(page)
    await expect(row(page, "Messages in the log")).to_contain_text(str(told["log"]["messages"]))
    delivered = told["log"]["events"]["delivered"]
    await expect(row(page, "Their events")).to_contain_text(f"{delivered} delivered")
    await expect(row(page, "Mail that waits")).to_contain_text("0")
    await expect(page.get_by_role("main")).to_contain_text(re.compile(r"Next to be unreadable\s*\d+ "))
    await expect(page.get_by_role("main")).to_contain_text("Nobody, unless you let them")


async def test_what_is_logged_is_listed_to_the_column(page: Page) -> None:
    await open_privacy(page)
    await page.get_by_role("button", name="What is logged…").click()
    await expect(page.get_by_role("dialog")).to_contain_text("the server that connected")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="What is logged…")).to_be_focused()


async def test_how_much_the_log_keeps_is_chosen_for_each_domain_and_undone(
    page: Page, customer: Customer
) -> None:
    domain = await customer.domain()

    async def level() -> str:
        found: str = (await customer.owner.http.get(f"/v1/domains/{domain.id}")).json()["log_level"]
        return found

    await open_privacy(page)
    choice = page.get_by_label(f"Log level of {domain.name}")
    async with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        await choice.select_option("No sender")
    await expect(page.get_by_text("All but who sent it")).to_be_visible()
    assert await level() == "no-sender"
    async with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        await page.get_by_role("button", name="Undo").click()
    await expect(choice).to_have_value("full")
    assert await level() == "full"


async def test_it_leads_to_what_anybody_can_check(page: Page) -> None:
    await open_privacy(page)
    for name in ("Policy", "Signed statements", "Warrant canary", "Transparency"):
        await page.get_by_role("link", name=name, exact=True).click()
        await expect(page.get_by_role("navigation", name="Privacy", exact=True)).to_be_visible()
        await page.go_back()


async def test_an_export_tells_how_far_it_is_and_is_saved(page: Page, customer: Customer) -> None:
    await with_a_week(customer)
    told, may_end = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        """The API has sent everything; the last piece is on its way."""
        answer = await route.fetch()
        told.set()
        await may_end.wait()
        await route.fulfill(response=answer)

    await page.route(EXPORT, hold)
    await open_privacy(page)
    await page.get_by_role("button", name="Export", exact=True).click()
    await told.wait()
    bar = page.get_by_role("progressbar", name="Export")
    await expect(bar).to_have_attribute("value", re.compile(r"^[1-9]\d*$"))
    await expect(bar).to_have_attribute("value", await bar.get_attribute("max") or "")
    async with page.expect_download() as waiting:
        may_end.set()
    file = await waiting.value
    assert file.suggested_filename == "clearpost-export.zip"
    with zipfile.ZipFile(await file.path()) as archive:
        assert archive.testzip() is None
        assert len(archive.read("log.jsonl").splitlines()) > 100
    await expect(page.get_by_text("Saved as clearpost-export.zip")).to_be_visible()


async def test_an_export_is_cancelled_and_nothing_is_saved(page: Page) -> None:
    asked, aborted = asyncio.Event(), asyncio.Event()

    async def never(route: Route) -> None:
        asked.set()
        await aborted.wait()
        await route.abort()

    saved: list[str] = []
    page.on("download", lambda file: saved.append(file.suggested_filename))
    await page.route(EXPORT, never)
    await open_privacy(page)
    await page.get_by_role("button", name="Export", exact=True).click()
    await asked.wait()
    async with page.expect_event("requestfailed"):
        await page.get_by_role("button", name="Cancel").click()
    aborted.set()
    await expect(page.get_by_role("button", name="Export", exact=True)).to_be_enabled()
    await expect(page.get_by_role("alert")).to_have_count(0)
    assert saved == []


async def test_an_export_that_is_refused_says_why(page: Page) -> None:
    refusal = {"title": "Too many requests", "status": 429, "code": "rate_limited", "detail": "Often today."}
    await page.route(EXPORT, lambda route: route.fulfill(status=429, json=refusal))
    await open_privacy(page)
    await page.get_by_role("button", name="Export", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("Often today.")


async def test_an_account_is_deleted_by_its_name_for_a_receipt_that_anybody_checks(
    page: Page, customer: Customer
) -> None:
    runtime = customer.site.world.runtime
    name = (await customer.owner.http.get("/v1/account")).json()["name"]
    await open_privacy(page)
    await page.get_by_role("button", name="Delete this account…").click()
    delete = page.get_by_role("button", name="Delete the account")
    await page.get_by_label("to confirm").fill(name[:-1])
    await expect(delete).to_be_disabled()
    await page.get_by_label("to confirm").fill(name)
    await delete.click()
    await expect(page.get_by_role("alert")).to_contain_text("export")
    await page.get_by_label("I need no export").check()
    await delete.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"{name} is deleted")
    assert (await customer.owner.http.get("/v1/me")).status_code == 401  # its browsers are out
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Save the receipt").click()
    saved = json.loads((await (await waiting.value).path()).read_text(encoding="utf-8"))
    signed = Signed(saved["receipt"], saved["key"], saved["signature"])
    assert is_signed("receipt", signed, Signer(runtime.keyring).public_keys)
    assert json.loads(signed.text)["account"] == str(customer.tenant.id)
    await page.get_by_role("link", name="Leave").click()
    await expect(page).to_have_url(f"{customer.site.url}/")


async def test_the_receipt_stays_on_screen_whatever_the_page_asks_meanwhile(
    page: Page, customer: Customer
) -> None:
    name = (await customer.owner.http.get("/v1/account")).json()["name"]
    await open_privacy(page)
    await delete_by_name(page, name)
    await expect(page.get_by_role("button", name="Save the receipt")).to_be_visible()
    async with page.expect_response(re.compile("/v1/events")):  # the stream has ended, and comes again
        pass
    await expect(page.get_by_role("button", name="Save the receipt")).to_be_visible()


async def test_a_role_that_may_only_look_is_offered_no_export_and_no_end(
    browsing: Browsing, customer: Customer
) -> None:
    page = await browsing(await customer.colleague("viewer"))
    await open_privacy(page)
    await expect(page.get_by_role("main")).to_contain_text("An owner or admin can export it.")
    await expect(page.get_by_role("button", name="Export", exact=True)).to_have_count(0)
    await expect(page.get_by_role("button", name="Delete this account…")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_it(
    browsing: Browsing,
    customer: Customer,
    axe: Axe,
    screens: Screens,
    size: tuple[int, int],
    dark: bool,
) -> None:
    look = f"{size[0]}-{'dark' if dark else 'light'}"
    await with_a_week(customer)
    page = await browsing(customer.owner, size=size, dark=dark)
    await open_privacy_at(page)
    await axe(page)
    await screens(page, f"privacy-{look}")
    await page.route(EXPORT, lambda route: None)
    await page.get_by_role("button", name="Export", exact=True).click()
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    await axe(page)
    await screens(page, f"privacy-export-{look}")
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Delete this account…").click()
    await expect(page.get_by_label("to confirm")).to_be_visible()
    await axe(page)
    await screens(page, f"privacy-delete-{look}")
    await page.get_by_label("I need no export").check()
    await page.get_by_label("to confirm").fill((await customer.owner.http.get("/v1/account")).json()["name"])
    await page.get_by_role("button", name="Delete the account").click()
    await expect(page.get_by_role("button", name="Save the receipt")).to_be_visible()
    await axe(page)
    await screens(page, f"privacy-receipt-{look}")


async def open_privacy_at(page: Page) -> None:
    """On phones the table is cards."""
    await page.goto("/privacy")
    await expect(page.get_by_label("Held now").get_by_text("Mail that waits")).to_be_visible()
