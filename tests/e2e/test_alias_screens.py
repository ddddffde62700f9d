"""Aliases and destinations as people handle them: one by one, from a file, by keys, on any screen."""

import csv
import io
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import Axe, Screens
from tests.support.browsing import DESK, PHONE, Browsing
from tests.support.many_aliases import aliases_of, fill_in, row, seed
from tests.support.site import Customer
from tests.support.stack import until

# --- one by one ---


async def test_aliases_are_created_in_the_list_one_after_the_other(page: Page, customer: Customer) -> None:
    domain = await customer.domain()
    await page.goto("/aliases")
    await page.get_by_role("main").get_by_role("link", name="Create the first alias").click()
    await fill_in(page, "hello")
    await page.keyboard.press("Tab")
    await page.get_by_role("button", name="Create alias").last.click()
    await expect(row(page, f"hello@{domain.name}")).to_contain_text("Waiting for confirmation")
    await expect(page.get_by_label("Alias", exact=True)).to_be_focused()
    await page.keyboard.type(f"shop@{domain.name}")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("row").nth(1)).to_contain_text(f"shop@{domain.name}")
    await page.get_by_label("Alias", exact=True).fill("hello")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("This domain has this alias already.")).to_be_visible()


async def test_a_switch_pauses_at_once_and_z_takes_it_back(page: Page, customer: Customer) -> None:
    await customer.alias(await customer.domain(), "hello")
    await page.goto("/aliases")
    switch = page.get_by_role("switch", name=re.compile("hello@.* is active"))
    await switch.press(" ")
    await expect(switch).not_to_be_checked()
    await expect(page.get_by_text(re.compile("hello@.* paused"))).to_be_visible()

    async def is_paused() -> bool:
        return not (await aliases_of(customer))[0]["enabled"]

    await until(is_paused)
    await page.get_by_role("heading", level=1).focus()
    await page.keyboard.press("z")
    await expect(switch).to_be_checked()

    async def is_active() -> bool:
        return bool((await aliases_of(customer))[0]["enabled"])

    await until(is_active)


async def test_keys_alone_walk_choose_pause_and_open(page: Page, customer: Customer) -> None:
    domain = await customer.domain()
    for name in ("one", "two", "three"):
        await customer.alias(domain, name)
    await page.goto("/aliases")
    await expect(row(page, "one@")).to_be_visible()
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await page.keyboard.press("x")
    await expect(page.get_by_text("2 chosen")).to_be_visible()
    await page.get_by_role("button", name="Pause").focus()
    await page.keyboard.press("Enter")
    await expect(row(page, "three@")).to_contain_text("Paused")
    await expect(row(page, "two@")).to_contain_text("Paused")
    await expect(row(page, "one@")).not_to_contain_text("Paused")
    await page.keyboard.press("/")
    await page.keyboard.type("one@shop")
    await expect(row(page, "two@")).to_have_count(0)
    await row(page, "one@").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name=f"one@{domain.name}")).to_be_focused()


async def test_filters_are_in_the_url_and_an_address_is_found_whole(page: Page, customer: Customer) -> None:
    domain = await customer.domain()
    await customer.alias(domain, "hello")
    await customer.alias(domain, "quiet", "other@inbox.test")
    await page.goto("/aliases")
    await page.get_by_role("searchbox").fill(f"hello@{domain.name}")
    await expect(row(page, "quiet@")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("searchbox")).to_have_value(f"hello@{domain.name}")
    await expect(row(page, "hello@")).to_be_visible()
    await page.get_by_role("button", name="Clear filters").click()
    await page.get_by_label("Destination").select_option("other@inbox.test")
    await expect(row(page, "hello@")).to_have_count(0)
    await expect(row(page, "quiet@")).to_be_visible()
    await page.get_by_role("searchbox").fill("nothing like it")
    await page.get_by_role("link", name="Show all aliases").click()
    await expect(row(page, "hello@")).to_be_visible()


# --- CSV ---


