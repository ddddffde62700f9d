"""From sign-in to a first forwarded message: by keyboard, on a phone, with nothing read before."""

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.conftest import Screens
from tests.support.browsing import DESK, PHONE, Browsing, Guard
from tests.support.keyboard import press, tab_to
from tests.support.promises import within
from tests.support.site import Customer, Site
from tests.support.stack import until

Axe = Callable[[Page], Awaitable[None]]
_LINK = re.compile(rb"https?://\S+")
SOON = 5.0  # seconds, from publishing to the row
AT_ONCE = 3.0  # seconds, from the press to the destination's answer


def step(page: Page, name: str) -> Locator:
    return (
        page.get_by_role("main")
        .get_by_role("listitem")
        .filter(has=page.get_by_role("heading", name=name, level=2))
    )


def record(page: Page, kind: str) -> Locator:
    return page.locator(f"[data-record={kind}]")


def copy_button(page: Page, what: str) -> Locator:
    return page.get_by_role("button", name=f"Copy {what}")


async def copied(page: Page, button: Locator) -> str:
    """By the key alone; what the clipboard holds then."""
    await press(page, button)
    await expect(button).to_contain_text("Copied")
    return str(await page.evaluate("navigator.clipboard.readText()"))


async def link_to(site: Site, address: str) -> str:
    """The link in the letter that this inbox got."""

    def letters() -> list[bytes]:
        return [each.content for each in site.inbox.messages if f"<{address}>" in each.rcpt[0]]

    async def has_come() -> bool:
        return bool(letters())

    await until(has_come)
    content = letters()[-1].replace(b"=\r\n", b"").replace(b"=3D", b"=")
    found = _LINK.search(content)
    assert found is not None, content
    return found[0].decode()


async def sign_up(site: Site, page: Page, address: str) -> None:
    """As somebody new does it; ends on the first run."""
    await page.goto("/welcome")
    await tab_to(page, page.get_by_label("E-mail address"))
    await page.keyboard.type(address)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")
    await page.goto(await link_to(site, address))
    await press(page, page.get_by_role("button", name=re.compile("sign in|continue", re.IGNORECASE)).first)
    await expect(page).to_have_url(re.compile("/welcome"))


async def publish(site: Site, page: Page, domain: str) -> None:
    """Copies each record by keyboard and puts it into the DNS; its row turns OK while one looks at it."""
    name = await copied(page, copy_button(page, f"name of TXT _clearpost.{domain}"))
    value = await copied(page, copy_button(page, f"value of TXT _clearpost.{domain}"))
    site.stack.zone.put_txt(name, value)
    await expect(record(page, "ownership")).to_have_attribute("data-state", "ok", timeout=within(SOON))
    await expect(record(page, "ownership").get_by_text("OK", exact=True)).to_be_visible()
    host = await copied(page, copy_button(page, f"name of MX {domain}"))
    server = await copied(page, copy_button(page, f"value of MX {domain}"))
    priority = await copied(page, copy_button(page, f"priority of MX {server}"))
    site.stack.zone.put(host, "MX", f"{priority} {server}.")
    await expect(record(page, "mx")).to_have_attribute("data-state", "ok", timeout=within(SOON))


async def test_somebody_new_gets_a_first_message_by_keyboard_alone_on_a_phone_in_the_dark(
    site: Site, browsing: Browsing, axe: Axe, screens: Screens
) -> None:
    page = await browsing(size=PHONE, dark=True)
    await sign_up(site, page, "ada@newcomer.test")
    await expect(page.get_by_label("Account name")).to_have_value("ada@newcomer.test")
    await axe(page)
    await screens(page, "welcome-policy-360-dark")

    name = page.get_by_label("Account name")
    await tab_to(page, name)
    await page.keyboard.press("Control+A")
    await page.keyboard.type("Ada's shop")
    await press(page, page.get_by_role("button", name="I know what is logged"))

    domain = page.get_by_label("Domain", exact=True)
    await expect(domain).to_be_focused()
    await page.keyboard.type("https://www.Newshop.test/contact?from=ad")
    await expect(page.get_by_text("From what you entered we take newshop.test.")).to_be_visible()
    await axe(page)
    await page.keyboard.press("Enter")

    await expect(record(page, "ownership")).to_have_attribute("data-state", "missing")
    await screens(page, "welcome-records-360-dark")
    await axe(page)
    await publish(site, page, "newshop.test")
    await expect(step(page, "Your domain").get_by_text("Verified")).to_be_visible()

    await press(page, page.get_by_role("button", name="Create alias"))
    await expect(page.get_by_role("button", name="Send test message")).to_be_focused()
    await page.keyboard.press("Enter")
    timeline = page.get_by_role("list", name="What became of it").get_by_role("listitem")
    await expect(timeline.nth(0)).to_contain_text("received", timeout=within(AT_ONCE))
    await expect(timeline.nth(1)).to_contain_text("delivered", timeout=within(AT_ONCE))
    await expect(timeline.nth(1)).to_contain_text("250 2.0.0 Accepted")
    await expect(page.get_by_text("It works: mail to hello@newshop.test arrives.")).to_be_visible()
    await axe(page)
    await screens(page, "welcome-done-360-dark")
    (arrived,) = [
        each for each in site.inbox.messages if b"Test message for hello@newshop.test" in each.content
    ]
    assert arrived.rcpt == ("RCPT TO:<ada@newcomer.test>",)

    await page.reload()  # whoever comes back is told what was done, and no more
    await expect(page.get_by_text("It works: mail to hello@newshop.test arrives.")).to_be_visible()
    await expect(step(page, "DNS records").get_by_role("link", name="Show")).to_be_visible()
    await expect(record(page, "mx")).to_have_count(0)
    await press(page, page.get_by_role("link", name="Go to the overview"))
    await expect(page).to_have_url(re.compile("/overview$"))


