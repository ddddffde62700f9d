"""The warrant canary in a browser: what two people signed is published, verified by the page's own steps, and
plainly stale once it is due (acceptance 14).
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from customers import canary_document as documents
from customers import staff
from customers.audit import Actor
from customers.canary_document import Document
from tests.e2e.conftest import Axe, Screens
from tests.e2e.test_staff import enter
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.canary_signers import ALICE, BOB, Person, canary
from tests.support.forgery import change
from tests.support.page_steps import follow
from tests.support.published import minutes_ago, name_signers, publish
from tests.support.site import Customer, Site

_OPERATOR = Actor("service", "operator")
_SOON = timedelta(seconds=15)


@pytest_asyncio.fixture(loop_scope="session")
async def signed_site(site: Site) -> AsyncIterator[Site]:
    """Alice, Bob and Carol sign here; no canary is published, before and after."""
    name_signers(site.world)
    await _forget(site)
    yield site
    await _forget(site)


async def _forget(site: Site) -> None:
    await change(site.world, "canary", "delete from canary")


@pytest_asyncio.fixture(loop_scope="session")
async def plain(browsing: Browsing) -> Page:
    """A browser without JavaScript, signed out."""
    return await browsing(javascript=False)


@pytest_asyncio.fixture(loop_scope="session")
async def keeper(site: Site, browsing: Browsing, customer: Customer) -> Page:
    """Somebody on our staff, signed in as such."""
    email = f"warden{customer.number}@staff.test"
    async with site.world.runtime.database.session() as session:
        await staff.add(session, site.world.clock, email, _OPERATOR)
    page = await browsing(await site.world.person(email=email))
    await enter(page)
    return page


def due_soon(site: Site) -> Document:
    """With the last seconds of its life before it."""
    end = (site.world.clock.now() + _SOON).replace(microsecond=0)
    return canary(end - timedelta(days=1), timedelta(days=1))


def files(folder: Path, document: Document, *people: Person) -> tuple[Path, list[Path]]:
    """As the signers send them back."""
    text = documents.write(document)
    file = folder / "canary.json"
    file.write_bytes(text.encode())
    made = []
    for person in people:
        made.append(folder / f"{person.name}.sig")
        made[-1].write_text(person.sign(text))
    return file, made


async def bring(page: Page, file: Path, signatures: list[Path]) -> None:
    await page.goto("/staff/canary")
    await page.locator("input[type=file]").nth(0).set_input_files(file)
    await page.locator("input[type=file]").nth(1).set_input_files(signatures)
    await page.get_by_role("button", name="Publish the canary").click()


async def test_what_staff_publish_is_verified_by_the_steps_on_the_page(
    signed_site: Site, keeper: Page, plain: Page, tmp_path: Path
) -> None:
    await plain.goto("/canary")
    await expect(plain.get_by_role("heading", level=1)).to_have_text("No canary published")
    await publish(signed_site.world, canary(minutes_ago(signed_site.world, 60)))
    text = (await signed_site.world.anonymous.get("/canary/1/document")).text
    second = canary(minutes_ago(signed_site.world), number=2, previous=documents.digest(text))
    await bring(keeper, *files(tmp_path, second, ALICE, BOB))
    await expect(keeper.get_by_text("Canary 2 is published")).to_be_visible()
    await expect(keeper.get_by_text("5 of 5")).to_be_visible()

    await plain.goto("/canary")
    await expect(plain.get_by_role("heading", level=1)).to_have_text("The canary is current")
    steps = await plain.get_by_role("region", name="Verify it").locator("pre").all_inner_texts()
    folder = tmp_path / "visitor"
    folder.mkdir()
    said = await follow(steps, folder)
    for person in (ALICE, BOB):
        assert f'Good "clearpost-canary" signature for {person.name} with ED25519 key SHA256:' in said
    assert said.count(documents.digest(text)) == 2, "in the document, and as the hash of the one before"
    fingerprints = plain.get_by_role("table", name="Signers").locator("code")
    assert await fingerprints.count() == 3
    for fingerprint in (await fingerprints.all_inner_texts())[:2]:
        assert fingerprint in said

    await plain.get_by_role("link", name="All that were published").click()
    await expect(plain.get_by_role("heading", name="Number 1")).to_be_visible()
    await plain.get_by_role("link", name="Document 2").click()
    assert second.fact.text in await plain.content()


async def test_an_open_page_turns_stale_by_itself_the_second_it_is_due(
    signed_site: Site, keeper: Page, plain: Page, screens: Screens
) -> None:
    await publish(signed_site.world, due_soon(signed_site))
    await plain.goto("/canary")
    await expect(plain.get_by_role("heading", level=1)).to_have_text("The canary is current")
    affirmed = plain.get_by_role("table", name="The five statements").get_by_text("Affirmed", exact=True)
    await expect(affirmed).to_have_count(5)
    await keeper.goto("/staff/canary")
    await expect(keeper.get_by_text("Current", exact=True)).to_be_visible()

    stale = plain.get_by_role("heading", name="The canary has expired", level=1)
    await expect(stale).to_be_visible(timeout=30_000)
    await expect(affirmed).to_have_count(0)
    await expect(plain).to_have_title("Canary: EXPIRED - Clearpost")
    await expect(keeper.get_by_text("Expired", exact=True)).to_be_visible(timeout=30_000)
    await screens(plain, "canary-expired-alone")
    for path in ("/canary/archive", "/status"):
        await plain.goto(path)
        await expect(plain.get_by_text("has expired")).to_be_visible()
    assert (await signed_site.world.anonymous.get("/canary.json")).json()["state"] == "expired"
    assert "HAS EXPIRED" in (await signed_site.world.anonymous.get("/canary.atom")).text


async def test_what_does_not_hold_is_refused_with_all_its_reasons(
    signed_site: Site, keeper: Page, plain: Page, tmp_path: Path
) -> None:
    old = canary(minutes_ago(signed_site.world), service="other.test")
    await bring(keeper, *files(tmp_path, old, ALICE, Person.named("mallory")))
    refused = keeper.get_by_role("alert")
    await expect(refused).to_contain_text("it is the canary of 'other.test'")
    await expect(refused).to_contain_text("belongs to none of the signers")
    await expect(refused).to_contain_text("it takes 2 different ones")
    await plain.goto("/canary")
    await expect(plain.get_by_role("heading", level=1)).to_have_text("No canary published")


async def test_everybody_can_read_it_in_each_of_its_states(
    signed_site: Site, keeper: Page, browsing: Browsing, axe: Axe, screens: Screens
) -> None:
    world = signed_site.world
    visitor = await browsing(javascript=True)
    for state in ("none", "current", "incomplete", "unverified"):
        await _forget(signed_site)
        if state != "none":
            withheld = ["backdoor"] if state == "incomplete" else []
            await publish(world, canary(minutes_ago(world), without=withheld))
        if state == "unverified":
            await change(world, "canary", "update canary set document = replace(document, 'sun', 'son')")
        for width, height in (DESK, PHONE):
            for scheme in ("light", "dark"):
                for name, page, path in (
                    ("page", visitor, "/canary"),
                    ("archive", visitor, "/canary/archive"),
                    ("staff", keeper, "/staff/canary"),
                ):
                    await page.set_viewport_size({"width": width, "height": height})
                    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                    await page.goto(path)
                    await expect(page.get_by_role("heading", level=1)).to_be_visible()
                    await axe(page)
                    await screens(page, f"canary-{name}-{state}-{width}-{scheme}")
                    sideways = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                    assert not await page.evaluate(sideways), (path, state, width)
