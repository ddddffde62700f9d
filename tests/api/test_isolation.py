"""Two accounts and one API: what is the other's answers like what does not exist, for every operation.

The operations are read from the OpenAPI document itself, so that a new one cannot be forgotten.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from mailcore.event_log import ensure_partitions
from mailcore.plans import Plan
from tests.support.api import Tenant, World
from tests.support.rows import TABLES, fill

# Of which table a parameter of a path, a query or a body names a row.
TABLE_OF = {
    "domain_id": "domain", "alias_id": "alias", "destination_id": "destination", "key_id": "api_key",
    "member_id": "membership", "invitation_id": "invitation", "message_id": "log_message",
    "delivery_id": "delivery", "app_id": "oauth_app", "grant_id": "oauth_grant", "actor_id": "api_key",
    "session_id": "browser_session", "identity_id": "identity", "passkey_id": "passkey",
    "account_id": "account", "support_request_id": "support_grant",
}  # fmt: skip
# Bodies that would do, so that it is the id that is refused. Others are taken from the document.
BODIES: dict[str, Any] = {
    "create_alias": {"local_part": "hello", "destinations": ["you@inbox.test"]},
    "update_alias": {"enabled": False},
    "update_domain": {"plus_addressing": False},
    "update_key": {"name": "x"},
    "roll_key": {},
    "update_member": {"role": "viewer"},
    "update_oauth_app": {"name": "x"},
    "update_passkey": {"name": "x"},
}
# With an id in the path, and refused to keys before anybody looks at it.
FOR_PEOPLE = {
    "update_member", "remove_member", "send_invitation", "delete_identity", "delete_session",
    "update_passkey", "delete_passkey",
}  # fmt: skip
# With an id in the query.
IN_QUERIES = {
    ("import_aliases", "domain_id"), ("list_messages", "domain_id"), ("list_requests", "actor_id"),
    ("get_volume", "domain_id"), ("list_support_views", "support_request_id"), ("export_log", "domain_id"),
    *(("list_aliases", name) for name in ("domain_id", "destination_id")),
    *(("list_queue", name) for name in ("domain_id", "alias_id", "destination_id", "message_id")),
    *(("summarize_queue", name) for name in ("domain_id", "alias_id", "destination_id")),
}  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    document: dict[str, Any]

    def names(self, place: str) -> list[str]:
        """Ids that it takes in its path or its query."""
        parameters = self.document.get("parameters", [])
        named = [p["name"] for p in parameters if p["in"] == place and p["name"].endswith("_id")]
        return [name for name in named if name != "export_id"]  # which the asker makes up

    @property
    def id(self) -> str:
        return str(self.document["operationId"])

    @property
    def body(self) -> Any:
        return BODIES.get(self.id, {}) if "requestBody" in self.document else None


@dataclass(frozen=True, slots=True)
class Both:
    """Our account, as a key and as a person in their browser, and the ids of all that is theirs."""

    world: World
    ours: Tenant
    askers: dict[str, httpx.AsyncClient]
    theirs: dict[str, UUID]
    operations: list[Operation]

    def with_ids(self) -> Iterator[Operation]:
        return (operation for operation in self.operations if operation.names("path"))

    def foreign(self, name: str) -> str:
        return str(self.theirs[TABLE_OF[name]])

    def absent(self, _: str = "") -> str:
        return str(self.world.clock.new_id())

    async def rows_of_theirs(self) -> set[str]:
        """Every row that names a thing of theirs, as text."""
        found = set()
        for table in TABLES:
            rows = await self.world.runtime.database.fetch(f"select t::text as text from {table.name} t")
            found |= {f"{table.name} {row['text']}" for row in rows}
        ids = {str(identifier) for identifier in self.theirs.values()}
        return {row for row in found if any(each in row for each in ids) and "request_log" not in row}


@pytest.fixture
async def both(world: World, tenant: Tenant) -> Both:
    runtime = world.runtime
    await ensure_partitions(runtime.database, world.clock.now(), runtime.settings.log_retention)
    person = await world.person(tenant)
    other = await world.tenant("two")
    theirs = await fill(runtime.database, world.clock, {"account": other.id})
    document = (await world.anonymous.get("/openapi.json")).json()
    operations = [
        Operation(method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    return Both(world, tenant, {"key": tenant.http, "person": person.http}, theirs, operations)


def said(answer: httpx.Response) -> tuple[int, str, str, str]:
    """All that an answer tells, but which request it answers."""
    body = answer.text.replace(answer.headers["x-request-id"], "-")
    headers = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    return answer.status_code, body, json.dumps(headers), answer.headers.get("content-type", "")


CHANGING = {"x-request-id", "ratelimit", "content-length", "etag"}


async def ask(
    client: httpx.AsyncClient, method: str, path: str, ids: dict[str, str], body: Any = None
) -> httpx.Response:
    address = path.format_map(ids)
    answer = await client.request(method, address, json=body)
    # What the caller said may be said back, to them.
    for name, value in ids.items():
        assert value not in answer.text.replace(f'"{name}":', ""), (method, path)
    return answer


@pytest.mark.timeout(120)
@pytest.mark.parametrize("asker", ["key", "person"])
async def test_a_foreign_id_in_a_path_answers_like_an_absent_one(both: Both, asker: str) -> None:
    before = await both.rows_of_theirs()
    tried = set()
    for operation in both.with_ids():
        for method in METHODS:
            body = operation.body if method == operation.method else None
            names, client = operation.names("path"), both.askers[asker]
            foreign = {name: both.foreign(name) for name in names}
            answers = [
                said(await ask(client, method, operation.path, ids, body))
                for ids in (foreign, {name: both.absent() for name in names})
            ]
            assert answers[0] == answers[1], (method, operation.path)
            if method == operation.method:
                assert answers[0][0] == 404 or is_not_for(asker, answers[0]), (
                    method,
                    operation.path,
                    answers,
                )
                if answers[0][0] == 404:
                    tried.add(operation.id)
    not_tried = {operation.id for operation in both.with_ids()} - tried
    assert not_tried == (FOR_PEOPLE if asker == "key" else set())
    assert await both.rows_of_theirs() == before, "nothing of theirs was touched"


def is_not_for(asker: str, answer: tuple[int, str, str, str]) -> bool:
    """A key is no person; and a document that cannot be changed so is told at once."""
    return asker == "key" and answer[0] in (401, 403) and ("person" in answer[1] or "Sign in" in answer[1])


@pytest.mark.parametrize("asker", ["key", "person"])
async def test_a_foreign_id_in_a_query_answers_like_an_absent_one(both: Both, asker: str) -> None:
    tried = set()
    for operation in both.operations:
        if operation.names("path"):
            continue
        for name in operation.names("query"):
            if name == "request_id" or operation.path.startswith("/v1/oauth"):
                continue
            client = both.askers[asker]
            answers = [
                said(await client.request(operation.method, operation.path, params={name: identifier}))
                for identifier in (both.foreign(name), both.absent())
            ]
            assert answers[0] == answers[1], (operation.path, name)
            tried.add((operation.id, name))
    assert tried == IN_QUERIES


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/v1/domains/{mine}/aliases", {"local_part": "a", "destinations": ["{}"]}, "destination_id"),
        ("/v1/keys", {"name": "k", "scopes": ["aliases:read"], "domain_ids": ["{}"]}, "domain_id"),
        ("/v1/aliases/bulk", {"items": [{"action": "delete", "id": "{}"}]}, "alias_id"),
        ("/v1/aliases/bulk", {"items": [{"action": "change", "id": "{}", "enabled": False}]}, "alias_id"),
        (
            "/v1/aliases/bulk",
            {"items": [{"action": "create", "domain_id": "{}", "local_part": "a",
                        "destinations": ["a@inbox.test"]}]},
            "domain_id",
        ),
        ("/v1/aliases/bulk-change",
         {"match": {"domain_id": "{}"}, "change": {"enabled": False}}, "domain_id"),
        ("/v1/aliases/bulk-change",
         {"match": {"destination_id": "{}"}, "change": {"enabled": False}}, "destination_id"),
    ],
)  # fmt: skip
async def test_a_foreign_id_in_a_body_answers_like_an_absent_one(
    both: Both, path: str, body: dict[str, Any], name: str
) -> None:
    domain = await both.ours.claim()
    before = await both.rows_of_theirs()
    address, client = path.replace("{mine}", domain["id"]), both.askers["key"]
    answers = []
    for identifier in (both.foreign(name), both.absent()):
        sent = json.loads(json.dumps(body).replace("{}", identifier))
        answer = said(await client.post(address, json=sent))
        assert answer[0] < 500
        answers.append(
            tuple(part.replace(identifier, "-") if isinstance(part, str) else part for part in answer)
        )
    assert answers[0] == answers[1]
    assert await both.rows_of_theirs() == before


async def test_lists_hold_ones_own_only(both: Both) -> None:
    """Every list of the API, by a key and by a person: no id of theirs, and nothing that they named."""
    for operation in both.operations:
        if operation.method == "GET" and "{" not in operation.path and operation.path != "/v1/events":
            for client in both.askers.values():
                answer = await client.get(operation.path)
                for table, identifier in both.theirs.items():
                    assert str(identifier) not in answer.text, (operation.path, table)
                assert "two@owners.test" not in answer.text, operation.path


# --- a key that is limited to some domains ---


async def test_a_limited_key_sees_and_changes_its_domain_only(world: World, tenant: Tenant) -> None:
    rich = await world.tenant("rich", Plan.BUSINESS)
    inside, outside = await rich.claim("in.test"), await rich.claim("out.test")
    aliases = {name: await rich.alias(domain) for name, domain in (("in", inside), ("out", outside))}
    key = await world.key(rich, domain_ids=[inside["id"]])
    assert [each["id"] for each in (await key.get("/v1/domains")).json()["data"]] == [inside["id"]]
    assert [each["id"] for each in (await key.get("/v1/aliases")).json()["data"]] == [aliases["in"]["id"]]
    for kind, hidden in (("domains", outside), ("aliases", aliases["out"])):
        for method in ("GET", "PATCH", "DELETE"):
            body = {"enabled": False} if kind == "aliases" else {"plus_addressing": False}
            wanted = body if method == "PATCH" else None
            answer = await key.request(method, f"/v1/{kind}/{hidden['id']}", json=wanted)
            assert answer.status_code == 404, (kind, method)
    new = {"local_part": "more", "destinations": ["you@inbox.test"]}
    assert (await key.post(f"/v1/domains/{outside['id']}/aliases", json=new)).status_code == 404
    made = await key.post(f"/v1/domains/{inside['id']}/aliases", json=new)
    assert made.status_code == 201, made.text
    changed = await key.patch(f"/v1/aliases/{made.json()['id']}", json={"enabled": False})
    assert changed.status_code == 200, changed.text
    assert (await key.delete(f"/v1/aliases/{made.json()['id']}")).status_code == 204
    assert (
        await key.patch(f"/v1/domains/{inside['id']}", json={"mail": {"strict_dmarc": True}})
    ).status_code == 200
    audit = (await rich.http.get("/v1/audit")).json()["data"]
    assert "alias.deleted" in [line["action"] for line in audit]


async def test_what_concerns_the_whole_account_is_not_for_a_limited_key(both: Both) -> None:
    domain = await both.ours.claim()
    limited = await both.world.key(both.ours, domain_ids=[domain["id"]])
    for path in ("/v1/account", "/v1/keys", "/v1/audit", "/v1/requests", "/v1/members", "/v1/destinations"):
        answer = await limited.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "domain_limited"), path
    answer = await limited.post("/v1/domains", json={"name": "more.test"})
    assert (answer.status_code, answer.json()["code"]) == (403, "domain_limited")


async def test_no_operation_of_a_limited_key_is_a_fault_or_tells_of_another_domain(both: Both) -> None:
    """Asked for a domain that is gone, such a key sees nothing at all."""
    gone = await both.ours.claim("gone.test")
    nothing = await both.world.key(both.ours, domain_ids=[gone["id"]])
    assert (await both.ours.http.delete(f"/v1/domains/{gone['id']}")).status_code == 204
    await both.ours.alias(await both.ours.claim())
    for operation in both.operations:
        if operation.method == "GET" and "{" not in operation.path and operation.path != "/v1/events":
            answer = await nothing.get(operation.path)
            assert answer.status_code < 500
            if answer.status_code == 200:
                assert "example.test" not in answer.text, operation.path
