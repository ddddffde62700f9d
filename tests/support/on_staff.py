"""Somebody of our staff at the API, signed in by passkey as they do it."""

import httpx

from customers import staff
from customers.audit import Actor
from tests.support.api import SignedInPerson, World
from tests.support.authenticator import Authenticator

EMAIL = "sam@staff.test"
OPERATOR = Actor("service", "operator")


async def add_passkey(person: SignedInPerson, key: Authenticator) -> httpx.Response:
    asked = await person.http.post("/v1/me/passkeys/options")
    if asked.status_code != 200:
        return asked
    body = {"name": "Key", "credential": key.create(asked.json())}
    return await person.http.post("/v1/me/passkeys", json=body)


async def sign_in(browser: httpx.AsyncClient, key: Authenticator) -> httpx.Response:
    options = (await browser.post("/staff/v1/session/options")).json()
    return await browser.post("/staff/v1/session", json={"credential": key.get(options)})


async def mark(world: World, email: str = EMAIL) -> None:
    async with world.runtime.database.session() as session:
        await staff.add(session, world.clock, email, OPERATOR)


async def staff_browser(world: World, email: str = EMAIL) -> httpx.AsyncClient:
    """A browser of staff who is signed in."""
    await mark(world, email)
    key = Authenticator()
    assert (await add_passkey(await world.person(email=email), key)).status_code == 201
    browser = world.browser()
    done = await sign_in(browser, key)
    assert done.status_code == 204, done.text
    return browser
