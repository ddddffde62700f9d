"""What must not come in, and what an error looks like when it tries."""

import gzip
import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.api import Tenant, World

ABSENT = "0192f0c1-8b1e-7c3a-9d59-2f6f5d0b7a11"


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert (told["status"], told["code"]) == (status, code)
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["type"] == f"/docs#{code}"
    assert told["title"]
    assert told["detail"]
    return told


async def test_an_unknown_field_is_named_in_a_422(tenant: Tenant) -> None:
    answer = await tenant.http.post(
        "/v1/domains", json={"name": "a.test", "verified_at": "2020-01-01T00:00:00Z"}
    )
    told = assert_problem(answer, 422, "validation_failed")
    assert told["errors"] == [{"loc": ["body", "verified_at"], "msg": "Extra inputs are not permitted"}]
    assert "2020" not in answer.text


@pytest.mark.parametrize("path", ["logs/messages", "aliases", "domains", "destinations", "account", "ledger"])
async def test_an_unknown_parameter_is_named_in_a_422(world: World, tenant: Tenant, path: str) -> None:
    told = assert_problem(await tenant.http.get(f"/v1/{path}?page=2"), 422, "validation_failed")
    assert told["errors"] == [{"loc": ["query", "page"], "msg": "There is no such parameter"}]
    assert_problem(await world.anonymous.get(f"/v1/{path}?page=2"), 401, "unauthorized")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/queue/retry", "all"),
        ("/v1/aliases/bulk", "dry_run"),
    ],
)
@pytest.mark.parametrize("wrong", [1, "true"])
async def test_only_true_is_true(tenant: Tenant, path: str, field: str, wrong: object) -> None:
    answer = await tenant.http.post(path, json={field: wrong})
    told = assert_problem(answer, 422, "validation_failed")
    assert ["body", field] in [each["loc"] for each in told["errors"]]


async def test_a_query_parameter_that_is_given_twice_is_refused_by_name(tenant: Tenant) -> None:
    answer = await tenant.http.get("/v1/aliases?limit=5&limit=7")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"loc": ["query", "limit"], "msg": "Give it once"}]


