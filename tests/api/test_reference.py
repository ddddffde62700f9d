"""The reference page: whole, by itself, readable for everybody, and its examples run as they stand."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api import error_codes
from api.errors import CODES
from api.main import serve
from mailcore.clock import Clock
from tests.support.api import World, running_api
from tests.support.destination import Destination
from tests.support.examples import Example, Stage, examples_of, prepare_curl, run, send
from tests.support.services import ROOT, free_port
from tests.support.stripe import RunningStripe

AT_ONCE = 2


@dataclass(slots=True)
class Served:
    """An API on a socket of loopback, and a world beside it with the same database to set the stage in."""

    world: World
    url: str
    page: str
    document: dict[str, Any]
    stripe: RunningStripe
    stages: int = 0

    async def stage(self) -> Stage:
        self.stages += 1
        return await Stage.set_up(self.world, self.url, self.stages, self.stripe)

    def operation(self, name: str) -> dict[str, Any]:
        found = [
            operation
            for item in self.document["paths"].values()
            for operation in item.values()
            if operation["operationId"] == name
        ]
        return dict(found[0])


@pytest.fixture
async def served(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    port, ready = free_port(), asyncio.Event()
    url = f"http://127.0.0.1:{port}"
    mx = Destination({"DOT": f"250 2.0.0 Queued as {Clock().new_id()}"})
    async with (
        mx,
        RunningStripe.running() as stripe,
        running_api(
            database_url,
            tmp_path,
            web_url=url,
            api_port=port,
            redis_url=SecretStr(redis_url),
            test_message_mx=f"127.0.0.1:{mx.port}",
            **stripe.settings,
        ) as world,
    ):
        task = asyncio.create_task(serve(world.runtime.settings, on_ready=ready.set))
        await asyncio.wait({task, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        page = await world.anonymous.get("/docs")
        yield Served(world, url, page.text, (await world.anonymous.get("/openapi.json")).json(), stripe)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("language", ["curl", "python"])
async def test_every_example_runs_as_it_stands(served: Served, tmp_path: Path, language: str) -> None:
    prepare_curl(tmp_path)
    room = asyncio.Semaphore(AT_ONCE)
    wrong = {}

    async def one(example: Example) -> None:
        async with room:
            try:
                known = await (await served.stage()).environment(example)
                said = await run(example, known, tmp_path)
            except (AssertionError, KeyError, TimeoutError) as error:
                said = repr(error)
        good = {status for status in served.operation(example.operation)["responses"] if status < "3"}
        if said not in good | {"2xx"}:
            wrong[example.operation] = said

    examples = [each for each in examples_of(served.page) if each.language == language]
    operations = [operation for item in served.document["paths"].values() for operation in item.values()]
    assert len(examples) == sum("x-in-browser" not in operation for operation in operations)
    await asyncio.gather(*map(one, examples))
    assert wrong == {}


async def test_a_machine_without_curl_sends_the_same(served: Served) -> None:
    wanted = {"create_alias": "201", "transfer_account": "200", "delete_domain": "204", "list_domains": "200"}
    for example in examples_of(served.page):
        if example.language == "curl" and example.operation in wanted:
            stage = await served.stage()
            status = await send(example, await stage.environment(example))
            assert status == wanted.pop(example.operation), example.operation
    assert not wanted


async def test_an_example_that_is_refused_is_noticed(served: Served, tmp_path: Path) -> None:
    prepare_curl(tmp_path)
    for example in examples_of(served.page):
        if example.operation == "list_domains":
            known = {**await (await served.stage()).environment(example), "CLEARPOST_API_KEY": "cp_test_no"}
            assert "401" in await run(example, known, tmp_path)


class _Outline(HTMLParser):
    """Headings in order, ids, landmarks, and cells that head a row or column."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if identifier := given.get("id"):
            self.ids.append(identifier)


async def test_it_can_be_read_by_keyboard_and_ear(served: Served) -> None:
    outline = _Outline()
    outline.feed(served.page)
    assert outline.headings.count(1) == 1
    main = outline.headings[outline.headings.index(1) :]
    assert all(after - before <= 1 for before, after in itertools.pairwise(main))
    assert len(outline.ids) == len(set(outline.ids))
    found = [tag for tag, _ in outline.tags]
    assert (found.count("main"), found.count("nav")) == (1, 1)
    assert all(given.get("aria-label") for tag, given in outline.tags if tag == "nav")
    assert all("scope" in given for tag, given in outline.tags if tag == "th")
    # What scrolls sideways is reached by keyboard (WCAG 2.1.1), and the contents can be passed by (2.4.1).
    assert all(given.get("tabindex") == "0" for tag, given in outline.tags if tag == "pre")
    first_link = next(given for tag, given in outline.tags if tag == "a")
    assert first_link["href"] == "#start"


async def test_it_is_made_once(served: Served) -> None:
    clock = Clock()
    await served.world.anonymous.get("/docs")
    started = clock.monotonic()
    for _ in range(20):
        await served.world.anonymous.get("/docs")
    assert clock.monotonic() - started < 1


async def test_who_may_ask_is_said_to_machines_and_people(served: Served) -> None:
    assert served.operation("create_alias")["security"] == [
        {"HTTPBearer": []},
        {"OAuth2": ["aliases:write"]},
        {"BrowserSession": []},
    ]
    section = served.page.partition('<section id="create_alias"')[2].partition("</section>")[0]
    assert "<code>aliases:write</code>" in section
    for code in ("alias_exists", "limit_reached", "destination_loops", "not_found"):
        assert f'href="#{code}"' in section
    assert 'href="#domain_exists"' not in section


def test_every_code_says_where_it_comes_from() -> None:
    general = {code for codes in error_codes.BY_STATUS.values() for code in codes}
    places = [*error_codes.EVERYWHERE, *error_codes.SOME, *general, *error_codes.ELSEWHERE]
    assert sorted(places) == sorted(CODES)


async def test_codes_come_from_operations_that_exist(served: Served) -> None:
    names = set(re.findall(r'<section id="(\w+)"', served.page))
    for code, place in error_codes.SOME.items():
        assert set(place.operations) <= names, code


_RAISED = re.compile(r'(NotFound|Gone|Conflict|LimitReached|Invalid|Forbidden|TooMany)\([^()]*?code="(\w+)"')
_STATUS = {
    "NotFound": 404,
    "Gone": 410,
    "Conflict": 409,
    "LimitReached": 403,
    "Invalid": 422,
    "Forbidden": 403,
    "TooMany": 429,
}


def test_a_code_has_the_status_it_is_raised_with() -> None:
    told = dict(error_codes.EVERYWHERE) | {code: place.status for code, place in error_codes.SOME.items()}
    for path in (path for top in ("api", "customers", "mailcore") for path in (ROOT / top).glob("*.py")):
        for kind, code in _RAISED.findall(path.read_text(encoding="utf-8")):
            assert told.get(code, _STATUS[kind]) == _STATUS[kind], code
