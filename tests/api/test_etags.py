"""ETag, If-Match, If-None-Match: nobody overwrites what they have not seen."""

from typing import Any
from uuid import UUID

import pytest

from tests.support.api import Tenant


async def test_what_is_unchanged_is_not_sent_again(tenant: Tenant) -> None:
    domain = await tenant.claim()
    path = f"/v1/domains/{domain['id']}"
    first = await tenant.http.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"'), "a strong tag"
    for sent in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = await tenant.http.get(path, headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "x-request-id" in again.headers
    await tenant.http.patch(path, json={"plus_addressing": False})
    changed = await tenant.http.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


@pytest.fixture
async def things(tenant: Tenant) -> list[tuple[str, dict[str, Any]]]:
    """Paths of what can be changed, and a change of each."""
    domain = await tenant.claim()
    alias = await tenant.alias(domain)
    key = (await tenant.http.post("/v1/keys", json={"name": "ci", "scopes": ["logs:read"]})).json()
    return [
        (f"/v1/keys/{key['id']}", {"name": "new"}),
        (f"/v1/aliases/{alias['id']}", {"note": "new"}),
        (f"/v1/domains/{domain['id']}", {"plus_addressing": False}),
    ]


async def test_a_change_of_what_was_seen_is_done(
    tenant: Tenant, things: list[tuple[str, dict[str, Any]]]
) -> None:
    for path, body in things:
        tag = (await tenant.http.get(path)).headers["etag"]
        changed = await tenant.http.patch(path, json=body, headers={"If-Match": tag})
        assert changed.status_code == 200, changed.text
        assert changed.headers["etag"] == (await tenant.http.get(path)).headers["etag"] != tag


async def test_a_change_of_something_else_is_refused_412(
    tenant: Tenant, things: list[tuple[str, dict[str, Any]]]
) -> None:
    for path, body in things:
        tag = (await tenant.http.get(path)).headers["etag"]
        assert (await tenant.http.patch(path, json=body)).status_code == 200
        for sent in (tag, '"x"', "", "x", f"W/{(await tenant.http.get(path)).headers['etag']}"):
            for answer in (
                await tenant.http.patch(path, json=body, headers={"If-Match": sent}),
                await tenant.http.delete(path, headers={"If-Match": sent}),
            ):
                assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed"), sent


async def test_star_asks_only_that_it_is_there(
    tenant: Tenant, things: list[tuple[str, dict[str, Any]]]
) -> None:
    for path, body in things:
        assert (await tenant.http.patch(path, json=body, headers={"If-Match": "*"})).status_code == 200
        assert (await tenant.http.delete(path, headers={"If-Match": "*"})).status_code == 204
        absent = f"{path.rpartition('/')[0]}/{UUID(int=0)}"
        assert (await tenant.http.delete(absent, headers={"If-Match": "*"})).status_code == 404
