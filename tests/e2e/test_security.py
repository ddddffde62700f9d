"""How people sign in and where they are signed in; the audit log; the profile of a person and an account."""

import json
import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.conftest import Screens
from tests.support.browsing import DESK, PHONE, Browsing, Guard
from tests.support.left_open import leave_open
from tests.support.mailbox import link_in_letter
from tests.support.passkey_device import plug_in
from tests.support.site import Customer, Site

Axe = Callable[[Page], Awaitable[None]]


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def passkey(page: Page, name: str) -> Locator:
    """Its row, and not that of the audit log that tells of it."""
    return page.get_by_role("table", name="Passkeys").get_by_role("row").filter(has_text=name)


async def add_passkey(page: Page, name: str) -> None:
    await page.get_by_role("button", name="Add passkey").click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_role("button", name="Continue").click()
    await expect(passkey(page, name)).to_be_visible()


async def test_a_passkey_is_registered_renamed_signs_in_and_is_removed(
    page: Page, guard: Guard, customer: Customer
) -> None:
    await plug_in(page)
    await page.goto("/security")
    await add_passkey(page, "Laptop")
    await passkey(page, "Laptop").get_by_role("button", name="Rename").click()
    await page.get_by_label("Name", exact=True).fill("Work laptop")
    await page.get_by_role("button", name="Rename", exact=True).last.click()
    await expect(passkey(page, "Work laptop")).to_contain_text("Never")

    await page.get_by_role("button", name=re.compile(customer.owner.email)).click()
    await page.get_by_role("button", name="Sign out").last.click()
    await expect(page).to_have_url(re.compile("/auth/sign-in"))
    await page.goto("/security")
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page).to_have_url(re.compile("/security$"))
    await expect(row(page, "This one")).to_contain_text("Passkey")
    await expect(passkey(page, "Work laptop")).not_to_contain_text("Never")

    await passkey(page, "Work laptop").get_by_role("button", name="Remove…").click()
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(page.get_by_text("No passkeys")).to_be_visible()


async def test_a_device_that_has_a_passkey_here_is_told_so(page: Page) -> None:
    await plug_in(page)
    await page.goto("/security")
    await add_passkey(page, "Phone")
    await page.get_by_role("button", name="Add passkey").click()
    await page.get_by_label("Name", exact=True).fill("Phone again")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("alert")).to_have_text(re.compile("has a passkey here already"))


async def test_a_browser_that_was_left_open_signs_in_again_and_goes_on(
    site: Site, page: Page, customer: Customer
) -> None:
    await plug_in(page)
    await leave_open(site, customer.owner.id)
    await page.goto("/security")
    await page.get_by_role("button", name="Add passkey").click()
    await page.get_by_role("button", name="Sign in again").click()
    await page.get_by_role("button", name="Send me a link").click()
    await page.goto(await link_in_letter(site, customer.owner.email, "/auth/link/"))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Name", exact=True).fill("Laptop")
    await page.get_by_role("button", name="Continue").click()
    await expect(passkey(page, "Laptop")).to_be_visible()


