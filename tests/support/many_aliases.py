"""Aliases for browser tests: thousands by few statements, and how a page shows one."""

from typing import Any

from playwright.async_api import Page

from tests.support.site import Customer
from tests.support.world import DomainRow

WORDS = ("news", "shop", "bank", "travel", "forum", "tax", "club", "health")
NOTES = ("", "Monthly letter", "Orders and receipts", "", "Since the move", "")


async def seed(customer: Customer, domain: DomainRow, count: int, *inboxes: str) -> None:
    """So many aliases, each to one of the inboxes, by few statements."""
    world = customer.site.stack.world
    to = [await world.destination(customer.row, inbox) for inbox in inboxes or ("you@inbox.test",)]
    ids = sorted(world.clock.new_id() for _ in range(count))  # the order in which they were made
    names = [f"{WORDS[number % len(WORDS)]}-{number:04}" for number in range(count)]
    notes = [NOTES[number % len(NOTES)] for number in range(count)]
    await world.execute(
        "insert into alias (id, account_id, domain_id, local_part, note, enabled) "
        "select id, $1, $2, name, note, true from unnest($3::uuid[], $4::text[], $5::text[]) "
        "as new (id, name, note)",
        *(customer.tenant.id, domain.id, ids, names, notes),
    )
    await world.execute(
        "insert into alias_destination (alias_id, destination_id) "
        "select * from unnest($1::uuid[], $2::uuid[])",
        *(ids, [to[number % len(to)] for number in range(count)]),
    )
    await world.execute("analyze alias, alias_destination")


def row(page: Page, text: str) -> Any:
    return page.get_by_role("row").filter(has_text=text)


async def aliases_of(customer: Customer) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = (await customer.tenant.http.get("/v1/aliases")).json()["data"]
    return data


async def fill_in(page: Page, local_part: str) -> None:
    await page.get_by_label("Alias", exact=True).fill(local_part)
    to = page.get_by_label("Forwards to").first
    if await page.get_by_text("you@inbox.test").count() == 0:
        await to.fill("you@inbox.test")
        await to.press("Enter")
