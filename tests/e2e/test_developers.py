"""Keys, apps and the request log, as who writes a script uses them. Acceptance check 11 is the first test."""

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.conftest import Screens
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.site import Customer, Site

Axe = Callable[[Page], Awaitable[None]]
SOON = 15_000  # ms; the list is asked again every few seconds


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


async def copied(page: Page, what: str) -> str:
    await page.get_by_role("button", name=f"Copy {what}").click()
    return str(await page.evaluate("navigator.clipboard.readText()"))


async def make_key(page: Page, name: str, scope: str) -> str:
    """Without a limit; its secret."""
    await page.goto("/developers/keys?add=1")
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label(scope).check()
    await page.get_by_role("dialog").get_by_role("button", name="Create key").click()
    secret = await copied(page, "the secret")
    await page.get_by_role("button", name="Done").click()
    await expect(row(page, name)).to_be_visible()
    return secret


async def run_in_shell(command: str) -> str:
    """As it is pasted."""
    return await asyncio.to_thread(
        lambda: (
            subprocess.run(
                ["bash", "-c", command.replace("curl ", "curl -sS ", 1)],
                check=True,
                capture_output=True,
                text=True,
                timeout=20,
            ).stdout
        )
    )


async def test_a_key_that_reads_one_domain_does_no_more_and_shows_when_it_was_used(
    site: Site, page: Page, customer: Customer
) -> None:
    mine = await customer.alias(await customer.domain(), "hello")
    other = await customer.alias(await customer.domain(f"more-{customer.domain_name}"), "hidden")
    await page.goto("/developers/keys")
    await page.get_by_role("button", name="Create key").click()
    await page.get_by_label("Name", exact=True).fill("Reporting")
    await page.get_by_label("Read Aliases").check()
    await page.get_by_label("Domains", exact=True).select_option("some")
    await page.get_by_label(customer.domain_name, exact=True).check()
    await page.get_by_role("dialog").get_by_role("button", name="Create key").click()
    secret, example = await copied(page, "the secret"), await copied(page, "the example")
    await page.get_by_role("button", name="Done").click()

    await expect(row(page, "Reporting")).to_contain_text("Never")
    await expect(row(page, "Reporting")).to_contain_text(customer.domain_name)
    assert secret not in await page.content(), "the secret is shown once"

    listed = await run_in_shell(example)
    assert (mine.address in listed, other.address in listed) == (True, False)
    await expect(row(page, "Reporting")).to_contain_text(re.compile("now|ago"), timeout=SOON)
    async with httpx.AsyncClient(base_url=site.url, headers={"Authorization": f"Bearer {secret}"}) as script:
        refused = await script.delete(f"/v1/aliases/{mine.id}")
    assert refused.status_code == 403
    assert "aliases:write" in refused.json()["detail"]
    await page.reload()
    await expect(row(page, "Reporting")).to_be_visible()
    assert secret not in await page.content()