async def test_a_csv_is_looked_through_then_brought_in_and_undone(
    page: Page, customer: Customer, screens: Screens
) -> None:
    domain = await customer.domain()
    await customer.alias(domain, "kept")
    lines = [
        "alias,mailboxes,emails_forwarded",
        *(f"in{n}@{domain.name},you@inbox.test,7" for n in range(20)),
    ]
    lines += [f"kept@{domain.name},you@inbox.test,1", "who@elsewhere.test,you@inbox.test,2"]
    await page.goto("/aliases")
    await page.get_by_role("button", name="Import CSV").click()
    dialog = page.get_by_role("dialog")
    async with page.expect_file_chooser() as chooser:
        await dialog.get_by_role("button", name="CSV file").click()
    file: Any = {"name": "a.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    await (await chooser.value).set_files(file)
    await expect(dialog.get_by_text("20 new")).to_be_visible()
    await expect(dialog.get_by_text("2 refused")).to_be_visible()
    await expect(dialog.get_by_text("Left alone: emails_forwarded.")).to_be_visible()
    await expect(dialog.get_by_role("listitem").filter(has_text="Line 23")).to_contain_text("claim it first")
    assert len(await aliases_of(customer)) == 1
    await screens(page, "aliases-import")
    await dialog.get_by_role("button", name="Import 20 aliases").click()
    await expect(dialog.get_by_text("20 done")).to_be_visible()
    assert len(await aliases_of(customer)) == 21
    await dialog.get_by_role("button", name="Undo all 20").click()
    await expect(dialog.get_by_text("20 undone")).to_be_visible()
    assert [each["local_part"] for each in await aliases_of(customer)] == ["kept"]


async def test_the_export_holds_every_alias(page: Page, customer: Customer) -> None:
    domain = await customer.domain()
    await seed(customer, domain, 40)
    await page.goto("/aliases")
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Export CSV").click()
    path = await (await started.value).path()
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert len(rows) == 40
    assert rows[0]["address"] == f"news-0000@{domain.name}"


# --- one alias ---


async def test_a_test_message_is_seen_arriving(page: Page, customer: Customer, screens: Screens) -> None:
    domain = await customer.domain()
    alias = await customer.alias(domain, "hello")
    await page.goto(f"/aliases/{alias.id}")
    await expect(page.get_by_text("Nobody wrote in the last 7 days.")).to_be_visible()
    await page.get_by_role("button", name="Send test message").click()
    way = page.get_by_role("list", name="What became of it")
    await expect(way.get_by_text("received")).to_be_visible(timeout=3000)
    await expect(way.get_by_text("delivered", exact=True)).to_be_visible(timeout=5000)
    await expect(way.get_by_text(re.compile(r"^250 "))).to_have_count(2)
    messages = page.get_by_role("table", name="Last messages")
    await expect(messages.get_by_role("row").nth(1)).to_contain_text("Delivered")
    await screens(page, "alias-tested")
    await page.get_by_role("link", name="Open it in the log").click()
    await expect(page).to_have_url(re.compile(r"/logs/[0-9a-f-]{36}"))


async def test_destinations_of_an_alias_are_added_and_removed_with_undo(
    page: Page, customer: Customer
) -> None:
    alias = await customer.alias(await customer.domain(), "hello")
    await page.goto(f"/aliases/{alias.id}")
    await page.get_by_role("button", name="Add destination").click()
    await page.get_by_label("Also forward to").first.fill("second@inbox.test")
    await page.get_by_label("Also forward to").first.press("Enter")
    await page.get_by_role("button", name="Add", exact=True).click()
    item = page.get_by_role("listitem").filter(has_text="second@inbox.test")
    await expect(item).to_contain_text("Waiting for confirmation")
    await page.get_by_role("button", name="Remove second@inbox.test").click()
    await expect(item).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(item).to_be_visible()

    async def both() -> bool:
        return len((await aliases_of(customer))[0]["destinations"]) == 2

    await until(both)


async def test_a_note_is_kept_and_an_alias_deleted_after_a_question(page: Page, customer: Customer) -> None:
    alias = await customer.alias(await customer.domain(), "hello")
    await page.goto(f"/aliases/{alias.id}")
    await page.get_by_label("Note").fill("For the club")
    await page.get_by_label("Note").press("Enter")
    await page.goto("/aliases")
    await expect(row(page, "hello@")).to_contain_text("For the club")
    await row(page, "hello@").click()
    await page.get_by_role("button", name="Delete the alias").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete the alias").click()
    await expect(page).to_have_url(re.compile("/aliases$"))
    await expect(page.get_by_text("No aliases yet")).to_be_visible()
    await page.goto(f"/aliases/{alias.id}")
    await expect(page.get_by_text("This alias does not exist")).to_be_visible()


# --- destinations ---


async def test_a_destination_that_waits_turns_confirmed_before_ones_eyes(
    page: Page, customer: Customer
) -> None:
    inbox = f"slow{customer.number}@inbox.test"
    await page.goto("/destinations?add=1")
    await page.get_by_label("Address").fill(inbox)
    await page.get_by_role("button", name="Add destination").last.click()
    await expect(row(page, inbox)).to_contain_text("Waiting for confirmation")
    await page.get_by_role("button", name=f"Ask {inbox} again").click()
    await expect(page.get_by_text(f"{inbox} asked again")).to_be_visible()
    token = await letter_token(customer, inbox)
    answer = await customer.site.world.anonymous.post(f"/destinations/{token}", data={"answer": "confirm"})
    assert answer.status_code == 200
    await expect(row(page, inbox)).to_contain_text("Confirmed")


async def letter_token(customer: Customer, address: str) -> str:
    """Of the letter that asks this inbox."""
    found: list[str] = []

    async def has_come() -> bool:
        for mail in customer.site.inbox.messages:
            if f"<{address}>" in mail.rcpt[0]:
                content = mail.content.replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
                found.extend(re.findall(r"/destinations/([\w.~-]+)", content))
        return bool(found)

    await until(has_come)
    return found[0]  # the one that stops all comes after it


async def test_who_forwards_to_a_destination_is_seen_before_it_is_deleted(
    page: Page, customer: Customer
) -> None:
    domain = await customer.domain()
    await customer.alias(domain, "hello")
    await customer.alias(domain, "both", "you@inbox.test", "other@inbox.test")
    await page.goto("/destinations")
    await row(page, "you@inbox.test").click()
    drawer = page.get_by_role("dialog", name="you@inbox.test")
    await expect(drawer.get_by_role("link", name=f"hello@{domain.name}")).to_be_visible()
    await drawer.get_by_role("button", name="Delete the destination").click()
    question = page.get_by_role("dialog", name="Delete you@inbox.test?")
    await question.get_by_role("button", name="Delete the destination").click()
    await expect(question.get_by_role("alert")).to_contain_text("forward to this destination alone")
    await question.get_by_role("button", name="Cancel").click()
    await page.keyboard.press("Escape")
    await row(page, "other@inbox.test").click()
    await page.get_by_role("button", name="Delete the destination").click()
    await page.get_by_role("dialog").last.get_by_role("button", name="Delete the destination").last.click()
    await expect(row(page, "other@inbox.test")).to_have_count(0)


# --- everybody ---


async def test_a_viewer_sees_all_and_can_change_nothing(browsing: Browsing, customer: Customer) -> None:
    alias = await customer.alias(await customer.domain(), "hello")
    page = await browsing(await customer.colleague("viewer"))
    await page.goto("/aliases")
    await expect(row(page, "hello@")).to_contain_text("Active")
    for name in ("Create alias", "Import CSV"):
        await expect(page.get_by_role("button", name=name)).to_have_count(0)
    await expect(page.get_by_role("switch")).to_have_count(0)
    await page.goto(f"/aliases/{alias.id}")
    await expect(page.get_by_text("you@inbox.test")).to_be_visible()
    for name in ("Send test message", "Pause", "Delete the alias", "Add destination"):
        await expect(page.get_by_role("button", name=name)).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_these_screens(
    browsing: Browsing, customer: Customer, axe: Axe, screens: Screens, size: tuple[int, int], dark: bool
) -> None:
    domain = await customer.domain()
    await seed(customer, domain, 24)
    catch_all = await customer.alias(domain, "*", "you@inbox.test", "other@inbox.test")
    await customer.tenant.http.post("/v1/destinations", json={"address": "waiting@inbox.test"})
    await customer.site.stack.world.execute(
        "update destination set failing_since = now() where account_id = $1 and address = 'other@inbox.test'",
        customer.tenant.id,
    )
    await customer.site.stack.world.execute(
        "update alias set enabled = false where account_id = $1 and local_part like '%3'", customer.tenant.id
    )
    page = await browsing(customer.owner, size=size, dark=dark)
    look = f"{size[0]}-{'dark' if dark else 'light'}"
    for path, seen in (
        ("/aliases", "health-0023"),
        ("/aliases?add=1", "health-0023"),
        (f"/aliases/{catch_all.id}", "Senders of the last 7 days"),
        ("/destinations", "waiting@inbox.test"),
    ):
        await page.goto(path)
        await expect(page.get_by_text(seen).first).to_be_visible()
        await axe(page)
        name = path.replace(str(catch_all.id), "one").replace("?add=1", "-new").strip("/").replace("/", "-")
        await screens(page, f"{name}-{look}")
    await page.goto("/aliases")
    await page.get_by_role("checkbox").nth(2).check()
    await axe(page)
    await screens(page, f"aliases-chosen-{look}")
    await page.goto("/destinations")
    await page.get_by_text("you@inbox.test").first.click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await axe(page)
    await screens(page, f"destinations-open-{look}")