async def test_an_old_mx_left_in_place_is_named_as_the_cause(
    site: Site, customer: Customer, page: Page, screens: Screens
) -> None:
    name = customer.domain_name
    row = await customer.domain(verified=False)
    site.stack.zone.put(name, "MX", "5 mail.oldhost.test.", "10 mx.clearpost.test.")
    await page.goto(f"/welcome?domain={row.id}")
    mx = record(page, "mx")
    await expect(mx).to_have_attribute("data-state", "wrong")
    await expect(mx).to_contain_text("An older MX is still there: mail.oldhost.test.")
    await expect(mx).to_contain_text("Remove it.")
    await expect(mx.get_by_role("listitem").filter(has_text="mail.oldhost.test")).to_contain_text("not ours")
    await screens(page, "welcome-old-mx")
    site.stack.zone.put(name, "MX", "10 mx.clearpost.test.")
    await expect(mx).to_have_attribute("data-state", "ok", timeout=within(SOON))


async def test_another_inbox_says_yes_and_the_open_page_goes_on(
    site: Site, customer: Customer, page: Page, browsing: Browsing, screens: Screens
) -> None:
    await customer.domain()
    inbox = f"grandma{customer.number}@inbox.test"
    await page.goto("/welcome")
    await page.get_by_label("Forwards to").fill(inbox)
    await page.get_by_role("button", name="Create alias").click()
    await expect(step(page, "First alias").get_by_text("Waiting for its yes")).to_be_visible()
    await expect(page.get_by_role("button", name="Send test message")).to_be_disabled()
    await screens(page, "welcome-unconfirmed")

    reader = await browsing()
    await reader.goto(await link_to(site, inbox))
    await reader.get_by_role("button", name=re.compile("yes|confirm|forward", re.IGNORECASE)).first.click()
    await expect(page.get_by_role("button", name="Send test message")).to_be_enabled(timeout=within(SOON))


async def test_who_leaves_comes_back_to_where_they_were(site: Site, customer: Customer, page: Page) -> None:
    await page.goto("/welcome")
    await page.get_by_label("Domain", exact=True).fill(f"me@{customer.domain_name}")
    await page.get_by_role("button", name="Add the domain").click()
    await expect(record(page, "ownership")).to_have_attribute("data-state", "missing")
    await page.goto("/overview")
    await page.goto("/welcome")
    await expect(step(page, "Your domain")).to_contain_text(customer.domain_name)
    await expect(record(page, "ownership")).to_have_attribute("data-state", "missing")
    # The DNS takes its time: the alias need not wait for it.
    await page.get_by_role("button", name="Create alias").click()
    await expect(step(page, "First alias")).to_contain_text(f"hello@{customer.domain_name}")
    await page.reload()
    await expect(step(page, "First alias")).to_contain_text(f"hello@{customer.domain_name}")
    await expect(page.get_by_role("button", name="Send test message")).to_be_disabled()


@pytest.mark.parametrize(
    ("size", "dark"),
    [(DESK, False), (DESK, True), (PHONE, False), ((320, 256), True)],
    ids=["desk", "desk-dark", "phone", "zoom-400"],
)
async def test_the_first_run_fits_every_page_and_everybody(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    row = await customer.domain(verified=False)
    page = await browsing(customer.owner, size=size, dark=dark)
    await page.goto(f"/welcome?domain={row.id}")
    await expect(record(page, "mx")).to_have_attribute("data-state", "missing")
    await axe(page)
    beyond = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert beyond <= 0, f"{beyond} px stick out sideways"
    await screens(page, f"welcome-{size[0]}-{'dark' if dark else 'light'}")


async def test_a_viewer_is_told_who_can_set_up(browsing: Browsing, customer: Customer) -> None:
    page = await browsing(await customer.colleague("viewer"))
    await page.goto("/welcome")
    await expect(page.get_by_text("Ask an admin of the account.")).to_be_visible()


async def test_an_api_that_is_away_leaves_what_was_on_screen(
    site: Site, customer: Customer, page: Page, guard: Guard
) -> None:
    guard.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE")
    row = await customer.domain(verified=False)
    await page.goto(f"/welcome?domain={row.id}")
    await expect(record(page, "mx")).to_have_attribute("data-state", "missing")
    async with site.api_away():
        await expect(page.get_by_text("Clearpost does not answer.")).to_be_visible()
        await expect(record(page, "mx")).to_be_visible()
    await expect(page.get_by_text("Clearpost does not answer.")).to_be_hidden()
