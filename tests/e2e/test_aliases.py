"""Aliases by the thousand, at the limit of a plan, and never made twice: the acceptance of their screens."""

import logging
import math
import re
from collections.abc import Sequence
from statistics import median

import pytest
import pytest_asyncio
from playwright.async_api import CDPSession, Page, Route, expect

from mailcore.plans import Plan, limits_for
from tests.e2e.conftest import Screens
from tests.support.browsing import Browsing, Guard
from tests.support.many_aliases import WORDS, aliases_of, fill_in, row, seed
from tests.support.services import ROOT
from tests.support.site import Customer, Site
from tests.support.stack import until

FIGURES = logging.getLogger(__name__)  # shown by -o log_cli=true --log-level=INFO
MANY = 5000
ROUNDS = 3
FAR = 40_000  # px: a thousand rows, of which few are in the page
SOON, BUSY = 200, 50  # ms
SMOOTH = 34  # ms: 60 frames in a second, 30 at the worst

# Types a text and answers in how many ms the first row holds it, painted.
SEARCH = """
async (text) => {
  const field = document.querySelector("search input[type=search]");
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
  const began = performance.now();
  set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  const isShown = () => {
    const rows = [...document.querySelectorAll("main tbody tr[aria-rowindex]")];
    return rows.length > 0 && rows.every((row) => row.textContent.includes(text));
  };
  while (!isShown()) {
    if (performance.now() - began > 5000) throw new Error(`nothing found for ${text}`);
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - began;
}
"""
# A small request, and a frame: in how many ms.
NOTHING = """
async () => {
  const began = performance.now();
  await (await fetch("/healthz")).text();
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}
"""
# Scrolls on by some rows each frame; answers in how many ms each frame came.
SCROLL = """
async ([step, frames]) => {
  const took = [];
  let last = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames; frame += 1) {
    window.scrollBy(0, step);
    const now = await new Promise(requestAnimationFrame);
    took.push(now - last);
    last = now;
  }
  return took;
}
"""


def p95(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(len(values) * 0.95) - 1]


def texts_of(turn: int) -> list[str]:
    """Whole names, and beginnings that a hundred share."""
    whole = [f"{WORDS[number % 8]}-{number:04}" for number in range(13 + turn, MANY, 173)]
    return whole + [f"{word}-{turn + 1}" for word in WORDS]


async def working(page: Page) -> CDPSession:
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


async def busy(session: CDPSession) -> float:
    """Seconds of processor time that the page's main thread has taken."""
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


@pytest_asyncio.fixture(loop_scope="session")
async def crowd(site: Site) -> Customer:
    """With 5,000 aliases in one domain."""
    customer = await site.customer(Plan.BUSINESS)
    await seed(customer, await customer.domain(), MANY, "you@inbox.test", "other@inbox.test")
    return customer


# --- acceptance 8: 5,000 aliases ---


@pytest.mark.timeout(120)
async def test_five_thousand_aliases_are_searched_within_200_ms(browsing: Browsing, crowd: Customer) -> None:
    page = await browsing(crowd.owner)
    await page.goto("/aliases")
    await expect(row(page, "health-4999")).to_be_visible()
    await page.evaluate(SEARCH, "club-0006")
    work = await working(page)
    took, nothing, each = [0.0], [0.0], 0.0
    for turn in range(ROUNDS):  # each with other texts: what was found once is at hand
        texts = texts_of(turn)
        nothing = [await page.evaluate(NOTHING) for _ in texts]
        began = await busy(work)
        took = [await page.evaluate(SEARCH, text) for text in texts]
        each = (await busy(work) - began) / len(texts) * 1000
        said = "a search: p50 %.0f ms, p95 %.0f ms, %.0f ms of work; nothing at all: p95 %.0f ms"
        FIGURES.info(said, median(took), p95(took), each, p95(nothing))
        if p95(took) < SOON:
            break
    # Where other processes hold the processor even nothing takes long now and then: then the work counts.
    assert p95(took) < SOON or (p95(nothing) > BUSY and each < SOON / 2)
    await expect(page).to_have_url(re.compile(r"\?q=health-\d$"))


