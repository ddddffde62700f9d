"""The canary as everybody sees it: page, JSON, feed, archive and files; stale everywhere the second it is."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from pydantic import SecretStr

from api.canary import RATE
from customers import canary_document as documents
from customers.canary_document import CLAIMS
from mailcore.database import Staff
from tests.support.api import World, running_api
from tests.support.canary_signers import ALICE, BOB, MALLORY, THREE, Person, after, canary, signed
from tests.support.forgery import change
from tests.support.on_staff import staff_browser
from tests.support.published import first, minutes_ago, name_signers, next_after, publish

ATOM = {"": "http://www.w3.org/2005/Atom"}
DAY = timedelta(days=1)
EXPIRED = "The canary has expired"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path, canary_signers=tmp_path / "allowed_signers") as running:
        name_signers(running)
        yield running


async def told(world: World) -> Any:
    answer = await world.anonymous.get("/canary.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def text_of(world: World, path: str = "/canary") -> str:
    answer = await world.anonymous.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def heading(page: str) -> str:
    return html.unescape(page.partition("<h1>")[2].partition("</h1>")[0])


async def feed(world: World) -> ElementTree.Element:
    return ElementTree.fromstring(await text_of(world, "/canary.atom"))


async def stand_at(world: World, moment: datetime) -> None:
    """Half a second after it, so that the test is not a race."""
    world.clock.step(moment - world.clock.now() + timedelta(seconds=0.5))


# --- none ---


async def test_where_none_was_published_all_say_so(world: World) -> None:
    shown = await told(world)
    assert (shown["state"], shown["number"], shown["statements"]) == ("none", None, [])
    assert [key["name"] for key in shown["signers"]] == ["alice", "bob", "carol"]
    page = await text_of(world)
    assert heading(page) == "No canary published"
    assert "ssh-keygen" not in page
    assert "No canary published" in await text_of(world, "/canary/archive")
    assert (await text_of(world, "/canary/archive.json")) == '{"data":[]}'
    published = await feed(world)
    assert published.findall("entry", ATOM) == []
    assert published.findtext("subtitle", "", ATOM).startswith("No canary published")
    for path in ("/canary/1/document", "/canary/1/signatures/alice"):
        assert (await world.anonymous.get(path)).status_code == 404
    status = (await world.anonymous.get("/status.json")).json()
    assert status["canary"] == {"state": "none", "number": None, "expires": None}


async def test_a_server_as_it_is_shipped_has_no_signers_either(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path) as bare:
        assert bare.runtime.settings.canary_signers is None
        assert (await told(bare))["state"] == "none"
        assert heading(await text_of(bare)) == "No canary published"
        assert (await bare.anonymous.get("/canary/allowed_signers")).status_code == 404


# --- a current one ---


async def test_a_current_one_is_shown_whole(world: World) -> None:
    document = await first(world)
    shown = await told(world)
    assert (shown["state"], shown["number"], shown["service"]) == ("current", 1, "clearpost.test")
    assert [each["id"] for each in shown["statements"]] == list(CLAIMS)
    assert {each["state"] for each in shown["statements"]} == {"affirmed"}
    assert datetime.fromisoformat(shown["expires"]) == document.expires
    assert shown["sha256"] == documents.digest(documents.write(document))
    assert [each["signer"] for each in shown["signatures"]] == ["alice", "bob"]
    page = html.unescape(await text_of(world))
    assert heading(page) == "The canary is current"
    for words in (*CLAIMS.values(), document.fact.text, document.fact.url):
        assert words in page
    status = (await world.anonymous.get("/status.json")).json()
    assert status["canary"] == {"state": "current", "number": 1, "expires": shown["expires"]}


async def test_its_files_are_byte_for_byte_what_was_signed(world: World) -> None:
    text, _ = signed(await first(world, fact=documents.Fact("Zürich 😀", "https://a.test/", _today(world))))
    answer = await world.anonymous.get("/canary/1/document")
    assert answer.content == text.encode()
    for person in (ALICE, BOB):
        given = await world.anonymous.get(f"/canary/1/signatures/{person.name}")
        assert given.headers["content-type"].startswith("text/plain")
        assert given.text == person.sign(text)
    assert (await world.anonymous.get("/canary/1/signatures/carol")).status_code == 404
    signers = (await world.anonymous.get("/canary/allowed_signers")).text
    assert signers.splitlines()[0] == f'alice namespaces="clearpost-canary" {ALICE.line}'


def _today(world: World) -> Any:
    return minutes_ago(world).date()


async def test_a_statement_that_is_left_out_is_marked(world: World) -> None:
    await first(world, without=["backdoor"])
    shown = await told(world)
    assert shown["state"] == "incomplete"
    assert [each["id"] for each in shown["statements"] if each["state"] == "not affirmed"] == ["backdoor"]
    page = await text_of(world)
    assert heading(page) == "A statement is not affirmed"
    assert page.count("Not affirmed</span>") == 1
    assert "4 of 5" in await text_of(world, "/canary/archive")


async def test_the_page_names_only_steps_that_are_whole(world: World) -> None:
    document = await first(world)
    world.clock.step(10 * DAY)
    await next_after(world, document)
    page = html.unescape(await text_of(world))
    commands = "\n".join(re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL))
    base = f"{world.runtime.settings.web_url}/canary"
    assert commands.splitlines() == [
        f"curl -fsS -o document {base}/2/document",
        f"curl -fsS -o alice.sig {base}/2/signatures/alice",
        f"curl -fsS -o bob.sig {base}/2/signatures/bob",
        f"curl -fsS -o signers {base}/allowed_signers",
        "ssh-keygen -Y verify -f signers -I alice -n clearpost-canary -s alice.sig < document",
        "ssh-keygen -Y verify -f signers -I bob -n clearpost-canary -s bob.sig < document",
        "cat document",
        "date -u +%Y-%m-%dT%H:%M:%SZ",
        f"curl -fsS {base}/1/document | sha256sum",
    ]


# --- the second it expires ---


async def states(world: World) -> list[str]:
    """Wherever its state is told."""
    page, published = await text_of(world), await feed(world)
    archive = (await world.anonymous.get("/canary/archive.json")).json()["data"][0]
    return [
        (await told(world))["state"],
        "expired" if heading(page) == EXPIRED else "current",
        (await world.anonymous.get("/status.json")).json()["canary"]["state"],
        "expired" if "HAS EXPIRED" in published.findtext("subtitle", "", ATOM) else "current",
        "expired" if "The newest has expired" in await text_of(world, "/canary/archive") else "current",
        "expired" if archive["lapsed"] else "current",
    ]


async def test_it_is_stale_everywhere_the_second_it_expires(world: World) -> None:
    document = await first(world)
    await stand_at(world, document.expires - timedelta(minutes=1))
    assert set(await states(world)) == {"current"}
    await stand_at(world, document.expires)
    assert set(await states(world)) == {"expired"}


async def test_an_expired_one_affirms_nothing_any_more(world: World) -> None:
    document = await first(world, without=["backdoor"])
    await stand_at(world, document.expires)
    assert {each["state"] for each in (await told(world))["statements"]} == {"expired"}
    page = await text_of(world)
    assert "Affirmed</span>" not in page
    assert page.count("Expired</span>") == 5
    assert "refresh" not in (await world.anonymous.get("/canary")).headers
    status = html.unescape(await text_of(world, "/status"))
    assert EXPIRED in status


async def test_no_answer_is_kept_past_the_end(world: World) -> None:
    document = await first(world)
    await stand_at(world, document.expires - timedelta(minutes=1))
    for path in ("/canary", "/canary/archive"):
        before = world.clock.now()
        waits = timedelta(seconds=int((await world.anonymous.get(path)).headers["refresh"]))
        assert before + waits <= document.expires + timedelta(seconds=1)
        assert world.clock.now() + waits >= document.expires


async def test_a_page_that_stays_open_for_weeks_asks_again_before_a_browser_forgets(world: World) -> None:
    await first(world)
    assert (await world.anonymous.get("/canary")).headers["refresh"] == str(20 * 86_400)


async def test_the_feed_has_an_entry_for_each_and_one_more_for_each_that_lapsed(world: World) -> None:
    one = await first(world)
    await stand_at(world, one.expires + DAY)
    two = await next_after(world, one)
    world.clock.step(10 * DAY)
    three = await next_after(world, two)
    await stand_at(world, three.expires)
    published = await feed(world)
    titles = [entry.findtext("title", "", ATOM) for entry in published.findall("entry", ATOM)]
    assert titles == [
        "CANARY 3 HAS EXPIRED",
        "Canary 3: 5 of 5 statements affirmed",
        "Canary 2: 5 of 5 statements affirmed",
        "CANARY 1 HAS EXPIRED",
        "Canary 1: 5 of 5 statements affirmed",
    ]
    updated = published.findtext("updated", "", ATOM)
    assert datetime.fromisoformat(updated) == three.expires
    for entry in [published, *published.findall("entry", ATOM)]:
        assert entry.findtext("id", "", ATOM).startswith("tag:clearpost.test,2026:canary")
    rows = (await world.anonymous.get("/canary/archive.json")).json()["data"]
    assert [(row["number"], row["lapsed"]) for row in rows] == [(3, True), (2, False), (1, True)]


# --- what somebody did to the server ---


@pytest.mark.parametrize(
    "statement",
    [
        "update canary set document = replace(document, 'not affirmed', 'affirmed')",
        "update canary set document = replace(document, '2026', '2027')",
        "update canary set document = 'null'",
        "update canary set number = 2",
        "update canary set signatures = '{}'",
        "update canary set signatures = signatures - 'bob'",
        "update canary set signatures = jsonb_build_object('bob', signatures->'bob', 'a', signatures->'bob')",
        """update canary set signatures = '{"alice": "x", "bob": "y"}'""",
    ],
)
async def test_what_was_changed_in_the_database_is_not_believed(world: World, statement: str) -> None:
    await first(world, without=["backdoor"])
    await change(world, "canary", statement)
    shown = await told(world)
    assert shown["state"] == "unverified"
    assert {each["state"] for each in shown["statements"]} <= {"unverified"}
    page = await text_of(world)
    assert heading(page) == "The canary cannot be verified"
    assert "Affirmed</span>" not in page
    assert "ssh-keygen -Y" not in page
    assert (await world.anonymous.get("/status.json")).json()["canary"]["state"] == "unverified"
    assert "The newest cannot be verified" in await text_of(world, "/canary/archive")
    assert "THE CANARY CANNOT BE VERIFIED" in await text_of(world, "/canary.atom")
    (row,) = (await world.anonymous.get("/canary/archive.json")).json()["data"]
    assert (row["verified"], row["affirmed"], row["lapsed"]) == (False, 0, True)
    published = await feed(world)
    (entry,) = published.findall("entry", ATOM)
    assert entry.findtext("title", "", ATOM).endswith("CANNOT BE VERIFIED")
    moved = datetime.fromisoformat(entry.findtext("updated", "", ATOM))
    assert moved > datetime.fromisoformat(row["published_at"])
    assert "statements affirmed" not in ElementTree.tostring(published, encoding="unicode")


async def test_one_of_the_archive_that_was_changed_is_told_by_itself(world: World) -> None:
    one = await first(world)
    world.clock.step(10 * DAY)
    await next_after(world, one)
    await change(world, "canary", "update canary set signatures = signatures - 'bob' where number = 1")
    rows = (await world.anonymous.get("/canary/archive.json")).json()["data"]
    assert [(row["verified"], row["affirmed"]) for row in rows] == [(True, 5), (False, 0)]
    assert "Cannot be verified" in await text_of(world, "/canary/archive")


async def test_an_old_one_by_a_key_that_was_replaced_holds_through_the_next(world: World) -> None:
    """Its signatures are good under their own keys, and who signs today has signed its hash."""
    one = await first(world)
    name_signers(world, ALICE, Person("bob", Person.named("dave").key), THREE[2])
    world.clock.step(10 * DAY)
    document = after(one, minutes_ago(world) - one.issued)
    await publish(world, document, ALICE, THREE[2])
    rows = (await world.anonymous.get("/canary/archive.json")).json()["data"]
    assert [row["verified"] for row in rows] == [True, True]


async def test_the_status_says_what_the_canary_says_at_once(world: World) -> None:
    async def of_status() -> Any:
        answer = await world.anonymous.get("/status.json")
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()["canary"]["state"]

    assert await of_status() == "none"
    await first(world)
    assert await of_status() == (await told(world))["state"] == "current"
    await change(world, "canary", "update canary set signatures = '{}'")
    assert await of_status() == (await told(world))["state"] == "unverified"


async def test_other_signers_in_the_setting_do_not_make_it_theirs(world: World) -> None:
    await first(world)
    name_signers(world, ALICE, MALLORY, Person.named("dave"))
    assert (await told(world))["state"] == "unverified"
    world.runtime.settings.canary_signers.unlink()  # type: ignore[union-attr]
    assert (await told(world))["state"] == "unverified"
    assert (await world.anonymous.get("/canary/allowed_signers")).status_code == 404
    name_signers(world)
    assert (await told(world))["state"] == "current"


async def test_a_replaced_key_leaves_steps_with_the_signatures_that_stayed(world: World) -> None:
    await publish(world, canary(minutes_ago(world)), *THREE)
    name_signers(world, ALICE, BOB, Person("carol", Person.named("dave").key))
    assert (await told(world))["state"] == "current"
    page = html.unescape(await text_of(world))
    assert "-I bob" in page
    assert "-I carol" not in page


# --- staff publish ---


async def test_the_database_lets_staff_add_one_and_never_change_or_remove_it(world: World) -> None:
    await first(world)
    for statement in ("update canary set number = 9", "delete from canary", "truncate canary"):
        with pytest.raises(Exception, match="permission denied"):
            async with world.runtime.database.session(Staff()) as session:
                await (await session.connection()).exec_driver_sql(statement)


@pytest.fixture
async def sam(world: World) -> httpx.AsyncClient:
    """A browser of staff who is signed in."""
    return await staff_browser(world)


async def upload(sam: httpx.AsyncClient, text: str, signatures: list[str]) -> httpx.Response:
    return await sam.post("/staff/v1/canary", json={"document": text, "signatures": signatures})


async def test_staff_bring_what_others_signed_and_the_service_log_says_so(
    world: World, sam: httpx.AsyncClient
) -> None:
    text, signatures = signed(canary(minutes_ago(world)), BOB, ALICE)
    made = await upload(sam, text, signatures)
    assert (made.status_code, made.json()) == (201, {"number": 1})
    assert (await told(world))["state"] == "current"
    assert (await sam.get("/staff/v1/canary")).json()["state"] == "current"
    line = (await sam.get("/staff/v1/audit")).json()["data"][0]
    assert (line["action"], line["subject"]) == ("canary.published", "canary 1")
    assert line["detail"] == {"signers": ["alice", "bob"]}


async def test_what_is_wrong_is_told_at_once_and_nothing_is_published(
    world: World, sam: httpx.AsyncClient
) -> None:
    document = canary(minutes_ago(world), without=["backdoor"])
    text, signatures = signed(document)
    for wrong, given, why in (
        (text.replace("not affirmed", "affirmed"), signatures, "was changed"),
        (text.strip(), signatures, "byte for byte"),
        (f" {text}", signatures, "byte for byte"),
        (text, signatures[:1], "1 of 3 signers"),
        (text, [signatures[0], MALLORY.sign(text)], "none of the signers"),
        (text, ["x", signatures[0]], "signature 1: this is no SSH signature"),
        (documents.write(canary(number=2)), signatures, "the next is 1"),
    ):
        refused = await upload(sam, wrong, given)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
        assert why in refused.json()["detail"]
    for shape in ([], [signatures[0]] * 4, ["x" * 9000]):
        assert (await upload(sam, text, shape)).json()["code"] == "validation_failed"
    assert (await told(world))["state"] == "none"


async def test_one_that_was_published_is_not_published_again(world: World, sam: httpx.AsyncClient) -> None:
    text, signatures = signed(await first(world))
    refused = await upload(sam, text, signatures)
    assert refused.status_code == 422
    assert "the next is 2" in refused.json()["detail"]
    assert (await told(world))["number"] == 1


async def test_of_two_at_once_one_is_published(world: World, sam: httpx.AsyncClient) -> None:
    text, signatures = signed(canary(minutes_ago(world)))
    answers = await asyncio.gather(*(upload(sam, text, signatures) for _ in range(4)))
    assert min(answer.status_code for answer in answers) == 201
    assert {answer.status_code for answer in answers} <= {201, 409, 422}
    assert await world.runtime.database.value("select count(*) from canary") == 1


async def test_nobody_else_publishes_not_even_with_good_signatures(world: World) -> None:
    text, signatures = signed(canary(minutes_ago(world)))
    tenant = await world.tenant()
    person = await world.person(tenant)
    for client in (world.anonymous, tenant.http, person.http):
        assert (await upload(client, text, signatures)).status_code in (401, 403)
        assert (await client.get("/staff/v1/canary")).status_code == 401
    assert (await told(world))["state"] == "none"


async def test_without_signers_nothing_is_published(world: World, sam: httpx.AsyncClient) -> None:
    text, signatures = signed(canary(minutes_ago(world)))
    name_signers(world, ALICE, BOB)
    refused = await upload(sam, text, signatures)
    assert "names 2: 3 people sign" in refused.json()["detail"]


async def test_who_asks_without_end_is_put_off(database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, redis_url=SecretStr(redis_url)) as limited:
        asked = [(await limited.anonymous.get("/canary.json")).status_code for _ in range(RATE.count + 3)]
        assert asked[: RATE.count] == [200] * RATE.count
        assert 429 in asked
