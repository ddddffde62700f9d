"""The portal as a browser meets it: who sees it, under which policy, and that everybody can use it."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import Axe, Screens
from tests.support.browsing import DESK, PHONE, Browsing, Guard
from tests.support.site import Customer
from tests.support.stack import until


async def test_the_front_page_informs_without_javascript(browsing: Browsing) -> None:
    page = await browsing(javascript=False)
    await page.goto("/")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_role("link", name="Sign in").first).to_be_visible()


async def test_a_screen_asks_the_signed_out_to_sign_in_first(visitor: Page) -> None:
    await visitor.goto("/logs?state=refused")
    await expect(visitor).to_have_url(re.compile(r"/auth/sign-in\?next=%2Flogs%3Fstate%3Drefused$"))


async def test_the_signed_in_are_led_to_their_overview_in_the_shell(page: Page) -> None:
    await page.goto("/")
    await expect(page).to_have_url(re.compile("/overview$"))
    await expect(page.get_by_role("navigation").first).to_be_visible()
    await expect(page.get_by_role("main")).to_be_visible()


async def test_the_page_comes_under_the_policy_that_was_promised(page: Page, guard: Guard) -> None:
    guard.allow("inline")  # what this test tries, and must not be able to do
    answer = await page.goto("/overview")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    await expect(page.get_by_role("main")).to_be_visible()
    ran = await page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.head.append(script);
        return window.ran === true;
    }""")
    assert not ran


async def test_a_page_that_breaks_its_policy_is_noticed(page: Page, guard: Guard) -> None:
    await page.goto("/overview")
    await page.evaluate("fetch('https://elsewhere.test/').catch(() => null)")

    async def is_noticed() -> bool:
        return any(
            each.startswith("policy: connect-src of https://elsewhere.test") for each in guard.troubles
        )

    await until(is_noticed)
    with pytest.raises(AssertionError, match="policy: connect-src of https://elsewhere"):
        guard.check()
    guard.allow("elsewhere.test")


async def test_an_unknown_address_keeps_the_shell(page: Page, guard: Guard) -> None:
    guard.allow(r"status of 404.*/no/such/place")
    await page.goto("/no/such/place")
    await expect(page.get_by_role("navigation").first).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("There is no such page")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_the_overview(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    page = await browsing(customer.owner, size=size, dark=dark)
    await page.goto("/overview")
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    await axe(page)
    await screens(page, f"overview-{size[0]}-{'dark' if dark else 'light'}")
