"""The log as its owner reads it: what became of a message, live, without ever losing their place."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Response, Route, expect

from clearpost.embedded.valkey import EmbeddedValkey
from mailcore.clock import ShiftedClock
from mailcore.plans import Plan
from tests.e2e.conftest import Axe, Screens
from tests.support import sender
from tests.support.browsing import DESK, PHONE, Browsing, Guard
from tests.support.services import TestPostgres
from tests.support.site import Customer, Site, running_site
from tests.support.stack import until
from tests.support.week import lived

GREYLISTED = "451 4.7.1 Greylisted, please try again in a while"
CURSOR = "and-on-from-here"
SECRET_FILE = "payroll-of-november.pdf"
OUTAGE = "ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(
    migrated_postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """Tries again after five seconds: long enough to be seen counting down."""
    url = await migrated_postgres.create_database()
    folder = tmp_path_factory.mktemp("log-site")
    ladder = (timedelta(seconds=5),)
    async with running_site(url, valkey.url, folder, standard_ladder=ladder, fast_ladder=ladder) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def customer(site: Site) -> Customer:
    """With hello@ their domain, and room for much mail."""
    customer = await site.customer(Plan.PREMIUM)
    await customer.alias(await customer.domain(), "hello")
    return customer


async def bring(customer: Customer, *subjects: str, to: str = "hello") -> list[UUID]:
    """Messages on one connection to the standard mx, in this order: the ids they are queued as."""
    found = []
    async with sender.sender_at(customer.site.stack.settings.mx_port) as connection:
        for subject in subjects:
            content = sender.letter(subject)
            reply = await connection.mail("ann@sender.test", [f"{to}@{customer.domain_name}"], content)
            assert reply.startswith("250 2.0.0 Queued as "), reply
            found.append(UUID(reply.rpartition(" ")[2]))
    return found


def rows(page: Page) -> Locator:
    return page.get_by_role("table", name="Messages").locator("tbody tr[aria-rowindex]")


async def subjects(page: Page) -> list[str]:
    return await rows(page).get_by_role("link").all_inner_texts()


def numbered(first: int, last: int) -> list[str]:
    return [f"Message {number:03}" for number in range(first, last + 1)]


def down(found: list[str]) -> list[str]:
    return found[::-1]


async def scroll(page: Page, by: int) -> None:
    """By the wheel, until the page has followed."""
    before = await page.evaluate("scrollY")
    await page.mouse.move(640, 450)
    await page.mouse.wheel(0, by)
    await page.wait_for_function("before => scrollY > before", arg=before)


async def open_log(page: Page, filters: str = "") -> None:
    await page.goto(f"/logs{filters}")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()


# --- 3: a message that is put off ---


async def test_greylisting_is_explained_counts_down_and_ends_well_without_a_reload(
    page: Page, site: Site, customer: Customer
) -> None:
    await customer.alias(await customer.domain("grey-" + customer.domain_name), "hello", "grey@inbox.test")
    site.inbox.script["<grey@inbox.test>"] = [GREYLISTED]
    await open_log(page)
    loads: list[str] = []
    page.on("domcontentloaded", lambda _: loads.append("load"))
    async with sender.sender_at(site.stack.settings.mx_port) as connection:
        to = f"hello@grey-{customer.domain_name}"
        await connection.mail("ann@sender.test", [to], sender.letter("Invoice 7"))
    row = rows(page).filter(has_text="Invoice 7")
    await expect(row).to_contain_text("Soft-bounced")
    await row.click()
    drawer = page.get_by_role("dialog", name="Invoice 7")
    steps = drawer.get_by_role("list", name="Timeline").get_by_role("listitem")
    await expect(steps.nth(2)).to_contain_text(re.compile(r"Next try in \d s"))
    await expect(steps.nth(1)).to_contain_text("Soft-bounced")
    await expect(steps.nth(1)).to_contain_text(GREYLISTED)
    await expect(steps.nth(1)).to_contain_text("4.7.1")
    await expect(steps.nth(1)).to_contain_text("Greylisted: normal")
    await expect(steps.nth(1)).to_contain_text("Attempt 1")
    await expect(steps.nth(2)).to_contain_text("Delivered")
    await expect(steps.nth(2)).to_contain_text("Attempt 2")
    await expect(steps.nth(2)).to_contain_text("250 2.0.0 Accepted")
    await expect(drawer).to_contain_text(re.compile(r"Deleted in 6 d 23 h"))
    await page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
    await expect(row).to_contain_text("Delivered")
    assert loads == []


async def test_what_a_server_said_is_copied_whole(page: Page, customer: Customer) -> None:
    (message_id,) = await bring(customer, "Copy me")
    await page.goto(f"/logs/{message_id}")
    delivered = page.get_by_role("listitem").filter(has_text="Delivered")
    await delivered.get_by_role("button", name="Copy").click()
    await expect(delivered.get_by_role("status")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == "250 2.0.0 Accepted [no TLS]"


# --- 4: the tail ---


async def test_the_tail_grows_at_the_top_and_waits_where_somebody_reads(
    page: Page, customer: Customer
) -> None:
    await bring(customer, *numbered(1, 40))
    await open_log(page)
    await expect(rows(page)).to_have_count(40)
    await bring(customer, "Message 041")
    await expect(rows(page).first).to_contain_text("Message 041")
    await scroll(page, 400)
    watched = rows(page).filter(has_text="Message 025")
    await expect(watched).to_be_in_viewport()
    before = await watched.bounding_box()
    await bring(customer, *numbered(42, 53))
    pill = page.get_by_role("button", name="12 new")
    await expect(pill).to_be_visible()
    assert await watched.bounding_box() == before
    assert await rows(page).count() == 41
    await pill.click()
    await expect(rows(page)).to_have_count(53)
    assert await subjects(page) == down(numbered(1, 53))
    assert await page.evaluate("scrollY") == 0
    await expect(pill).to_be_hidden()


async def test_what_came_while_the_api_was_away_is_there_once_after_it(
    page: Page, site: Site, customer: Customer, guard: Guard
) -> None:
    guard.allow(OUTAGE)
    await bring(customer, *numbered(1, 30))
    await open_log(page)
    await expect(rows(page)).to_have_count(30)
    away = page.get_by_role("status").filter(has_text=re.compile("interrupted|does not answer"))
    async with site.api_away():
        await expect(away).to_be_visible()
        await bring(customer, *numbered(31, 36))
        assert await rows(page).count() == 30
    await expect(away).to_be_hidden()
    await expect(rows(page)).to_have_count(36)
    await bring(customer, "Message 037")
    await expect(rows(page).first).to_contain_text("Message 037")
    assert await subjects(page) == down(numbered(1, 37))


async def test_a_reader_keeps_their_place_through_an_outage(
    page: Page, site: Site, customer: Customer, guard: Guard
) -> None:
    guard.allow(OUTAGE)
    await bring(customer, *numbered(1, 40))
    await open_log(page)
    await expect(rows(page)).to_have_count(40)
    await scroll(page, 400)
    watched = rows(page).filter(has_text="Message 025")
    await expect(watched).to_be_in_viewport()
    away = page.get_by_role("status").filter(has_text=re.compile("interrupted|does not answer"))
    seen = await page.evaluate("scrollY")
    async with site.api_away():
        await expect(away).to_be_visible()
        await bring(customer, *numbered(41, 52))
    pill = page.get_by_role("button", name="12 new")
    await expect(pill).to_be_visible()
    await expect(away).to_be_hidden()
    await expect(watched).to_be_in_viewport()
    assert abs(await page.evaluate("scrollY") - seen) < 60  # the banner came and went
    await pill.click()
    await expect(rows(page)).to_have_count(52)
    assert await subjects(page) == down(numbered(1, 52))


async def test_older_pages_come_as_one_scrolls_each_message_once(page: Page, customer: Customer) -> None:
    await bring(customer, *numbered(1, 110))
    await open_log(page)
    await expect(rows(page).first).to_contain_text("Message 110")
    for _ in range(3):
        await scroll(page, 1000)
        await bring(customer, "Late")
    await expect(page.get_by_role("button", name="3 new")).to_be_visible()
    await expect(rows(page)).to_have_count(110)
    assert await subjects(page) == down(numbered(1, 110))


# --- 5: many tabs ---


async def test_nine_tabs_are_all_live_and_go_on_when_the_first_is_closed(
    page: Page, customer: Customer
) -> None:
    tabs = [page] + [await page.context.new_page() for _ in range(8)]
    for tab in tabs:
        await open_log(tab)
    await bring(customer, "To all nine")
    for tab in tabs:
        await expect(rows(tab).filter(has_text="To all nine")).to_be_visible()
    await tabs[0].close()
    await bring(customer, "To all eight")
    for tab in tabs[1:]:
        await expect(rows(tab).filter(has_text="To all eight")).to_be_visible()
        await expect(rows(tab)).to_have_count(2)


# --- 6: seven days on ---


async def test_a_link_that_is_older_than_seven_days_says_kindly_why_nothing_is_there(
    page: Page, axe: Axe
) -> None:
    old = ShiftedClock(-timedelta(days=7, seconds=1)).new_id()
    await page.goto(f"/logs/{old}")
    drawer = page.get_by_role("dialog", name="Deleted by policy")
    await expect(drawer).to_contain_text("deleted 7 days after its receipt, for everybody")
    await axe(page)
    await drawer.get_by_role("link", name="Show the log").click()
    await expect(drawer).to_be_hidden()
    await expect(page.get_by_role("heading", name="No mail in seven days")).to_be_visible()


async def test_rows_are_gone_after_seven_days_and_their_links_say_so(
    page: Page, site: Site, customer: Customer
) -> None:
    (message_id,) = await bring(customer, "A week ago")
    await page.goto(f"/logs/{message_id}")
    await expect(page.get_by_role("dialog", name="A week ago")).to_be_visible()
    await site.stack.idle()
    site.world.clock.step(timedelta(days=7))
    try:
        await page.reload()
        await expect(page.get_by_role("dialog", name="Deleted by policy")).to_be_visible()
        await expect(page.get_by_text("A week ago")).to_have_count(0)
    finally:
        site.world.clock.step(-timedelta(days=7))


async def test_an_id_of_nobody_is_not_found_in_the_shell(page: Page, site: Site) -> None:
    await page.goto(f"/logs/{site.world.clock.new_id()}")
    await expect(page.get_by_role("dialog")).to_contain_text("There is no such thing in this account.")


# --- 7: what is never shown ---


async def test_no_content_or_attachment_name_is_in_any_page_export_or_answer(
    page: Page, site: Site, customer: Customer, tmp_path: Path
) -> None:
    said: list[str] = []

    async def keep(response: Response) -> None:
        kind = response.headers.get("content-type", "")
        if "/v1/" in response.url and response.ok and kind.startswith("application/json"):
            said.append(await response.text())

    page.on("response", keep)
    await open_log(page)
    content = with_attachment(sender.letter("Report"))
    await site.stack.accepted(f"hello@{customer.domain_name}", content)
    await site.stack.idle()
    assert SECRET_FILE.encode() in site.inbox.messages[-1].content  # else there is nothing to leak
    row = rows(page).filter(has_text="Report")
    await expect(row).to_contain_text("Delivered")
    for name in ("Export CSV", "Export JSON"):
        async with page.expect_download() as download:
            await page.get_by_role("button", name=name).click()
        path = tmp_path / name
        await (await download.value).save_as(path)
        assert "Report" in path.read_text()
        said.append(path.read_text())
    await row.click()
    await expect(page.get_by_role("listitem").filter(has_text="Delivered")).to_be_visible()
    said.append(await page.content())
    for place in ("/overview", "/queue", "/aliases", "/domains"):
        await page.goto(place)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await page.wait_for_load_state("networkidle")
        said.append(await page.content())
    page.remove_listener("response", keep)
    for text in said:
        assert sender.PRIVATE not in text
        assert SECRET_FILE not in text
    assert len(said) > 8


def with_attachment(letter: bytes) -> bytes:
    head, _, body = letter.partition(b"\r\n\r\n")
    parts = [
        head,
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/mixed; boundary="b"',
        b"",
        b"--b",
        b"",
        body,
        b"--b",
        f'Content-Type: application/pdf; name="{SECRET_FILE}"'.encode(),
        f'Content-Disposition: attachment; filename="{SECRET_FILE}"'.encode(),
        b"",
        b"JVBERi0xLjQK",
        b"--b--",
        b"",
    ]
    return b"\r\n".join(parts)


# --- who sent it ---


def checks(drawer: Locator) -> Locator:
    return drawer.get_by_role("list", name="Authentication").get_by_role("listitem")


async def test_a_message_says_whether_its_sender_is_who_they_say(
    page: Page, site: Site, customer: Customer
) -> None:
    zone = site.stack.zone
    zone.put_txt("genuine.test", "v=spf1 ip4:127.0.0.1 -all")
    zone.put_txt("_dmarc.genuine.test", "v=DMARC1; p=reject")
    zone.put_txt("_dmarc.forged.test", "v=DMARC1; p=none")
    to = [f"hello@{customer.domain_name}"]
    async with sender.sender_at(site.stack.settings.mx_port) as connection:
        for subject, author in (("True", "ann@genuine.test"), ("False", "bob@forged.test")):
            said = await connection.mail("ann@genuine.test", to, sender.letter(subject, sender=author))
            assert said.startswith("250"), said
    await open_log(page)
    await rows(page).filter(has_text="True").click()
    drawer = page.get_by_role("dialog", name="True")
    await expect(checks(drawer)).to_have_text(["SPF pass", "DKIM none", "DMARC pass", "ARC none"])
    delivered = drawer.get_by_role("listitem").filter(has_text="Delivered")
    await expect(delivered).to_contain_text("We rewrote From")  # not signed, and their policy is reject
    await expect(delivered).to_contain_text("· no TLS")
    await page.keyboard.press("Escape")
    await page.get_by_role("combobox", name="DMARC").select_option("DMARC fail")
    await expect(rows(page)).to_have_count(1)
    await rows(page).filter(has_text="False").click()
    drawer = page.get_by_role("dialog", name="False")
    await expect(checks(drawer)).to_have_text(["SPF pass", "DKIM none", "DMARC fail", "ARC none"])
    await expect(drawer).to_contain_text("DMARC fail: From may be forged")


async def test_what_strict_refuses_is_in_the_log_with_its_checks(
    page: Page, site: Site, customer: Customer
) -> None:
    (domain,) = (await customer.owner.http.get("/v1/domains")).json()["data"]
    await page.goto(f"/domains/{domain['id']}/settings")
    await page.get_by_role("switch", name="Strict DMARC").press("Space")
    await expect(page.get_by_text("DMARC is strict")).to_be_visible()

    async def is_strict() -> bool:
        shown = await customer.owner.http.get(f"/v1/domains/{domain['id']}")
        return bool(shown.json()["mail"]["strict_dmarc"])

    await until(is_strict)
    site.stack.zone.put_txt("_dmarc.bank.test", "v=DMARC1; p=reject")
    async with sender.sender_at(site.stack.settings.mx_port) as connection:
        content = sender.letter("Your account", sender="desk@bank.test")
        said = await connection.mail("ann@sender.test", [f"hello@{customer.domain_name}"], content)
    assert said.startswith("550 5.7.26"), said
    await page.goto("/logs?dmarc=fail&event=refused")
    await rows(page).filter(has_text="Your account").click()
    drawer = page.get_by_role("dialog", name="Your account")
    await expect(checks(drawer)).to_have_text(["SPF pass", "DKIM none", "DMARC fail", "ARC none"])
    await expect(drawer).to_contain_text("We did not take the message.")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_what_failed_is_explained_and_the_rest_to_who_asks(
    browsing: Browsing, site: Site, axe: Axe, screens: Screens, size: tuple[int, int]
) -> None:
    customer = await site.customer(Plan.PREMIUM)
    domain = await customer.domain()
    await lived(customer, domain, "hello", "orders")
    page = await browsing(customer.owner, size=size, dark=size == PHONE)
    await page.goto(f"/domains/{domain.id}/settings")
    await page.get_by_role("link", name="Show mail that failed DMARC").click()
    await expect(page).to_have_url(re.compile(rf"/logs\?domain_id={domain.id}&dmarc=fail$"))
    await expect(page.get_by_role("combobox", name="DMARC")).to_have_value("fail")
    await screens(page, f"logs-dmarc-{size[0]}")
    await page.get_by_role("link", name="Re: delivery on Thursday").first.click()
    drawer = page.get_by_role("dialog")
    await expect(drawer).to_contain_text("DMARC fail: From may be forged")
    asked = drawer.get_by_text(re.compile("^ARC (none|pass): "))
    await expect(asked).to_be_hidden()
    await axe(page)
    await screens(page, f"message-failed-{size[0]}")
    await drawer.get_by_text("What the others mean").press("Enter")
    await expect(asked).to_be_visible()
    await expect(drawer).to_contain_text("TLSv1.3, verified")
    await axe(page)
    await screens(page, f"message-explained-{size[0]}")


# --- filters, keys, everybody ---


async def test_filters_are_in_the_url_and_hold_for_what_comes_live(page: Page, customer: Customer) -> None:
    await customer.alias(await customer.domain("second-" + customer.domain_name), "hello")
    await bring(customer, "Apples", "Pears")
    await open_log(page)
    await expect(rows(page)).to_have_count(2)
    await page.get_by_role("searchbox", name="Search subject").fill("apple")
    await expect(page).to_have_url(re.compile(r"/logs\?q=apple$"))
    await expect(rows(page)).to_have_count(1)
    await bring(customer, "Plums", "More APPLES")
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page).first).to_contain_text("More APPLES")
    await page.get_by_role("combobox", name="State").select_option("Refused")
    await expect(page).to_have_url(re.compile(r"event=refused"))
    await expect(page.get_by_role("heading", name="No message matches")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("searchbox", name="Search subject")).to_have_value("apple")
    await page.get_by_role("button", name="Clear filters").first.click()
    await expect(rows(page)).to_have_count(4)
    await page.get_by_role("combobox", name="Domain").select_option("second-" + customer.domain_name)
    await expect(page.get_by_role("heading", name="No message matches")).to_be_visible()


async def test_the_time_is_chosen_in_the_readers_own(page: Page, site: Site, customer: Customer) -> None:
    await bring(customer, "Now")
    await open_log(page)
    await page.get_by_role("combobox", name="Time").select_option("Last hour")
    await expect(page).to_have_url(re.compile(r"since=\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A00Z"))
    await expect(rows(page)).to_have_count(1)
    begin = datetime.fromisoformat(await page.get_by_label("From", exact=True).input_value())
    later = (begin + timedelta(hours=3)).isoformat(timespec="minutes")
    await page.get_by_label("From", exact=True).fill(later)
    await expect(page.get_by_role("heading", name="No message matches")).to_be_visible()


async def test_keys_walk_the_rows_open_one_and_step_to_the_next(page: Page, customer: Customer) -> None:
    await bring(customer, "First", "Second", "Third")
    await open_log(page)
    await expect(rows(page)).to_have_count(3)
    await rows(page).first.focus()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Second")).to_be_visible()
    await page.keyboard.press("j")
    await expect(page.get_by_role("dialog", name="First")).to_be_visible()
    await page.keyboard.press("k")
    await expect(page.get_by_role("dialog", name="Second")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(re.compile("/logs$"))
    await expect(page).to_have_title("Log · Clearpost")


async def test_rows_do_not_move_below_somebody_who_walks_them(page: Page, customer: Customer) -> None:
    await bring(customer, "First", "Second")
    await open_log(page)
    await expect(rows(page)).to_have_count(2)
    await page.keyboard.press("Tab")
    await rows(page).first.focus()
    await page.keyboard.press("ArrowDown")
    await bring(customer, "Third")
    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    await page.keyboard.press("ArrowUp")
    await expect(rows(page).first).to_be_focused()
    await expect(rows(page).first).to_contain_text("Second")


async def test_a_search_that_took_its_time_says_how_far_it_came_and_goes_on(
    page: Page, customer: Customer
) -> None:
    await bring(customer, "Needle", "Hay")

    async def cut_short(route: Route) -> None:
        """As of a log so large that half a second did not open the first rows of it."""
        if "q=" not in route.request.url or "cursor=" in route.request.url:
            await route.fallback()
            return
        answer = await route.fetch()
        found = await answer.json()
        cut = {
            "data": [],
            "has_more": True,
            "next_cursor": CURSOR,
            "searched_back_to": "2026-11-20T14:10:00Z",
        }
        await route.fulfill(response=answer, json=found | cut)

    async def go_on(route: Route) -> None:
        """The cursor is none of the API's: from the top."""
        asked = route.request.url.replace(f"&cursor={CURSOR}", "")
        await route.fulfill(response=await route.fetch(url=asked))

    await page.route("**/v1/logs/messages?*", cut_short)
    await page.route(f"**/v1/logs/messages?*cursor={CURSOR}*", go_on)
    await page.goto("/logs?q=needle")
    status = page.get_by_role("status").filter(has_text="Searched back to Nov 20, 2026")
    await expect(status).to_be_visible()
    await expect(page.get_by_text("No message matches")).to_have_count(0)
    await page.get_by_role("button", name="Search on").click()
    await expect(page.get_by_role("link", name="Needle")).to_be_visible()
    await expect(status).to_have_count(0)