async def test_a_session_ended_from_another_browser_is_out_at_once(
    browsing: Browsing, customer: Customer, page: Page
) -> None:
    again = await customer.site.world.person(customer.tenant, email=customer.owner.email)
    other = await browsing(again)
    await other.goto("/domains")
    await expect(other.get_by_role("heading", level=1)).to_have_text("Domains")
    await page.goto("/security")
    await page.get_by_role("row").filter(has_text="Firefox").get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("table", name="Signed in").get_by_role("row")).to_have_count(2)
    await other.get_by_role("link", name="Team").click()
    await expect(other).to_have_url(re.compile("/auth/sign-in"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Security")


async def test_all_other_browsers_are_signed_out_together(
    browsing: Browsing, customer: Customer, page: Page
) -> None:
    for _ in range(2):
        await customer.site.world.person(customer.tenant, email=customer.owner.email)
    await page.goto("/security")
    table = page.get_by_role("table", name="Signed in")
    await expect(table.get_by_role("row")).to_have_count(4)
    await page.get_by_role("button", name="Sign out everywhere else").click()
    await page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await expect(table.get_by_role("row")).to_have_count(2)


async def test_the_audit_log_is_filtered_in_the_url_and_taken_out_as_a_file(
    page: Page, customer: Customer
) -> None:
    for name in ("first", "second"):
        body = {"name": name, "scopes": ["logs:read"]}
        assert (await customer.owner.http.post("/v1/keys", json=body)).status_code == 201
    await customer.owner.http.patch("/v1/me", json={"name": "Ada"})
    await page.goto("/security")
    log = page.get_by_role("table", name="Audit log")
    await expect(log.get_by_role("row").filter(has_text="Person renamed")).to_be_visible()
    await page.get_by_label("What", exact=True).select_option("key")
    await expect(log.get_by_role("row").filter(has_text="Person renamed")).to_have_count(0)
    await page.get_by_label("Name of what was changed").fill("second")
    await expect(log.get_by_role("row")).to_have_count(2)
    await expect(page).to_have_url(re.compile("action=key.*subject=second"))
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="JSON lines").click()
    path = await (await waiting.value).path()
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["subject"] == "second"


async def test_a_person_says_their_name_and_changes_their_address_by_mail(
    site: Site, page: Page, customer: Customer
) -> None:
    await page.goto("/profile")
    await page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    await page.get_by_role("button", name="Save").first.click()
    await expect(page.get_by_role("button", name="Ada Lovelace")).to_be_visible()
    new = f"ada{customer.number}@newcomer.test"
    await page.get_by_role("button", name="Change…").click()
    await page.get_by_label("New address").fill(new)
    await page.get_by_role("button", name="Send the link").click()
    await expect(page.get_by_text("A letter is on its way")).to_be_visible()
    await page.goto(await link_in_letter(site, new, "/auth/address/"))
    await page.get_by_role("button", name="Sign in with it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Changed")
    await page.goto("/profile")
    await expect(page.get_by_role("main")).to_contain_text(new)


async def test_an_account_gets_another_name(page: Page) -> None:
    await page.goto("/profile")
    await page.get_by_label("Name of the account").fill("Lovelace Ltd")
    await page.get_by_role("button", name="Save").last.click()
    await expect(page.get_by_role("navigation", name="Main")).to_contain_text("Lovelace Ltd")


async def test_who_owns_an_account_alone_is_told_what_stands_in_the_way(
    page: Page, customer: Customer
) -> None:
    await customer.be_sole_owner()
    await page.goto("/profile")
    await page.get_by_role("button", name="Delete yourself…").click()
    await page.get_by_label("to confirm").fill(customer.owner.email)
    await page.get_by_role("dialog").get_by_role("button", name="Delete yourself").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_it(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    look = f"{size[0]}-{'dark' if dark else 'light'}"
    page = await browsing(customer.owner, size=size, dark=dark)
    body = {"name": "Backup script", "scopes": ["logs:read"]}
    await customer.owner.http.post("/v1/keys", json=body)
    await customer.site.world.person(customer.tenant, email=customer.owner.email)
    await page.goto("/security")
    await page.get_by_role("button", name="Add passkey").click()
    await page.get_by_label("Name", exact=True).fill("Laptop")
    await axe(page)
    await plug_in(page)  # after axe: its session takes the device along when it ends
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_label("Passkeys").get_by_text("Laptop", exact=True)).to_be_visible()
    await expect(page.get_by_text("Key created").first).to_be_visible()
    await axe(page)
    await screens(page, f"security-{look}")
    await page.goto("/profile")
    await expect(page.get_by_label("Name of the account")).to_be_visible()
    await axe(page)
    await screens(page, f"profile-{look}")
