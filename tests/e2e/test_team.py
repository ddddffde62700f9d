"""The people of an account: invited by mail, given a role, removed, and the account handed over."""

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.conftest import Screens
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.left_open import leave_open
from tests.support.mailbox import link_in_letter
from tests.support.site import Customer, Site
from tests.support.stack import until

Axe = Callable[[Page], Awaitable[None]]


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


async def invite(page: Page, email: str, role: str) -> None:
    await page.goto("/team")
    await page.get_by_role("button", name="Invite").click()
    await page.get_by_label("Address").fill(email)
    await page.get_by_role("dialog").get_by_label("Role").select_option(role)
    await page.get_by_role("button", name="Send the invitation").click()
    await expect(row(page, email)).to_be_visible()


async def test_somebody_invited_accepts_signs_in_and_is_seen_at_once(
    site: Site, page: Page, customer: Customer, visitor: Page
) -> None:
    email = f"guest{customer.number}@newcomer.test"
    await invite(page, email, "member")
    await visitor.goto(await link_in_letter(site, email, "/invitations/"))
    await visitor.get_by_role("button", name="Accept").click()
    people = page.get_by_role("table", name="People")
    await expect(people.get_by_role("row").filter(has_text=email)).to_be_visible()
    await expect(page.get_by_role("table", name="Invited")).to_have_count(0)

    await visitor.get_by_role("link", name="Sign in").click()
    await visitor.get_by_label("E-mail address").fill(email)
    await visitor.get_by_role("button", name="Send me a link").click()
    await visitor.goto(await link_in_letter(site, email, "/auth/link/"))
    await visitor.get_by_role("button", name="Sign in").click()
    await visitor.goto("/team")
    await expect(row(visitor, email)).to_contain_text("(you)")
    await expect(visitor.get_by_role("button", name="Invite")).to_have_count(0)


async def test_an_invitation_is_sent_again_or_withdrawn_with_a_way_back(
    site: Site, page: Page, customer: Customer
) -> None:
    email = f"late{customer.number}@newcomer.test"
    await invite(page, email, "viewer")
    await row(page, email).get_by_role("button", name="Send again").click()
    await expect(page.get_by_text(f"Sent to {email} again")).to_be_visible()
    await row(page, email).get_by_role("button", name="Withdraw").click()
    await expect(row(page, email)).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row(page, email)).to_be_visible()


async def test_a_role_changes_in_its_place_and_back(page: Page, customer: Customer) -> None:
    colleague = await customer.colleague("viewer")
    await page.goto("/team")
    choice = page.get_by_label(f"Role of {colleague.email}")
    await choice.select_option("admin")
    await expect(page.get_by_text("is now Admin")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(choice).to_have_value("viewer")

    async def is_viewer() -> bool:
        return bool((await colleague.http.get("/v1/me")).json()["role"] == "viewer")

    await until(is_viewer)  # what is on screen is ahead of the API


async def test_who_is_removed_is_out_and_the_last_owner_cannot_leave(page: Page, customer: Customer) -> None:
    colleague = await customer.colleague("member")
    await customer.be_sole_owner()
    await page.goto("/team")
    await expect(row(page, customer.owner.email)).to_contain_text("(you)")
    await expect(row(page, customer.owner.email).get_by_role("button")).to_have_count(0)
    await row(page, colleague.email).get_by_role("button", name="Remove…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    await expect(row(page, colleague.email)).to_have_count(0)
    assert (await colleague.http.get("/v1/account")).json()["code"] == "account_needed"


async def test_an_account_is_handed_over_by_who_signed_in_a_moment_ago(
    site: Site, page: Page, customer: Customer
) -> None:
    """The sign-in in between leads back to the dialog that asked for it."""
    colleague = await customer.colleague("admin")
    await leave_open(site, customer.owner.id)
    await page.goto("/team")
    await page.get_by_role("button", name="Hand over…").click()
    await page.get_by_role("button", name="Sign in again").click()
    await page.get_by_role("button", name="Send me a link").click()
    await page.goto(await link_in_letter(site, customer.owner.email, "/auth/link/"))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("New owner").select_option(colleague.email)
    await page.get_by_label("to confirm").fill(f"shop{customer.number}")
    await page.get_by_role("dialog").get_by_role("button", name="Hand over").click()
    await expect(row(page, colleague.email)).to_contain_text("Owner")
    await expect(page.get_by_role("button", name="Hand over…")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_it(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    page = await browsing(customer.owner, size=size, dark=dark)
    for name, role in (("grace", "admin"), ("linus", "viewer")):
        await customer.colleague(role, name)
    invited = {"email": "ken@newcomer.test", "role": "member"}
    assert (await customer.owner.http.post("/v1/invitations", json=invited)).status_code == 201
    await page.goto("/team")
    await expect(page.get_by_text("ken@newcomer.test")).to_be_visible()
    await expect(page.get_by_text(re.compile("^grace")).first).to_be_visible()
    await axe(page)
    await screens(page, f"team-{size[0]}-{'dark' if dark else 'light'}")
    await page.get_by_role("button", name="Invite").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await axe(page)
