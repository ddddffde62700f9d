"""Without a mouse: the palette and keys reach every screen and the main actions, `?` lists the keys."""

import re

import pytest
from playwright.async_api import Page, expect

from mailcore.plans import Plan
from tests.e2e.conftest import Axe
from tests.support.browsing import Browsing
from tests.support.site import Customer, Site

# By letters typed into the palette: what opens, and its path.
PLACES = {
    "overview": "/overview",
    "domains": "/domains",
    "aliases": "/aliases",
    "destinations": "/destinations",
    "log": "/logs",
    "queue": "/queue",
    "team": "/team",
    "billing": "/billing",
    "developers": "/developers/keys",
    "apps": "/developers/apps",
    "requests": "/developers/requests",
    "security": "/security",
    "privacy": "/privacy",
    "profile": "/profile",
    "step by step": "/welcome",
}
KEYS = {
    "d": "domains", "a": "aliases", "i": "destinations", "l": "logs", "q": "queue",
    "t": "team", "b": "billing", "k": "developers", "s": "security", "p": "profile", "o": "overview",
    "v": "privacy",
}  # fmt: skip
ACTIONS = {
    "add a domain": "/domains",
    "create an alias": "/aliases",
    "invite": "/team",
    "api key": "/developers/keys",
}


async def arrive(page: Page) -> None:
    await page.goto("/overview")
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


async def ask_palette(page: Page, words: str) -> None:
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Search and commands")).to_be_focused()
    await page.keyboard.type(words)
    await expect(page.get_by_role("dialog").get_by_role("option", selected=True)).to_contain_text(
        re.compile(words, re.IGNORECASE)
    )
    await page.keyboard.press("Enter")


async def test_the_palette_reaches_every_screen(page: Page) -> None:
    await arrive(page)
    for words, path in PLACES.items():
        await ask_palette(page, words)
        await expect(page).to_have_url(re.compile(rf"{path}(\?.*)?$"))
        await expect(page.get_by_role("main").locator("h1")).to_be_visible()


async def test_two_keys_reach_every_place_of_the_navigation(page: Page) -> None:
    await arrive(page)
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    named = {(await each.get_attribute("href") or "/").strip("/") for each in await links.all()}
    assert named - {""} <= set(KEYS.values()) | {"overview"}
    for key, path in KEYS.items():
        await page.keyboard.press("g")
        await page.keyboard.press(key)
        await expect(page).to_have_url(re.compile(rf"/{path}(/keys)?$"))
        await expect(page.get_by_role("main").locator("h1")).to_be_focused()


async def test_the_palette_opens_the_form_of_each_main_action(browsing: Browsing, site: Site) -> None:
    customer = await site.customer(Plan.PREMIUM)
    await customer.alias(await customer.domain(), "hello")
    page = await browsing(customer.owner)
    for words, path in ACTIONS.items():
        await arrive(page)
        await ask_palette(page, words)
        await expect(page).to_have_url(re.compile(rf"{path}\?"))
        await expect(page.locator(":is(input, select):focus")).to_have_count(1)


async def test_the_list_of_keys_names_all_that_there_are(page: Page, axe: Axe) -> None:
    await arrive(page)
    await page.keyboard.press("?")
    shown = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(shown).to_be_visible()
    for title in ("Overview", "Domains", "Log", "Add a domain", "Create an alias", "Undo the last change"):
        await expect(shown.get_by_text(title, exact=True)).to_be_visible()
    await axe(page)
    await page.keyboard.press("Escape")
    await expect(shown).to_be_hidden()


async def test_nothing_by_that_name_is_said_and_closing_gives_the_focus_back(page: Page, axe: Axe) -> None:
    await arrive(page)
    search = page.get_by_role("button", name=re.compile("^Search"))
    await search.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("combobox", name="Search and commands")).to_be_focused()
    await page.keyboard.type("zzzz")
    await expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("Nothing is called that")
    await axe(page)
    await page.keyboard.press("Escape")
    await expect(search).to_be_focused()


@pytest.mark.parametrize("field", ["Search address or note"])
async def test_no_key_is_taken_from_somebody_who_writes(page: Page, customer: Customer, field: str) -> None:
    await customer.alias(await customer.domain(), "hello")
    await page.goto("/aliases")
    box = page.get_by_label(field).or_(page.get_by_placeholder(field)).first
    await box.click()
    await page.keyboard.type("god?")
    await expect(box).to_have_value("god?")
    await expect(page).to_have_url(re.compile("/aliases"))
    await expect(page.get_by_role("dialog")).to_have_count(0)
