"""Signing in and what people meet before it: pages of the server, whole without JavaScript."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import Screens
from tests.support.browsing import DESK, PHONE, Browsing, Guard
from tests.support.mailbox import link_in_letter
from tests.support.passkey_device import plug_in
from tests.support.site import Customer, Site

Axe = Callable[[Page], Awaitable[None]]
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B


async def ask_for_link(page: Page, email: str) -> None:
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Send me a link").click()
    await expect(page.get_by_text(email)).to_be_visible()


async def test_a_link_from_the_inbox_signs_in_without_javascript_and_leads_on(
    site: Site, browsing: Browsing, customer: Customer
) -> None:
    page = await browsing(javascript=False)
    await page.goto("/team?add=1")
    await ask_for_link(page, customer.owner.email)
    link = await link_in_letter(site, customer.owner.email, "/auth/link/")
    await page.goto(link)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(re.compile(r"/team\?add=1$"))


async def test_a_link_works_once_and_in_the_browser_that_asked(
    site: Site, browsing: Browsing, visitor: Page, customer: Customer, guard: Guard
) -> None:
    guard.allow("status of 4(03|10).*/auth/link/")
    await visitor.goto("/auth/sign-in")
    await ask_for_link(visitor, customer.owner.email)
    link = await link_in_letter(site, customer.owner.email, "/auth/link/")
    elsewhere = await browsing()
    await elsewhere.goto(link)
    await expect(elsewhere.get_by_role("heading", level=1)).to_have_text("Another browser asked")
    await visitor.goto(link)
    await visitor.get_by_role("button", name="Sign in").click()
    await expect(visitor).to_have_url(re.compile("/overview"))
    await visitor.goto(link)
    await expect(visitor.get_by_role("heading", level=1)).to_have_text("This link is over")


async def test_a_passkey_that_nobody_has_is_refused_in_words(visitor: Page) -> None:
    device = await plug_in(visitor)
    await visitor.goto("/auth/sign-in")
    button = visitor.get_by_role("button", name="Use a passkey")
    await button.click()
    await expect(visitor.get_by_role("alert")).to_have_text("No passkey was used.")
    await expect(button).to_be_enabled()
    await device.send("WebAuthn.disable")


async def test_without_javascript_the_passkey_button_is_not_there(browsing: Browsing) -> None:
    page = await browsing(javascript=False)
    await page.goto("/auth/sign-in")
    await expect(page.get_by_role("button", name="Send me a link")).to_be_visible()
    await expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)


async def consent_path(customer: Customer) -> str:
    app = {
        "name": "Mail sorter",
        "homepage": "https://sorter.example",
        "redirect_uris": [f"{customer.site.url}/healthz"],
        "scopes": ["aliases:read", "logs:read"],
    }
    made = await customer.owner.http.post("/v1/oauth/apps", json=app)
    assert made.status_code == 201, made.text
    query = {
        "response_type": "code",
        "client_id": made.json()["client_id"],
        "redirect_uri": app["redirect_uris"][0],
        "scope": "aliases:read logs:read",
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"/oauth/authorize?{urlencode(query)}"


async def test_an_app_is_allowed_in_and_shown_until_it_is_revoked(
    browsing: Browsing, customer: Customer, page: Page
) -> None:
    await page.goto(await consent_path(customer))
    await expect(page.get_by_role("main")).to_contain_text("Mail sorter")
    await page.get_by_role("button", name="Allow").click()
    await expect(page).to_have_url(re.compile("/healthz\\?code="))
    await page.goto("/developers/apps")
    granted = page.get_by_role("table", name="Apps with access").get_by_role("row")
    await expect(granted.filter(has_text="Mail sorter")).to_contain_text(customer.owner.email)
    await granted.get_by_role("button", name="Revoke…").click()
    await page.get_by_role("button", name="Revoke access").click()
    await expect(page.get_by_text("No app has access to this account.")).to_be_visible()


async def test_a_destination_says_yes_signed_out(site: Site, browsing: Browsing, customer: Customer) -> None:
    address = f"inbox{customer.number}@inbox.test"
    asked = await customer.owner.http.post("/v1/destinations", json={"address": address})
    assert asked.status_code == 201, asked.text
    page = await browsing(javascript=False)
    await page.goto(await link_in_letter(site, address, "/destinations/"))
    await page.get_by_role("button", name="Yes, forward to me").click()
    await expect(page.get_by_role("status")).to_contain_text("Done")
    shown = await customer.owner.http.get(f"/v1/destinations/{asked.json()['id']}")
    assert shown.json()["state"] == "confirmed"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_the_pages_before_the_portal(
    site: Site,
    browsing: Browsing,
    customer: Customer,
    axe: Axe,
    screens: Screens,
    guard: Guard,
    size: tuple[int, int],
    dark: bool,
) -> None:
    guard.allow("status of 4(10|04)")
    look = f"{size[0]}-{'dark' if dark else 'light'}"
    visitor = await browsing(size=size, dark=dark)
    owner = await browsing(customer.owner, size=size, dark=dark)

    async def look_at(page: Page, name: str) -> None:
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0], f"{name} is wider than the window"
        await axe(page)
        await screens(page, f"auth-{name}-{look}")

    await visitor.goto("/auth/sign-in?next=/team")
    await look_at(visitor, "sign-in")
    await ask_for_link(visitor, customer.owner.email)
    await look_at(visitor, "link-sent")
    await visitor.goto(await link_in_letter(site, customer.owner.email, "/auth/link/"))
    await look_at(visitor, "link")
    email, inbox = f"guest{customer.number}@newcomer.test", f"box{customer.number}@inbox.test"
    await customer.owner.http.post("/v1/invitations", json={"email": email, "role": "member"})
    await visitor.goto(await link_in_letter(site, email, "/invitations/"))
    await look_at(visitor, "invitation")
    await visitor.get_by_role("button", name="Accept").click()
    await look_at(visitor, "invitation-accepted")
    await customer.owner.http.post("/v1/destinations", json={"address": inbox})
    await visitor.goto(await link_in_letter(site, inbox, "/destinations/"))
    await look_at(visitor, "destination")
    await visitor.goto("/invitations/nothing")
    await look_at(visitor, "over")
    await owner.goto(await consent_path(customer))
    await look_at(owner, "consent")
