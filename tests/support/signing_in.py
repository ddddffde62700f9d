"""Signing in by mail as people do: ask, read the letter as upkeep writes it, press the button of its page."""

import json

import httpx

from api.browser_sessions import cookie_name
from customers.letter_texts import WRITERS, Desk, Written
from tests.support.api import World


async def last_letter(world: World, to: str) -> Written:
    """The newest letter to this address, in the words that are sent."""
    row = await world.runtime.database.row(
        "select kind, about, created_at from letter where to_address = $1 order by id desc limit 1", to
    )
    assert row is not None, "no letter"
    desk = Desk(world.runtime.keyring, world.runtime.settings.web_url, row["created_at"])
    return WRITERS[row["kind"]](desk, json.loads(row["about"]))


async def link_in(world: World, to: str) -> str:
    """The path of the link in that letter."""
    base = world.runtime.settings.web_url
    lines = [line.strip() for line in (await last_letter(world, to)).lines]
    (link,) = [line.removeprefix(base) for line in lines if line.startswith(f"{base}/auth/link/")]
    return link


async def ask_link(world: World, browser: httpx.AsyncClient, email: str, there: str = "") -> str:
    answer = await browser.post("/auth/link", data={"email": email, "next": there})
    assert answer.status_code == 200, answer.text
    return await link_in(world, email.lower())


async def sign_in(world: World, browser: httpx.AsyncClient, email: str, there: str = "") -> httpx.Response:
    """By mail, from the question to the redirect at its end."""
    return await browser.post(await ask_link(world, browser, email, there))


def cookie_of(world: World, browser: httpx.AsyncClient) -> str | None:
    return browser.cookies.get(cookie_name(world.runtime.settings))
