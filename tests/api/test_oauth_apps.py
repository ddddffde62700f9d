"""Apps that an account registers: what may stand in them, who may change them, and what deleting one ends."""

from typing import Any
from uuid import UUID

import pytest

from customers.oauth_apps import MOST_APPS, allows_redirect
from mailcore.models import OauthApp
from tests.support.api import Tenant, World
from tests.support.oauth import CALLBACK, App, register

REFUSED_URIS = """
    http://sorter.test/callback https://sorter.test/cb#x https://*.sorter.test/cb https://a@sorter.test/cb
    https:///cb javascript:alert(1) sorter.test/cb //sorter.test/cb https://sorter.test\\@evil.test/cb
    http://127.0.0.1.evil.test/cb http://localhost.evil.test/cb http://127.0.0.1@evil.test/cb custom:/cb
    https://sorter.test/cb?code=1 https://sorter.test/cb?state=1 https://[::1/cb https://sorter.test:x/cb
    https://s\u00f6rter.test/cb data:text/html,x http://127.0.0.2/cb
"""


async def test_a_secret_is_shown_once_and_a_public_app_has_none(tenant: Tenant) -> None:
    public = await register(tenant)
    assert public["client_secret"] is None
    assert public["confidential"] is False
    own = await register(tenant, confidential=True)
    assert own["client_secret"].startswith("cp_secret_")
    for path in ("/v1/oauth/apps", f"/v1/oauth/apps/{own['id']}"):
        assert "secret" not in (await tenant.http.get(path)).text.replace("client_id", "")


async def test_only_a_hash_of_a_secret_is_stored(world: World, tenant: Tenant) -> None:
    app = await register(tenant, confidential=True)
    row = await world.runtime.database.row("select row_to_json(a)::text as all from oauth_app a")
    assert app["client_secret"] not in row["all"]
    assert app["client_secret"].removeprefix("cp_secret_") not in row["all"]


@pytest.mark.parametrize("uri", REFUSED_URIS.split())
async def test_an_address_that_could_lead_elsewhere_is_refused(tenant: Tenant, uri: str) -> None:
    body = {"name": "x", "homepage": "https://a.test", "redirect_uris": [uri], "scopes": ["aliases:read"]}
    answer = await tenant.http.post("/v1/oauth/apps", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "redirect_uri_invalid")


@pytest.mark.parametrize(
    "fields",
    [
        {"redirect_uris": []},
        {"redirect_uris": [CALLBACK, CALLBACK]},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"name": " "},
        {"name": "a\u202eb"},
        {"homepage": "http://a.test"},
        {"homepage": "javascript:alert(1)"},
        {"homepage": "https://paypal.com@evil.test"},
    ],
)
async def test_what_no_app_may_say_is_a_422(tenant: Tenant, fields: dict[str, Any]) -> None:
    body = {
        "name": "x",
        "homepage": "https://a.test",
        "redirect_uris": [CALLBACK],
        "scopes": ["aliases:read"],
    }
    assert (await tenant.http.post("/v1/oauth/apps", json=body | fields)).status_code == 422


