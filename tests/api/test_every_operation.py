"""Every operation of our own OpenAPI document, given nasty values one at a time: an answer, never a fault."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from mailcore.plans import Plan
from tests.support.api import World

NASTY: list[Any] = [
    *(None, True, 0, -1, 2**63, 2**70, 1e308, [], [[]], {}, {"$ref": "#"}, ["a@b.test"] * 101),
    *("", " ", "0", "*", "a" * 501, "\x00", "\ud800", "%", "\\", "'; --", "\u202e", "@", "é@é.test", "1e999"),
    *("xn--a.test", "9999-12-31T23:59:59Z", f"{UUID(int=0)}", "ffffffff-ffff-7fff-bfff-ffffffffffff"),
]
ALLOWED = {200, 201, 202, 204, 400, 403, 404, 405, 409, 413, 422}

# Never ends by itself (tests/api/test_events.py); needs an mx (tests/journeys/test_owner_and_queue.py).
ELSEWHERE = {"stream_events", "send_test"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation["operationId"] not in ELSEWHERE:
                yield method.upper(), path, operation


def bodies(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[Any]:
    """Whole bodies that are nasty, and the example with one field that is."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    good = {
        "name": "fuzz.test",
        "local_part": "a",
        "destinations": ["a@inbox.test"],
        "address": "b@inbox.test",
    }
    fields = document["components"]["schemas"][name]["properties"]
    example = {field: good[field] for field in fields if field in good}
    yield from NASTY
    for field in [*fields, "id", "account_id", "__proto__"]:
        for value in NASTY:
            yield example | {field: value}


@pytest.mark.timeout(300)
async def test_no_value_makes_a_fault(world: World) -> None:
    tenant = await world.tenant(plan=Plan.BUSINESS)
    domain = await tenant.claim("fuzz-home.test")
    alias = await tenant.alias(domain)
    known: defaultdict[str, str] = defaultdict(lambda: str(world.clock.new_id()))
    known |= {"domain_id": domain["id"], "alias_id": alias["id"]}
    document = (await world.anonymous.get("/openapi.json")).json()
    person = await world.person(tenant)
    for method, path, operation in operations(document):
        client = person.http if operation.get("security") == [{"BrowserSession": []}] else tenant.http
        for parameter in operation.get("parameters", []):
            name, place = parameter["name"], parameter["in"]
            for value in NASTY:
                if place == "query":
                    await ask(
                        client, method, path.format_map(known | {"destination_id": "x"}), {name: text(value)}
                    )
                elif method != "DELETE":
                    await ask(
                        client, method, path.replace(f"{{{name}}}", re.sub(r"[/?#]", "", text(value)) or "x")
                    )
        for body in bodies(document, operation):
            await ask(client, method, path.format_map(known), body=body)


def text(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode()


async def ask(
    client: httpx.AsyncClient, method: str, path: str, query: dict[str, str] | None = None, body: Any = None
) -> None:
    content = None if body is None else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    path = "".join(character if character.isprintable() else "%00" for character in path)
    answer = await client.request(method, path, params=query, content=content, headers=headers)
    assert answer.status_code in ALLOWED, (method, path, query, body, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", (method, path, query, body)