async def test_mail_of_one_sender_is_found_by_the_address_in_from(page: Page, customer: Customer) -> None:
    await bring(customer, "Spring order")
    await page.goto("/logs")
    await expect(page.get_by_role("link", name="Spring order")).to_be_visible()
    listed = (await customer.owner.http.get("/v1/logs/messages")).json()["data"]
    (written,) = {each["sender"] for each in listed if each["subject"] == "Spring order"}
    await page.get_by_label("Address in From").fill("nobody@sender.test")
    await expect(page.get_by_text("No message matches")).to_be_visible()
    await page.get_by_label("Address in From").fill(written)
    await expect(page.get_by_role("link", name="Spring order")).to_be_visible()
    await expect(page).to_have_url(re.compile("sender="))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_the_log(
    browsing: Browsing,
    site: Site,
    customer: Customer,
    axe: Axe,
    screens: Screens,
    size: tuple[int, int],
    dark: bool,
) -> None:
    site.inbox.script["<full@inbox.test>"] = ["552 5.2.2 Mailbox is full"]
    site.inbox.script["<later@inbox.test>"] = GREYLISTED
    domain = await customer.domain("more-" + customer.domain_name)
    await customer.alias(domain, "full", "full@inbox.test")
    await customer.alias(domain, "later", "later@inbox.test", "you@inbox.test")
    await bring(customer, "Your order has shipped", "Minutes of Tuesday's meeting", "Re: Lunch on Friday?")
    async with sender.sender_at(site.stack.settings.mx_port) as connection:
        for name, subject in (("full", "Holiday photographs"), ("later", "Your invoice for November")):
            await connection.mail("ann@sender.test", [f"{name}@{domain.name}"], sender.letter(subject))
        await connection.mail("ann@sender.test", [f"nobody@{domain.name}"], sender.letter("Unheard"))
    page = await browsing(customer.owner, size=size, dark=dark)
    await page.goto("/logs")
    name = f"{size[0]}-{'dark' if dark else 'light'}"
    await expect(page.get_by_text("Your invoice for November")).to_be_visible()
    await expect(page.get_by_text("Hard-bounced").last).to_be_visible()
    await axe(page)
    await screens(page, f"logs-{name}")
    await page.get_by_role("link", name="Your invoice for November").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Next try in")
    await axe(page)
    await screens(page, f"message-{name}")


async def answers(page: Page) -> Any:
    """For what a test wants to know of the API as its page sees it."""
    return await page.evaluate("fetch('/v1/logs/messages').then((found) => found.json())")


async def test_a_reader_without_rights_to_change_sees_all_and_is_offered_nothing(
    browsing: Browsing, site: Site, customer: Customer
) -> None:
    site.inbox.script["<grey2@inbox.test>"] = [GREYLISTED] * 3
    await customer.alias(await customer.domain("view-" + customer.domain_name), "hello", "grey2@inbox.test")
    async with sender.sender_at(site.stack.settings.mx_port) as connection:
        to = f"hello@view-{customer.domain_name}"
        await connection.mail("ann@sender.test", [to], sender.letter("Look only"))
    page = await browsing(await customer.colleague("viewer"))
    await open_log(page)
    await page.get_by_role("link", name="Look only").click()
    drawer = page.get_by_role("dialog")
    await expect(drawer).to_contain_text("Next try in")
    await expect(drawer.get_by_role("button", name="Try now")).to_have_count(0)
    await expect(drawer.get_by_role("button", name="Cancel delivery")).to_have_count(0)

    async def is_counted() -> bool:
        return len((await answers(page))["data"]) == 1

    await until(is_counted)