@pytest.mark.parametrize(
    ("registered", "given", "allowed"),
    [
        (CALLBACK, CALLBACK, True),
        (CALLBACK, CALLBACK + "/", False),
        (CALLBACK, CALLBACK + "?x=1", False),
        (CALLBACK, CALLBACK.upper(), False),
        (CALLBACK, "https://sorter.test:443/callback", False),
        (CALLBACK, "https://sorter.test/a/../callback", False),
        (CALLBACK, "https://sorter.test.evil.test/callback", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1:51004/cb", True),
        ("http://[::1]/cb", "http://[::1]:51004/cb", True),
        ("http://localhost:3000/cb", "http://localhost:51004/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", False),
        ("http://127.0.0.1/cb", "http://localhost:51004/cb", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.test/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb\r\nX: y", False),
        ("https://127.0.0.1/cb", "https://127.0.0.1:51004/cb", False),
    ],
)
def test_an_address_must_match_but_for_the_port_of_the_loopback(
    registered: str, given: str, allowed: bool
) -> None:
    app = OauthApp(
        id=UUID(int=1), account_id=UUID(int=2), client_id="x", name="x", redirect_uris=[registered]
    )
    assert allows_redirect(app, given) is allowed


async def test_an_account_has_a_number_of_apps(tenant: Tenant) -> None:
    for _ in range(MOST_APPS):
        await register(tenant)
    body = {
        "name": "x",
        "homepage": "https://a.test",
        "redirect_uris": [CALLBACK],
        "scopes": ["aliases:read"],
    }
    answer = await tenant.http.post("/v1/oauth/apps", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "limit_reached")


async def test_another_accounts_app_is_not_there(world: World, tenant: Tenant) -> None:
    app = await register(tenant)
    other = await world.tenant("two")
    path = f"/v1/oauth/apps/{app['id']}"
    for method, rest in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/secret")):
        answer = await other.http.request(method, path + rest, json={} if method == "PATCH" else None)
        assert answer.status_code == 404, (method, answer.text)
    assert (await tenant.http.get(path)).status_code == 200


async def test_an_app_that_may_act_for_an_account_is_still_not_its_own(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    shown = (await tenant.http.get("/v1/oauth/apps")).json()["data"][0]
    other = await world.tenant("two")
    await app.tokens(await world.person(other))
    assert (await other.http.get("/v1/oauth/apps")).json()["data"] == []
    assert (await other.http.delete(f"/v1/oauth/apps/{shown['id']}")).status_code == 404


@pytest.mark.parametrize("role", ["member", "viewer"])
async def test_only_admins_register_apps(world: World, tenant: Tenant, role: str) -> None:
    person = await world.person(tenant, role)
    body = {
        "name": "x",
        "homepage": "https://a.test",
        "redirect_uris": [CALLBACK],
        "scopes": ["aliases:read"],
    }
    assert (await person.http.post("/v1/oauth/apps", json=body)).status_code == 403


async def test_a_scope_that_an_app_loses_ends_for_tokens_that_exist(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    token = (await app.tokens(await world.person(tenant)))["access_token"]
    assert (await app.get("/v1/aliases", token)).status_code == 200
    shown = (await tenant.http.get("/v1/oauth/apps")).json()["data"][0]
    change = {"scopes": ["domains:read"], "name": "Renamed"}
    answer = await tenant.http.patch(f"/v1/oauth/apps/{shown['id']}", json=change)
    assert (answer.json()["scopes"], answer.json()["name"]) == (["domains:read"], "Renamed")
    assert (await app.get("/v1/aliases", token)).json()["code"] == "scope_missing"
    assert (await app.get("/v1/domains", token)).status_code == 200


async def test_a_replaced_secret_ends_at_once(world: World, tenant: Tenant) -> None:
    shown = await register(tenant, confidential=True)
    app = App(world, shown["client_id"], shown["client_secret"])
    code = await app.code(await world.person(tenant))
    new = (await tenant.http.post(f"/v1/oauth/apps/{shown['id']}/secret")).json()["client_secret"]
    assert (await app.redeem(code)).status_code == 401
    app.secret = new
    assert (await app.redeem(code)).status_code == 200


async def test_a_public_app_gets_no_secret(tenant: Tenant) -> None:
    shown = await register(tenant)
    answer = await tenant.http.post(f"/v1/oauth/apps/{shown['id']}/secret")
    assert (answer.status_code, answer.json()["code"]) == (422, "app_is_public")


async def test_deleting_an_app_ends_its_grants_and_tells_their_accounts(world: World, tenant: Tenant) -> None:
    shown = await register(tenant)
    app = App(world, shown["client_id"])
    other = await world.tenant("two")
    token = (await app.tokens(await world.person(other)))["access_token"]
    assert (await tenant.http.delete(f"/v1/oauth/apps/{shown['id']}")).status_code == 204
    assert (await app.get("/v1/aliases", token)).status_code == 401
    rows = await world.runtime.database.fetch(
        "select action, actor_kind from audit_event where account_id = $1 order by at", other.id
    )
    assert [tuple(row) for row in rows][-2:] == [("grant.created", "person"), ("grant.revoked", "service")]
    mine = await world.runtime.database.fetch(
        "select action from audit_event where account_id = $1 order by at", tenant.id
    )
    assert [row["action"] for row in mine][-2:] == ["oauth_app.created", "oauth_app.deleted"]