@pytest.mark.timeout(180)
async def test_five_thousand_aliases_scroll_smoothly(browsing: Browsing, crowd: Customer) -> None:
    page = await browsing(crowd.owner)
    await page.goto("/aliases")
    table = page.get_by_role("table", name="Aliases")
    await expect(row(page, "health-4999")).to_be_visible()
    while await page.evaluate("document.documentElement.scrollHeight") < FAR:
        await page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        await page.evaluate("new Promise(requestAnimationFrame)")
    assert await table.get_by_role("row").count() < 120
    work, each = await working(page), 0.0
    for _ in range(ROUNDS):
        await page.evaluate("window.scrollTo(0, 0)")
        began = await busy(work)
        took = await page.evaluate(SCROLL, [120, FAR // 120])
        each = (await busy(work) - began) / len(took) * 1000
        FIGURES.info("a frame: p95 %.0f ms, worst %.0f ms; %.1f ms of work", p95(took), max(took), each)
        if p95(took) <= SMOOTH:
            break
    # Where other processes hold the processor, frames come late whatever we do: then the work counts.
    assert p95(took) <= SMOOTH or each <= SMOOTH / 2

    async def shows_rows() -> bool:
        middle = "document.elementFromPoint(700, 450)?.closest('tr[aria-rowindex]') != null"
        return bool(await page.evaluate(middle))

    await until(shows_rows)


async def test_all_that_match_change_their_destination_and_come_back(
    browsing: Browsing, crowd: Customer
) -> None:
    page = await browsing(crowd.owner)
    await page.goto("/aliases")
    await page.get_by_role("checkbox", name="Choose all rows").check()
    await page.get_by_role("button", name="Select all 5,000 that match").click()
    await expect(page.get_by_text("All 5,000 matching chosen")).to_be_visible()
    await page.get_by_role("button", name="Forward to").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Forwards to").first.fill("new@inbox.test")
    await dialog.get_by_label("Forwards to").first.press("Enter")
    await dialog.get_by_role("button", name="Change 5,000 aliases").click()
    await expect(dialog.get_by_role("progressbar")).to_be_visible()
    await expect(dialog.get_by_text("5,000 done")).to_be_visible(timeout=30_000)
    results = dialog.get_by_role("list", name="What became of each")
    await expect(
        results.get_by_role("listitem").filter(has_text=re.compile(r"@.*Changed")).first
    ).to_be_visible()
    await page.screenshot(path=ROOT / "var" / "screens" / "aliases-bulk-done.png")
    assert await forwarding_to(crowd) == {"new@inbox.test": MANY}
    await dialog.get_by_role("button", name="Undo all 5,000").click()
    await expect(dialog.get_by_text("5,000 undone")).to_be_visible(timeout=30_000)
    assert await forwarding_to(crowd) == {"you@inbox.test": MANY // 2, "other@inbox.test": MANY // 2}
    await dialog.get_by_role("button", name="Close").last.click()
    await expect(row(page, "health-4999")).to_contain_text("other@inbox.test")


async def forwarding_to(customer: Customer) -> dict[str, int]:
    rows = await customer.site.stack.world.database.fetch(
        "select address, count(*) from destination join alias_destination on destination_id = id "
        "where account_id = $1 group by address",
        customer.tenant.id,
    )
    return {each["address"]: each["count"] for each in rows}


async def test_each_that_is_refused_is_named_with_its_reason(
    browsing: Browsing, site: Site, customer: Customer
) -> None:
    domain = await customer.domain()
    await seed(customer, domain, 3)
    page = await browsing(customer.owner)
    await page.goto("/aliases")
    await row(page, "news-0000").get_by_role("checkbox").check()
    await row(page, "shop-0001").get_by_role("checkbox").check()
    await page.get_by_role("button", name="Delete").click()
    # Somebody else is faster with one of them.
    await site.stack.world.execute(
        "delete from alias where local_part = 'news-0000' and account_id = $1", customer.tenant.id
    )
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Delete 2 aliases").click()
    await expect(dialog.get_by_text("1 done")).to_be_visible()
    await expect(dialog.get_by_text("1 refused")).to_be_visible()
    await expect(dialog.get_by_role("listitem").first).to_contain_text("There is no such thing")
    await dialog.get_by_role("button", name="Undo all 1").click()
    await expect(dialog.get_by_text("1 undone")).to_be_visible()
    await dialog.get_by_role("button", name="Close").last.click()
    await expect(row(page, "shop-0001")).to_be_visible()
    await expect(row(page, "news-0000")).to_have_count(0)


# --- acceptance 9, the limit ---


async def test_a_full_domain_names_its_limit_and_the_price_of_more(
    page: Page, customer: Customer, screens: Screens
) -> None:
    domain, limit = await customer.domain(), limits_for(Plan.FREE).aliases_per_domain
    await seed(customer, domain, limit)
    await page.goto("/aliases?add=1")
    words = rf"All {limit} aliases of {domain.name} in use: Premium for .\d+ a month"
    upgrade = page.get_by_role("link", name=re.compile(words))
    await expect(upgrade).to_be_visible()
    await expect(page.get_by_role("button", name="Create alias")).to_have_count(1)  # the one that opened this
    await screens(page, "aliases-limit")
    await upgrade.click()
    await expect(page).to_have_url(re.compile(r"/billing\?plan=premium$"))
    body = {"local_part": "more", "destinations": ["you@inbox.test"]}
    answer = await customer.tenant.http.post(f"/v1/domains/{domain.id}/aliases", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (403, "limit_reached")
    assert (problem["resource"], problem["limit"]) == ("aliases_per_domain", limit)


# --- acceptance 12: once ---


async def test_an_answer_that_was_lost_makes_no_second_alias(
    page: Page, customer: Customer, guard: Guard
) -> None:
    guard.allow("net::ERR_CONNECTION_RESET")
    await customer.domain()
    sent: list[str | None] = []

    async def lose_the_first(route: Route) -> None:
        sent.append(await route.request.header_value("Idempotency-Key"))
        if len(sent) == 1:
            await route.fetch()
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await page.route(re.compile("/v1/domains/.*/aliases$"), lose_the_first)
    await page.goto("/aliases?add=1")
    await fill_in(page, "once")
    async with page.expect_response(re.compile("/v1/domains/.*/aliases$")) as answered:
        await page.get_by_role("button", name="Create alias").last.click()
    answer = await answered.value
    assert (answer.status, answer.headers.get("idempotency-replayed")) == (201, "true")
    assert len(sent) == 2
    assert sent[0] == sent[1]
    await expect(row(page, "once@")).to_have_count(1)
    assert [each["local_part"] for each in await aliases_of(customer)] == ["once"]


async def test_one_key_makes_one_alias_and_takes_no_other_content(page: Page, customer: Customer) -> None:
    domain = await customer.domain()
    await page.goto("/aliases")
    post = """async ([url, name]) => {
        const body = JSON.stringify({ local_part: name, destinations: ["you@inbox.test"] });
        const headers = { "Content-Type": "application/json", "Idempotency-Key": "only-once" };
        const answer = await fetch(url, { method: "POST", headers, body });
        return [answer.status, await answer.json()];
    }"""
    url = f"/v1/domains/{domain.id}/aliases"
    first = await page.evaluate(post, [url, "hello"])
    again = await page.evaluate(post, [url, "hello"])
    assert (first[0], again) == (201, first)
    status, problem = await page.evaluate(post, [url, "other"])
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert [each["local_part"] for each in await aliases_of(customer)] == ["hello"]
    await expect(row(page, "hello@")).to_have_count(1)
