"""A signed-in browser: what its cookie opens, when it ends, and that no other site's page acts with it."""

from datetime import timedelta

import pytest

from api.browser_sessions import device_of
from tests.support.api import Tenant, World


async def test_a_person_asks_for_their_account_by_cookie(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    answer = await person.http.get("/v1/account")
    assert (answer.status_code, answer.json()["id"]) == (200, str(tenant.id))


async def test_a_role_bounds_what_a_person_may(world: World, tenant: Tenant) -> None:
    viewer = await world.person(tenant, role="viewer")
    refused = await viewer.http.post("/v1/domains", json={"name": "example.test"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert (await viewer.http.get("/v1/domains")).status_code == 200


async def test_without_an_account_only_what_needs_none_is_open(world: World) -> None:
    person = await world.person()
    refused = await person.http.get("/v1/account")
    assert (refused.status_code, refused.json()["code"]) == (403, "account_needed")


async def test_the_cookie_does_not_count_beside_a_wrong_key(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    answer = await person.http.get("/v1/account", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8025"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {},
    ],
)
async def test_another_sites_page_changes_nothing(
    world: World, tenant: Tenant, headers: dict[str, str]
) -> None:
    person = await world.person(tenant)
    del person.http.headers["Sec-Fetch-Site"]
    refused = await person.http.post("/v1/domains", json={"name": "example.test"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    assert (await tenant.http.get("/v1/domains")).json()["data"] == []


async def test_a_browser_that_only_says_its_origin_is_heard(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    del person.http.headers["Sec-Fetch-Site"]
    headers = {"Origin": "http://localhost:8025"}
    made = await person.http.post("/v1/domains", json={"name": "example.test"}, headers=headers)
    assert made.status_code == 201


@pytest.mark.parametrize("after", [timedelta(days=14), timedelta(days=31)])
async def test_an_unused_session_ends(world: World, tenant: Tenant, after: timedelta) -> None:
    person = await world.person(tenant)
    world.clock.step(after)
    assert (await person.http.get("/v1/account")).status_code == 401


async def test_a_used_session_ends_as_well(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    for _ in range(3):
        world.clock.step(timedelta(days=9, hours=23))
        assert (await person.http.get("/v1/account")).status_code == 200
    world.clock.step(timedelta(days=1))
    assert (await person.http.get("/v1/account")).status_code == 401


async def test_whoever_left_the_account_is_in_none(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("delete from membership where person_id = $1", person.id)
    assert (await person.http.get("/v1/account")).json()["code"] == "account_needed"


async def test_only_a_hash_of_the_cookie_is_stored(world: World) -> None:
    person = await world.person()
    row = await world.runtime.database.row("select * from browser_session")
    assert person.secret not in str(dict(row))


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit Chrome/140 Safari/537.36", "Chrome on Android"),
        ("curl/8.0 <script>", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_device_is_a_plain_word(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device
