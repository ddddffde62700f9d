"""Statements as anybody gets them: the text as it was signed, its keys, and the steps to check it."""

import json
from datetime import timedelta

from customers import statements
from mailcore.attestation import Signed, Signer, is_signed
from tests.support.api import World
from tests.support.services import ROOT

PAGE = {"Accept": "text/html"}


async def issue(world: World, count: int = 1) -> None:
    signer = Signer(world.runtime.keyring)
    for _ in range(count):
        await statements.issue(world.runtime.database, signer, world.clock, world.runtime.settings.web_url)
        world.clock.step(timedelta(hours=1))


async def test_before_the_first_there_is_none(world: World) -> None:
    assert (await world.anonymous.get("/statements")).json() == {"data": []}
    for path in ("/statements/head", "/statements/1"):
        answer = await world.anonymous.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "There is none yet" in (await world.anonymous.get("/statements", headers=PAGE)).text


async def test_each_is_shown_as_it_was_signed_with_a_key_that_is_listed(world: World) -> None:
    await issue(world, 2)
    head = (await world.anonymous.get("/statements/head")).json()
    listed = (await world.anonymous.get("/statements/keys")).json()["data"]
    signed = Signed(head["statement"], head["key"], head["signature"])
    assert is_signed("statement", signed, {each["id"]: each["key"] for each in listed})
    assert json.loads(head["statement"])["number"] == head["number"] == 2
    assert (await world.anonymous.get("/statements/2")).json() == head


async def test_the_key_of_the_next_is_listed_before_there_is_any(world: World) -> None:
    listed = (await world.anonymous.get("/statements/keys")).json()["data"]
    assert {each["id"]: each["key"] for each in listed} == Signer(world.runtime.keyring).public_keys


async def test_lists_go_from_the_newest_back_or_from_a_number_on(world: World) -> None:
    await issue(world, 4)

    async def numbers(query: str) -> list[int]:
        found = (await world.anonymous.get(f"/statements{query}")).json()["data"]
        return [each["number"] for each in found]

    assert await numbers("") == [4, 3, 2, 1]
    assert await numbers("?limit=1") == [4]
    assert await numbers("?after=0&limit=3") == [1, 2, 3]
    assert await numbers("?after=3") == [4]
    assert await numbers("?after=4") == []


async def test_what_a_program_gets_and_what_a_browser_gets_are_kept_apart(world: World) -> None:
    for path in ("/statements", "/transparency"):
        page = await world.anonymous.get(path, headers=PAGE)
        data = await world.anonymous.get(path)
        assert (page.headers["content-type"], data.headers["content-type"]) == (
            "text/html; charset=utf-8",
            "application/json",
        )
        assert "Accept" in page.headers["vary"]
        assert "Accept" in data.headers["vary"]
        assert data.headers["access-control-allow-origin"] == "*"


async def test_the_page_names_the_steps_with_this_servers_address(world: World) -> None:
    await issue(world)
    page = (await world.anonymous.get("/statements", headers=PAGE)).text
    url = world.runtime.settings.web_url
    assert f"curl -sS -o verify.py {url}/statements/verify.py" in page
    assert f"python3 verify.py {url} statements.json" in page
    assert next(iter(Signer(world.runtime.keyring).public_keys.values())) in page


async def test_the_verifier_is_the_file_of_the_source_and_has_a_hundred_lines(world: World) -> None:
    served = await world.anonymous.get("/statements/verify.py")
    source = (ROOT / "tools" / "verify_statements.py").read_text(encoding="utf-8")
    assert served.text == source
    assert served.headers["content-type"].startswith("text/plain")
    assert len(source.splitlines()) <= 100
    assert f"It has {len(source.splitlines())} lines" in (
        await world.anonymous.get("/statements", headers=PAGE)
    ).text  # fmt: skip


async def test_a_number_that_cannot_be_one_is_refused(world: World) -> None:
    for path in ("/statements?limit=0", "/statements?limit=501", "/statements?after=-1", "/statements/0"):
        assert (await world.anonymous.get(path)).status_code == 422
