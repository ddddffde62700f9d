"""Signing in by mail: once, in time, in the browser that asked; and what a session and its cookie survive."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from customers import browser_sessions, passkeys, sign_in_links
from tests.support.api import Tenant, World, running_api
from tests.support.signing_in import ask_link, cookie_of, last_letter, link_in, sign_in

EMAIL = "ada@example.org"


@pytest.fixture(params=["closed", "invitation"])
async def shut(request: Any, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path, sign_up=request.param) as world:
        yield world


async def test_the_link_in_a_letter_signs_in_and_makes_an_account_of_ones_own(world: World) -> None:
    browser = world.browser()
    link = await ask_link(world, browser, EMAIL, "/docs?x=1")
    shown = await browser.get(link)
    assert (shown.status_code, f'action="{link}"' in shown.text) == (200, True)
    done = await browser.post(link)
    assert (done.status_code, done.headers["location"]) == (303, "/docs?x=1")
    me = (await browser.get("/v1/me")).json()
    assert (me["email"], me["role"], me["method"], len(me["accounts"])) == (EMAIL, "owner", "link", 1)
    assert (await browser.get("/v1/account")).json()["id"] == me["account_id"]
    action = await world.runtime.database.value("select action from audit_event")
    assert action == "account.created"


async def test_whoever_is_known_gets_no_second_account(world: World) -> None:
    await sign_in(world, world.browser(), EMAIL)
    browser = world.browser()
    await sign_in(world, browser, "Ada@Example.org")
    assert len((await browser.get("/v1/me")).json()["accounts"]) == 1
    assert await world.runtime.database.value("select count(*) from person") == 1


async def test_opening_a_link_does_nothing(world: World) -> None:
    browser = world.browser()
    link = await ask_link(world, browser, EMAIL)
    for _ in range(3):
        await browser.get(link)
    assert cookie_of(world, browser) is None
    assert (await browser.post(link)).status_code == 303


async def test_a_link_works_once(world: World) -> None:
    browser = world.browser()
    link = await ask_link(world, browser, EMAIL)
    await browser.post(link)
    again = await browser.post(link)
    assert (again.status_code, "over" in again.text) == (410, True)


async def test_using_one_link_voids_the_others_to_that_address(world: World) -> None:
    browser = world.browser()
    first, second = [await ask_link(world, browser, EMAIL) for _ in range(2)]
    await browser.post(second)
    assert (await browser.post(first)).status_code == 410


async def test_a_link_is_over_after_15_minutes(world: World) -> None:
    browser = world.browser()
    link = await ask_link(world, browser, EMAIL)
    world.clock.step(timedelta(minutes=15))
    assert (await browser.get(link)).status_code == 410
    assert (await browser.post(link)).status_code == 410


async def test_another_browser_is_told_what_to_do_and_the_link_stays_good(world: World) -> None:
    browser, other = world.browser(), world.browser()
    link = await ask_link(world, browser, EMAIL)
    await ask_link(world, other, "eve@example.org")
    for stranger in (other, world.browser()):
        for answer in (await stranger.get(link), await stranger.post(link)):
            assert (answer.status_code, "in the browser that asked" in answer.text) == (403, True)
            assert EMAIL not in answer.text
        assert cookie_of(world, stranger) is None
    assert (await browser.post(link)).status_code == 303


@pytest.mark.parametrize(
    "change", [lambda token: token[:20] + "xx" + token[22:], lambda token: "x" * 50, lambda _: "%00"]
)
async def test_a_link_that_is_not_ours_is_over(world: World, change: Any) -> None:
    browser = world.browser()
    token = (await ask_link(world, browser, EMAIL)).rpartition("/")[2]
    assert (await browser.post(f"/auth/link/{change(token)}")).status_code == 410


async def test_another_sites_page_signs_nobody_in(world: World) -> None:
    browser = world.browser()
    link = await ask_link(world, browser, EMAIL)
    for path, data in (("/auth/link", {"email": EMAIL}), (link, {}), ("/auth/sign-out", {})):
        refused = await browser.post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"})
        assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    assert cookie_of(world, browser) is None


async def test_the_answer_is_the_same_whether_somebody_is_known_or_not(shut: World) -> None:
    await shut.person(email="known@example.org")
    answers = []
    for email in ("known@example.org", "stranger@example.org"):
        answer = await shut.browser().post("/auth/link", data={"email": email})
        answers.append((answer.status_code, answer.text.replace(email, "")))
    assert answers[0] == answers[1]
    assert (await last_letter(shut, "known@example.org")).subject == "Sign in to Clearpost"
    assert (await last_letter(shut, "stranger@example.org")).subject == "No account on Clearpost"
    assert await shut.runtime.database.value("select count(*) from sign_in_link") == 2


async def test_where_the_door_is_closed_nobody_new_comes_in(shut: World) -> None:
    browser = shut.browser()
    await browser.post("/auth/link", data={"email": EMAIL})
    assert "/auth/link" not in "\n".join((await last_letter(shut, EMAIL)).lines)
    assert await shut.runtime.database.value("select count(*) from person") == 0
    await shut.person(email=EMAIL)
    assert (await sign_in(shut, browser, EMAIL)).status_code == 303


@pytest.mark.parametrize(
    "email",
    ["", "nobody", "a@b", "a@[127.0.0.1]", "ä@example.org", "x\r\nBcc: y@example.org", "x@clearpost.test"],
)
async def test_what_is_no_address_gets_no_letter(world: World, email: str) -> None:
    answer = await world.browser().post("/auth/link", data={"email": email})
    assert (answer.status_code, "not an address" in answer.text) == (422, True)
    assert await world.runtime.database.value("select count(*) from letter") == 0


async def test_letters_to_one_address_are_bounded(database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, redis_url=redis_url) as world:
        for _ in range(5):
            assert (await world.browser().post("/auth/link", data={"email": EMAIL})).status_code == 200
        refused = await world.browser().post("/auth/link", data={"email": EMAIL.upper()})
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
        assert (await world.browser().post("/auth/link", data={"email": "b@example.org"})).status_code == 200
        assert await world.runtime.database.value("select count(*) from letter") == 6


async def test_tries_from_one_network_are_bounded(database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, redis_url=redis_url) as world:
        for number in range(30):
            email = f"a{number}@example.org"
            assert (await world.browser().post("/auth/link", data={"email": email})).status_code == 200
        refused = await world.browser().post("/auth/link", data={"email": EMAIL})
        assert refused.status_code == 429
        options = await world.browser().post("/auth/passkey/options")
        assert (options.status_code, options.json()["code"]) == (429, "rate_limited")


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.test/", "//evil.test/", "/\\evil.test", "\\\\evil.test", "/%0d%0aX: y\r\nX: y",
        "javascript:1", "evil", "/ok\n//evil.test", "", "http:evil.test", "/\t/evil.test", "///evil.test",
        "/a\\b",
    ],
)  # fmt: skip
async def test_nobody_is_sent_to_another_site(world: World, there: str) -> None:
    browser = world.browser()
    page = await browser.get("/auth/sign-in", params={"next": there})
    assert 'name="next" value="/overview"' in page.text
    done = await sign_in(world, browser, EMAIL, there)
    assert (done.status_code, done.headers["location"]) == (303, "/overview")


async def test_a_session_that_was_there_before_is_void_after_signing_in(world: World) -> None:
    """Whoever planted the cookie knows its secret."""
    planted = await world.person(email="eve@example.org")
    browser = world.browser()
    browser.cookies.update(planted.http.cookies)
    await sign_in(world, browser, EMAIL)
    assert cookie_of(world, browser) != planted.secret
    assert (await browser.get("/v1/me")).json()["email"] == EMAIL
    assert (await planted.http.get("/v1/me")).status_code == 401


async def test_a_secret_that_we_did_not_make_stays_nobodys(world: World) -> None:
    browser = world.browser()
    browser.cookies.set("clearpost_session", "A" * 43)
    await sign_in(world, browser, EMAIL)
    attacker = world.browser()
    attacker.cookies.set("clearpost_session", "A" * 43)
    assert (await attacker.get("/v1/me")).status_code == 401


async def test_signing_in_again_keeps_the_account_one_works_in(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant, role="viewer")
    other = await world.tenant("other")
    await world.person(other, role="admin")
    await person.http.post("/v1/me/account", json={"account_id": str(other.id)})
    await sign_in(world, person.http, person.email)
    assert (await person.http.get("/v1/me")).json()["account_id"] == str(other.id)


async def test_signing_out_ends_the_session_for_whoever_has_its_cookie(world: World) -> None:
    person = await world.person()
    thief = world.browser()
    thief.cookies.update(person.http.cookies)
    done = await person.http.post("/auth/sign-out")
    assert (done.status_code, done.headers["location"]) == (303, "/auth/sign-in")
    assert cookie_of(world, person.http) is None
    assert (await thief.get("/v1/me")).status_code == 401


async def test_what_is_over_is_forgotten_and_nothing_else(world: World) -> None:
    database = world.runtime.database

    async def left() -> list[int]:
        tables = ("browser_session", "sign_in_link", "passkey_challenge")
        return [await database.value(f"select count(*) from {table}") for table in tables]

    async def forget() -> None:
        now, idle = world.clock.now(), world.runtime.settings.session_idle
        await browser_sessions.expire(database, now, idle)
        await sign_in_links.expire(database, now)
        await passkeys.expire(database, now)

    browser = world.browser()
    await sign_in(world, browser, EMAIL)
    await world.browser().post("/auth/passkey/options")
    await forget()
    assert await left() == [1, 1, 1]
    world.clock.step(timedelta(hours=1))
    await forget()
    assert await left() == [1, 1, 0]
    world.clock.step(timedelta(days=14))
    await forget()
    assert await left() == [0, 0, 0]


async def test_cookies_are_for_browsers_of_this_site_only(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, web_url="https://post.example") as world:
        browser = world.browser()
        asked = await browser.post("/auth/link", data={"email": EMAIL})
        done = await _through_https(world, browser, await link_in(world, EMAIL), asked.headers["set-cookie"])
        cookies = [asked.headers["set-cookie"], *done.headers.get_list("set-cookie")]
        assert [cookie.partition("=")[0] for cookie in cookies[:1]] == ["__Host-clearpost_sign_in"]
        assert any(cookie.startswith("__Host-clearpost_session=") for cookie in cookies)
        for cookie in cookies:
            words = cookie.lower()
            assert all(word in words for word in ("httponly", "secure", "samesite=lax", "path=/"))
            assert "domain=" not in words


async def _through_https(world: World, browser: Any, link: str, cookie: str) -> Any:
    """The client would not send a Secure cookie to http://api.test by itself."""
    return await browser.post(link, headers={"Cookie": cookie.partition(";")[0]})


async def test_the_page_works_without_javascript_and_asks_nobody_else(world: World) -> None:
    page = await world.browser().get("/auth/sign-in")
    assert re.findall(r'<script src="([^"]+)"', page.text) == ["/auth/passkey.js"]
    assert not re.search(r"<script>|\son\w+=|<link|<img|url\(", page.text)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    script = await world.browser().get("/auth/passkey.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert page.headers["referrer-policy"] == "same-origin"  # else browsers hide the Origin of our forms


async def test_what_a_browser_brings_is_shown_as_text(world: World) -> None:
    page = await world.browser().get("/auth/sign-in", params={"next": '/"><script>1</script>'})
    assert "<script>1" not in page.text
