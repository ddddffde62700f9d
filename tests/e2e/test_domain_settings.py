"""Settings of a domain: a choice is made at once, stays made, is undone, and goes back if it is refused."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, Route, expect

from tests.e2e.conftest import Screens
from tests.support.site import Customer, Site
from tests.support.stack import until

Axe = Callable[[Page], Awaitable[None]]


async def test_plus_addressing_changes_at_once_and_is_undone(page: Page, customer: Customer) -> None:
    row = await customer.domain()

    async def is_on() -> bool:
        shown = await customer.owner.http.get(f"/v1/domains/{row.id}")
        return bool(shown.json()["plus_addressing"])

    async def is_off() -> bool:
        return not await is_on()

    await page.goto(f"/domains/{row.id}/settings")
    switch = page.get_by_role("switch", name="Plus addressing")
    await expect(switch).to_be_checked()
    await switch.press("Space")
    await expect(switch).not_to_be_checked()
    await until(is_off)
    await page.get_by_role("button", name="Undo").click()
    await expect(switch).to_be_checked()
    await until(is_on)


async def test_choices_about_mail_are_made_at_once_and_undone(
    page: Page, customer: Customer, axe: Axe, screens: Screens
) -> None:
    row = await customer.domain()

    async def mail() -> dict[str, object]:
        shown = await customer.owner.http.get(f"/v1/domains/{row.id}")
        return dict(shown.json()["mail"])

    async def are(strict: bool, tls: bool) -> bool:
        return await mail() == {"strict_dmarc": strict, "require_tls": tls, "spam_threshold": 15}

    await page.goto(f"/domains/{row.id}/settings")
    strict = page.get_by_role("switch", name="Strict DMARC")
    tls = page.get_by_role("switch", name="Require TLS")
    await expect(strict).not_to_be_checked()
    await expect(strict).to_have_accessible_description(
        re.compile("mailing lists and forwarders pass on may be lost")
    )
    await expect(tls).to_have_accessible_description(re.compile("waits up to 4 days, then bounces"))
    await strict.press("Space")
    await tls.press("Space")
    await until(lambda: are(strict=True, tls=True))
    await axe(page)
    await screens(page, "domain-mail")
    await page.keyboard.press("z")
    await expect(tls).not_to_be_checked()
    await until(lambda: are(strict=True, tls=False))
    await page.get_by_role("button", name="Undo").click()
    await expect(strict).not_to_be_checked()
    await until(lambda: are(strict=False, tls=False))


async def test_how_much_the_log_keeps_is_chosen_with_the_domain_and_later(
    page: Page, customer: Customer, axe: Axe
) -> None:
    await page.goto("/domains?add=1")
    dialog = page.get_by_role("dialog", name="Add a domain")
    await dialog.get_by_label("Domain", exact=True).fill(customer.domain_name)
    await dialog.get_by_label("What the log keeps of its mail").select_option("no-subject")
    await expect(dialog).to_contain_text("All but the subject")
    await axe(page)
    await dialog.get_by_role("button", name="Add the domain").click()
    await expect(page).to_have_url(re.compile("/dns$"))

    async def is_now(level: str) -> bool:
        (row,) = (await customer.owner.http.get("/v1/domains")).json()["data"]
        return bool(row["log_level"] == level)

    assert await is_now("no-subject")
    await page.get_by_role("link", name="Settings").click()
    await expect(page.get_by_role("radio", name="No subject")).to_be_checked()
    await page.get_by_role("radio", name="Failures only").check()
    await until(lambda: is_now("failures"))
    await page.get_by_role("button", name="Undo").click()
    await until(lambda: is_now("no-subject"))


async def test_a_choice_stays_chosen_whatever_else_the_page_hears_before_the_api_has_it(
    page: Page, customer: Customer
) -> None:
    row = await customer.domain()
    path = f"/v1/domains/{row.id}"
    await page.goto(f"/domains/{row.id}/settings")
    may_go = asyncio.Event()

    async def held(route: Route) -> None:
        if route.request.method == "PATCH":
            await may_go.wait()
        await route.continue_()

    await page.route(f"**{path}", held)
    await page.get_by_role("radio", name="Failures only").check()
    await customer.owner.http.patch(path, json={"plus_addressing": False})
    await expect(page.get_by_role("switch", name="Plus addressing")).not_to_be_checked()
    await expect(page.get_by_role("radio", name="Failures only")).to_be_checked()
    may_go.set()

    async def is_kept() -> bool:
        return bool((await customer.owner.http.get(path)).json()["log_level"] == "failures")

    await until(is_kept)


async def test_without_a_spam_filter_no_threshold_is_pretended(page: Page, customer: Customer) -> None:
    row = await customer.domain()
    await page.goto(f"/domains/{row.id}/settings")
    spam = page.get_by_role("switch", name="Refuse spam")
    await expect(spam).to_be_disabled()
    await expect(spam).not_to_be_checked()
    await expect(spam).to_have_accessible_description(re.compile("no spam filter"))


async def test_a_choice_that_is_refused_goes_back_and_says_why(
    page: Page, site: Site, customer: Customer
) -> None:
    row = await customer.domain()
    await page.goto(f"/domains/{row.id}/settings")
    tls = page.get_by_role("switch", name="Require TLS")
    await expect(tls).to_be_enabled()
    await page.route(
        f"**/v1/domains/{row.id}",
        lambda route: route.fulfill(
            status=403,
            content_type="application/problem+json",
            body='{"code": "account_suspended", "detail": "The account is suspended.", "status": 403}',
        ),
    )
    await tls.press("Space")
    await expect(page.get_by_role("region", name="Notices")).to_contain_text("The account is suspended.")
    await expect(tls).not_to_be_checked()


async def test_the_score_from_which_spam_is_refused(
    page: Page, customer: Customer, axe: Axe, screens: Screens
) -> None:
    """As a server with a spam filter answers."""
    row = await customer.domain()

    async def filtered(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json={**await answer.json(), "spam_filter": True})

    async def threshold() -> object:
        shown = await customer.owner.http.get(f"/v1/domains/{row.id}")
        return shown.json()["mail"]["spam_threshold"]

    async def comes_to(wanted: float | None) -> None:
        async def is_there() -> bool:
            return await threshold() == wanted

        await until(is_there)

    await page.route(f"**/v1/domains/{row.id}", filtered)
    await page.goto(f"/domains/{row.id}/settings")
    score = page.get_by_label("From a score of")
    await expect(score).to_have_value("15")
    await score.fill("none")
    await score.press("Enter")
    await expect(score).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_text("A number from 1 to 100")).to_be_visible()
    await axe(page)
    await score.fill("7.5")
    await score.press("Tab")
    await comes_to(7.5)
    await screens(page, "domain-spam")
    await page.get_by_role("switch", name="Refuse spam").press("Space")
    await expect(score).to_have_count(0)
    await comes_to(None)
    await page.get_by_role("button", name="Undo").last.click()
    await expect(score).to_have_value("7.5")
    await comes_to(7.5)
    await page.unroute_all(behavior="wait")  # what is looked at anew must not outlive its page
