"""So many letters to one address, whoever asks for them and at whichever door."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from customers import letter_rates
from mailcore.rates import Rate
from tests.support.api import Tenant, World, running_api
from tests.support.signing_in import sign_in

INBOX = "someone@people.test"


@pytest.fixture
async def counting(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path, redis_url=SecretStr(redis_url)) as world:
        yield world


async def invite(world: World, tenant: Tenant, address: str) -> httpx.Response:
    owner = await world.person(tenant, email="ada@people.test")
    return await owner.http.post("/v1/invitations", json={"email": address})


async def test_strangers_share_five_letters_a_day_whichever_door_they_take(counting: World) -> None:
    invited = [await invite(counting, await counting.tenant(f"n{number}"), INBOX) for number in range(3)]
    codes = [answer.status_code for answer in invited]
    one = await counting.tenant("one")
    made = await one.http.post("/v1/destinations", json={"address": INBOX.title()})
    codes.append((await one.http.post(f"/v1/destinations/{made.json()['id']}/confirmation")).status_code)
    person = await counting.person(one, email="ada@people.test")
    codes.append((await person.http.post("/v1/me/email", json={"email": INBOX})).status_code)
    assert codes == [201, 201, 201, 200, 204]

    refused = await invite(counting, one, f" {INBOX.upper()}")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 3600
    assert (await one.http.post(f"/v1/destinations/{made.json()['id']}/confirmation")).status_code == 429
    assert (await person.http.post("/v1/me/email", json={"email": INBOX})).status_code == 429
    assert await counting.runtime.database.value("select count(*) from letter") == 5
    assert (await invite(counting, one, "else@people.test")).status_code == 201


async def test_an_invitation_sent_again_counts(counting: World) -> None:
    tenant = await counting.tenant()
    owner = await counting.person(tenant, email="ada@people.test")
    made = (await owner.http.post("/v1/invitations", json={"email": INBOX})).json()
    path = f"/v1/invitations/{made['id']}/send"
    assert [(await owner.http.post(path)).status_code for _ in range(5)] == [200, 200, 200, 200, 429]


async def test_strangers_do_not_keep_anybody_from_signing_in_by_mail(counting: World) -> None:
    rates = counting.runtime.rates
    while (await letter_rates.from_others(rates, INBOX)).allowed:
        pass
    assert (await counting.browser().post("/auth/link", data={"email": INBOX})).status_code == 200


async def test_all_doors_together_have_an_end(counting: World) -> None:
    rates = counting.runtime.rates
    for _ in range(24):
        await rates.take("letters", INBOX, Rate(24, timedelta(days=1)))
    assert (await counting.browser().post("/auth/link", data={"email": INBOX})).status_code == 429
    assert (await invite(counting, await counting.tenant(), INBOX)).status_code == 429


async def test_a_tag_is_no_other_inbox(counting: World) -> None:
    rates = counting.runtime.rates
    for number in range(5):
        assert (await letter_rates.from_others(rates, f"Some+{number}@people.test")).allowed
    assert not (await letter_rates.from_others(rates, "some@people.test")).allowed


async def test_a_browser_that_signed_in_before_is_not_refused_because_of_strangers(counting: World) -> None:
    known, stranger = counting.browser(), counting.browser()
    assert (await sign_in(counting, known, INBOX)).status_code == 303
    await known.post("/auth/sign-out")
    codes = [(await stranger.post("/auth/link", data={"email": INBOX})).status_code for _ in range(6)]
    assert codes[-1] == 429
    assert (await known.post("/auth/link", data={"email": INBOX})).status_code == 200
    other = await known.post("/auth/link", data={"email": "other@people.test"})
    assert other.status_code == 200


async def test_letters_to_sign_in_have_an_end_each_day(counting: World) -> None:
    rates = counting.runtime.rates
    for _ in range(15):
        await rates.take("letters to sign in a day", INBOX, Rate(15, timedelta(days=1)))
    stranger = await counting.browser().post("/auth/link", data={"email": INBOX})
    assert stranger.status_code == 429