async def test_closing_on_a_secret_that_nobody_can_see_again_takes_two_presses(page: Page) -> None:
    await page.goto("/developers/keys?add=1")
    await page.get_by_label("Name", exact=True).fill("Careless")
    await page.get_by_label("Read Log").check()
    await page.get_by_role("dialog").get_by_role("button", name="Create key").click()
    await expect(page.get_by_text("only this once")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("cannot be shown again")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_rolled_key_has_a_successor_and_a_revoked_one_is_refused(site: Site, page: Page) -> None:
    secret = await make_key(page, "Backup", "Read Account")
    await row(page, "Backup").get_by_role("link").click()
    await page.get_by_role("button", name="Roll…").click()
    await page.get_by_role("button", name="Roll the key").click()
    successor = await copied(page, "the secret")
    await page.get_by_role("button", name="Done").click()
    await expect(page.get_by_role("row").filter(has_text="Rolled")).to_have_count(1)
    async with httpx.AsyncClient(base_url=site.url) as script:
        for each in (secret, successor):
            known = await script.get("/v1/account", headers={"Authorization": f"Bearer {each}"})
            assert known.status_code == 200
        await page.get_by_role("row").filter(has_text="Rolled").get_by_role("link").click()
        await page.get_by_role("button", name="Revoke…").click()
        await page.get_by_role("button", name="Revoke the key").click()
        await expect(page.get_by_role("row").filter(has_text="Rolled")).to_have_count(0)
        refused = await script.get("/v1/account", headers={"Authorization": f"Bearer {secret}"})
    assert refused.status_code == 401
    await page.get_by_label("Show ended keys").check()
    await expect(page.get_by_role("row").filter(has_text="Revoked")).to_have_count(1)


async def test_an_app_is_registered_shows_its_secret_once_and_is_deleted(page: Page) -> None:
    await page.goto("/developers/apps")
    await page.get_by_role("button", name="Register app").click()
    await page.get_by_label("Name", exact=True).fill("Sorter")
    await page.get_by_label("Homepage").fill("https://sorter.example")
    await page.get_by_label("Redirect URIs").fill("https://sorter.example/cb\nhttps://sorter.example/back")
    await page.get_by_label("Read Aliases").check()
    await page.get_by_label("can keep a secret").check()
    await page.get_by_role("dialog").get_by_role("button", name="Register app").click()
    secret = await copied(page, "the secret")
    await page.get_by_role("button", name="Done").click()
    await row(page, "Sorter").get_by_role("link").click()
    await expect(page.get_by_label("Redirect URIs")).to_have_value(
        "https://sorter.example/cb\nhttps://sorter.example/back"
    )
    assert secret not in await page.content()
    await page.get_by_role("button", name="Delete…").click()
    await page.get_by_label("to confirm").fill("Sorter")
    await page.get_by_role("button", name="Delete the app").click()
    await expect(page.get_by_text("No apps")).to_be_visible()


async def test_the_request_log_tells_who_asked_what_and_keeps_its_filters(site: Site, page: Page) -> None:
    secret = await make_key(page, "Poller", "Read Aliases")
    async with httpx.AsyncClient(base_url=site.url, headers={"Authorization": f"Bearer {secret}"}) as script:
        await script.get("/v1/aliases")
        await script.post("/v1/domains", json={"name": "no.test"})
    await page.goto("/developers/requests")
    await page.get_by_label("Who").select_option("Poller")
    await page.get_by_label("Status").select_option("403")
    await expect(page).to_have_url(re.compile("actor=.*status=403"))
    refused = page.get_by_role("row").filter(has_text="POST /v1/domains")
    async with asyncio.timeout(20):  # a request shows up moments after its answer
        while await refused.count() == 0:
            await page.get_by_role("button", name="Refresh").click()
            await page.wait_for_load_state("networkidle")
    await expect(refused).to_contain_text("Poller")
    await expect(page.get_by_role("row")).to_have_count(2)


async def test_who_may_not_make_keys_sees_them_without_buttons(
    browsing: Browsing, page: Page, customer: Customer
) -> None:
    await make_key(page, "Seen", "Read Log")
    viewer = await browsing(await customer.colleague("viewer"))
    await viewer.goto("/developers/keys?add=1")
    await row(viewer, "Seen").get_by_role("link").click()
    await expect(viewer.get_by_role("dialog")).to_contain_text("logs:read")
    await expect(viewer.get_by_role("button", name=re.compile("Create|Roll|Revoke|Rename"))).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_it(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    page = await browsing(customer.owner, size=size, dark=dark)
    look = f"{size[0]}-{'dark' if dark else 'light'}"
    await customer.domain()
    for name in ("Backup script", "Grafana"):
        await page.goto("/developers/keys?add=1")
        await page.get_by_label("Name", exact=True).fill(name)
        await page.get_by_label("Read Log").check()
        await axe(page)
        await page.get_by_role("dialog").get_by_role("button", name="Create key").click()
        await expect(page.get_by_text("only this once")).to_be_visible()
    await axe(page)
    await screens(page, f"developers-secret-{look}")
    await page.get_by_role("button", name="Done").click()
    await expect(page.get_by_text("Grafana").first).to_be_visible()
    await axe(page)
    await screens(page, f"developers-keys-{look}")
    await page.get_by_role("link", name="Grafana").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await axe(page)
    await screens(page, f"developers-key-{look}")
    for tab in ("apps", "apps?add=1", "requests"):
        await page.goto(f"/developers/{tab}")
        await page.wait_for_load_state("load")
        await expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
        await axe(page)
        await screens(page, f"developers-{tab.replace('?add=1', '-new')}-{look}")