async def test_an_empty_name_is_told_in_plain_words(tenant: Tenant) -> None:
    answer = await tenant.http.post("/v1/domains", json={"name": " "})
    told = assert_problem(answer, 422, "validation_failed")
    assert told["errors"] == [{"loc": ["body", "name"], "msg": "Must not be empty"}]


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\u202eb", "\ud800"])
async def test_text_that_cannot_be_shown_is_refused(tenant: Tenant, text: str) -> None:
    domain = await tenant.claim()
    path = f"/v1/domains/{domain['id']}/aliases"
    for fields in ({"note": text}, {"local_part": text}, {"destinations": [text]}):
        body = {"local_part": "a", "destinations": ["you@inbox.test"], **fields}
        answer = await tenant.http.post(
            path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert_problem(answer, 422, "validation_failed")


BAD_QUERIES = """
    q=a%00b q=%00 alias=%00 cursor=%00 limit=1000000000 limit=-1 limit=0 limit=x event=read since=yesterday
    since=2026-01-01T00:00:00 domain_id=1 since=0001-01-01T00:00:00%2B14:00 until=9999-12-31T23:59:59-14:00
"""


@pytest.mark.parametrize("query", [*BAD_QUERIES.split(), "q=" + "a" * 201])
async def test_a_bad_query_of_the_log_is_a_422(tenant: Tenant, query: str) -> None:
    assert_problem(await tenant.http.get(f"/v1/logs/messages?{query}"), 422, "validation_failed")


BAD_CURSORS = [
    "",
    "x",
    "W10",
    "bnVsbA",
    "WyJtZXNzYWdlcyIsICJ4IiwgInkiXQ",
    "ü",
    "W1tbW1tb",
    "WyJhbGlhc2VzIiwgIngiXQ",
]


@pytest.mark.parametrize("path", ["/v1/logs/messages", "/v1/aliases", "/v1/domains", "/v1/destinations"])
async def test_a_cursor_that_is_none_is_refused(tenant: Tenant, path: str) -> None:
    for cursor in BAD_CURSORS:
        assert_problem(await tenant.http.get(path, params={"cursor": cursor}), 422, "invalid_cursor")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"name": 1}', b'{"name": null}', b"[" * 5000]
)
async def test_a_body_that_is_not_the_json_we_ask_for_is_refused(tenant: Tenant, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await tenant.http.post("/v1/domains", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    assert_problem(answer, answer.status_code, answer.json()["code"])


async def test_a_form_is_not_taken_for_json(tenant: Tenant) -> None:
    answer = await tenant.http.post("/v1/domains", data={"name": "a.test"})
    assert_problem(answer, 422, "validation_failed")


async def test_compressed_bodies_are_not_unpacked(tenant: Tenant) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await tenant.http.post(
        "/v1/domains", content=gzip.compress(b'{"name": "a.test"}'), headers=headers
    )
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_1_mb_is_413(tenant: Tenant, declared: bool) -> None:
    async def chunks() -> Any:
        for _ in range(11):
            yield b"x" * 100_000

    content = b"x" * 1_000_001 if declared else chunks()
    assert_problem(await tenant.http.post("/v1/domains", content=content), 413, "body_too_large")


@pytest.mark.parametrize(
    "path", ["/v1/domains/", "/v1/nothing", "/V1/domains", "/v1/account/", "/docs/", "/../etc"]
)
async def test_an_unknown_path_is_a_404_and_no_redirect(tenant: Tenant, path: str) -> None:
    assert_problem(await tenant.http.get(path), 404, "not_found")


async def test_an_unknown_method_is_a_405(tenant: Tenant) -> None:
    answer = await tenant.http.put("/v1/domains", json={})
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize("kind", ["domains", "aliases", "destinations", "logs/messages"])
async def test_a_foreign_id_is_answered_like_an_absent_one(world: World, tenant: Tenant, kind: str) -> None:
    domain = await tenant.claim()
    alias = await tenant.alias(domain)
    theirs = {
        "domains": domain["id"],
        "aliases": alias["id"],
        "destinations": alias["destinations"][0]["id"],
        "logs/messages": str(world.clock.new_id()),
    }
    other = await world.tenant("two")
    foreign, absent = (
        theirs[kind],
        str(UUID(ABSENT)) if kind != "logs/messages" else str(world.clock.new_id()),
    )
    requests: list[tuple[str, str, Any]] = [("GET", "", None), ("DELETE", "", None), ("PATCH", "", {})]
    if kind == "domains":
        new = {"local_part": "a", "destinations": ["you@inbox.test"]}
        requests += [("POST", "/check", None), ("GET", "/aliases", None), ("POST", "/aliases", new)]
    for method, rest, body in requests:
        answers = []
        for identifier in (foreign, absent):
            answer = await other.http.request(method, f"/v1/{kind}/{identifier}{rest}", json=body)
            assert answer.status_code in (404, 405)
            answers.append({key: value for key, value in answer.json().items() if key != "request_id"})
        assert answers[0] == answers[1]
    assert (await tenant.http.get(f"/v1/aliases/{alias['id']}")).json() == alias


async def test_the_request_id_of_the_caller_is_kept_if_it_is_one(world: World) -> None:
    good = await world.anonymous.get("/healthz", headers={"X-Request-Id": "abc-123_DEF"})
    assert good.headers["x-request-id"] == "abc-123_DEF"
    for bad in ("short", "x" * 65, "has space", "<script>alert</script>"):
        answer = await world.anonymous.get("/healthz", headers={"X-Request-Id": bad})
        assert UUID(answer.headers["x-request-id"]).version == 7


@pytest.mark.parametrize("query", ["api_key={}", "access_token=x", "q={}", "{}=1", "q=%63p_test_x"])
async def test_a_key_in_the_query_string_is_refused(tenant: Tenant, query: str) -> None:
    answer = await tenant.http.get("/v1/aliases?" + query.format(tenant.secret))
    assert_problem(answer, 400, "key_in_query")
    assert tenant.secret not in answer.text
