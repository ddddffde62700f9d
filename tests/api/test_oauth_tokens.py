"""The token and revocation endpoints: RFC 6749, 7009 and 7636, and the attacks of RFC 9700."""

import asyncio
import base64
from datetime import timedelta

import pytest

from customers import oauth_grants
from customers.oauth_secrets import Secret, generate
from tests.support.api import Tenant, World
from tests.support.oauth import SCOPES, App, assert_refused, register


async def actions(world: World, tenant: Tenant) -> list[str]:
    rows = await world.runtime.database.fetch(
        "select action from audit_event where account_id = $1 order by at, id", tenant.id
    )
    return [row["action"] for row in rows]


async def test_a_code_gives_tokens_that_read_what_was_allowed(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    answer = await app.redeem(await app.code(await world.person(tenant)))
    told = answer.json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 3600, " ".join(SCOPES))
    assert answer.headers["cache-control"] == "no-store"
    assert told["access_token"].startswith("cp_app_")
    assert told["refresh_token"].startswith("cp_refresh_")
    assert (await app.get("/v1/aliases", told["access_token"])).status_code == 200
    assert (await app.get("/v1/logs/messages", told["access_token"])).json()["code"] == "scope_missing"
    assert (await app.get("/v1/aliases", told["refresh_token"])).status_code == 401


async def test_nothing_readable_is_stored(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    told = (await app.redeem(code)).json()
    for table in ("oauth_code", "oauth_token", "oauth_grant", "audit_event"):
        rows = await world.runtime.database.fetch(f"select row_to_json(t)::text as all from {table} t")
        text = "".join(row["all"] for row in rows)
        assert text
        for secret in (code, told["access_token"], told["refresh_token"], app.verifier):
            assert secret[-20:] not in text  # past the word that tells its kind


async def test_a_code_that_comes_again_ends_its_tokens(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    told = (await app.redeem(code)).json()
    assert_refused(await app.redeem(code), "invalid_grant")
    assert (await app.get("/v1/aliases", told["access_token"])).status_code == 401
    assert_refused(await app.refresh(told["refresh_token"]), "invalid_grant")
    assert "grant.code_replayed" in await actions(world, tenant)


async def test_a_code_redeemed_twice_at_once_leaves_no_token(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    answers = await asyncio.gather(app.redeem(code), app.redeem(code))
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    token = next(answer.json()["access_token"] for answer in answers if answer.status_code == 200)
    assert (await app.get("/v1/aliases", token)).status_code == 401


async def test_a_code_lives_for_a_minute(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    world.clock.step(timedelta(seconds=61))
    assert_refused(await app.redeem(code), "invalid_grant")


async def test_a_code_of_another_app_is_refused_and_stays_good_for_its_own(
    world: World, tenant: Tenant
) -> None:
    app, thief = await App.registered(world, tenant), await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    assert_refused(await thief.redeem(code, code_verifier=app.verifier), "invalid_grant")
    assert (await app.redeem(code)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": "too-short"},
        {"redirect_uri": "https://sorter.test/other"},
        {"redirect_uri": None},
        {"code": "cp_code_" + "A" * 43},
        {"code": "\x00"},
    ],
)
async def test_what_does_not_fit_the_code_is_refused(
    world: World, tenant: Tenant, change: dict[str, str | None]
) -> None:
    app = await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    assert_refused(await app.redeem(code, **change), "invalid_grant")


async def test_a_code_without_its_verifier_is_refused_for_confidential_apps_too(
    world: World, tenant: Tenant
) -> None:
    app = await App.registered(world, tenant, confidential=True)
    code = await app.code(await world.person(tenant))
    assert_refused(await app.redeem(code, code_verifier=None), "invalid_request")
    challenge = dict(pair.split("=") for pair in app.query().split("&"))["code_challenge"]
    assert_refused(await app.redeem(code, code_verifier=challenge), "invalid_grant")


async def test_a_guess_at_the_verifier_uses_the_code_up(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    assert_refused(await app.redeem(code, code_verifier="x" * 43), "invalid_grant")
    assert_refused(await app.redeem(code), "invalid_grant")


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(
    world: World, tenant: Tenant
) -> None:
    app = await App.registered(world, tenant)
    first = await app.tokens(await world.person(tenant))
    second = (await app.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await app.get("/v1/aliases", second["access_token"])).status_code == 200
    assert_refused(await app.refresh(first["refresh_token"]), "invalid_grant")
    assert (await app.get("/v1/aliases", second["access_token"])).status_code == 401
    assert_refused(await app.refresh(second["refresh_token"]), "invalid_grant")
    assert "grant.refresh_reused" in await actions(world, tenant)


async def test_a_reuse_ends_one_family_and_no_other(world: World, tenant: Tenant) -> None:
    app, person = await App.registered(world, tenant), await world.person(tenant)
    laptop, phone = await app.tokens(person), await app.tokens(person)
    await app.refresh(laptop["refresh_token"])
    await app.refresh(laptop["refresh_token"])
    assert (await app.get("/v1/aliases", phone["access_token"])).status_code == 200


async def test_two_refreshes_at_once_are_a_reuse(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    token = (await app.tokens(await world.person(tenant)))["refresh_token"]
    answers = await asyncio.gather(app.refresh(token), app.refresh(token))
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    new = next(answer.json() for answer in answers if answer.status_code == 200)
    assert (await app.get("/v1/aliases", new["access_token"])).status_code == 401
    assert_refused(await app.refresh(new["refresh_token"]), "invalid_grant")


async def test_a_refresh_token_of_another_app_is_refused(world: World, tenant: Tenant) -> None:
    app, thief = await App.registered(world, tenant), await App.registered(world, tenant)
    token = (await app.tokens(await world.person(tenant)))["refresh_token"]
    assert_refused(await thief.refresh(token), "invalid_grant")
    assert (await app.refresh(token)).status_code == 200


async def test_an_access_token_lives_an_hour_and_a_refresh_token_thirty_days(
    world: World, tenant: Tenant
) -> None:
    app = await App.registered(world, tenant)
    told = await app.tokens(await world.person(tenant))
    world.clock.step(timedelta(hours=1))
    assert (await app.get("/v1/aliases", told["access_token"])).status_code == 401
    world.clock.step(timedelta(days=29))
    again = (await app.refresh(told["refresh_token"])).json()
    world.clock.step(timedelta(days=30))
    assert_refused(await app.refresh(again["refresh_token"]), "invalid_grant")


async def test_scopes_shrink_at_a_refresh_and_never_grow(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant, scopes=[*SCOPES, "logs:read"])
    told = await app.tokens(await world.person(tenant))
    for more in ("aliases:read logs:read", "account:write", "nothing"):
        assert_refused(await app.refresh(told["refresh_token"], scope=more), "invalid_scope")
    fewer = (await app.refresh(told["refresh_token"], scope="domains:read")).json()
    assert fewer["scope"] == "domains:read"
    assert (await app.get("/v1/aliases", fewer["access_token"])).json()["code"] == "scope_missing"
    assert (await app.refresh(fewer["refresh_token"])).json()["scope"] == " ".join(SCOPES)


async def test_a_token_never_may_more_than_the_persons_role_does_now(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant, scopes=["aliases:read", "aliases:write", "billing:read"])
    person = await world.person(tenant, "member")
    told = await app.tokens(person, scope="aliases:read aliases:write billing:read")
    assert told["scope"] == "aliases:read aliases:write"
    token = told["access_token"]
    domain = await tenant.claim()
    new = {"local_part": "a", "destinations": ["a@inbox.test"]}
    path, headers = f"/v1/domains/{domain['id']}/aliases", {"Authorization": f"Bearer {token}"}
    assert (await world.anonymous.post(path, json=new, headers=headers)).status_code == 201
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update membership set role = 'viewer' where person_id = $1", person.id)
    answer = await world.anonymous.post(path, json=new | {"local_part": "b"}, headers=headers)
    assert answer.json()["code"] == "scope_missing"
    assert (await app.get("/v1/aliases", token)).status_code == 200


async def test_an_app_loses_everything_with_the_person_and_gets_nothing_back(
    world: World, tenant: Tenant
) -> None:
    app, person = await App.registered(world, tenant), await world.person(tenant, "admin")
    told = await app.tokens(person)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("delete from membership where person_id = $1", person.id)
    assert (await app.get("/v1/aliases", told["access_token"])).status_code == 401
    await world.person(tenant, "owner")
    assert (await app.get("/v1/aliases", told["access_token"])).status_code == 401
    assert_refused(await app.refresh(told["refresh_token"]), "invalid_grant")


@pytest.mark.parametrize("kind", ["implicit", "password", "client_credentials", "urn:x", 'a"b', "\u00e9"])
async def test_other_grants_are_unsupported(world: World, tenant: Tenant, kind: str) -> None:
    app = await App.registered(world, tenant)
    answer = await app.post("/oauth/token", grant_type=kind, username="a", password="b")
    assert_refused(answer, "unsupported_grant_type")
    assert kind not in answer.json().get("error_description", "")


async def test_a_parameter_that_comes_twice_is_refused(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    form = f"grant_type=authorization_code&code={code}&code_verifier={app.verifier}&client_id={app.client_id}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for double in ("code=x", "client_id=x", "code=", "other=1&other=2"):
        answer = await world.anonymous.post("/oauth/token", content=f"{form}&{double}", headers=headers)
        assert_refused(answer, "invalid_request")


async def test_parameters_in_the_query_are_refused(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    token = (await app.tokens(await world.person(tenant)))["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": app.client_id}
    answer = await world.anonymous.post(f"/oauth/token?refresh_token={token}", data=form)
    assert (answer.status_code, answer.json()["code"]) == (400, "key_in_query")
    assert_refused(
        await world.anonymous.post("/oauth/token?grant_type=refresh_token", data=form), "invalid_request"
    )
    answer = await world.anonymous.get(f"/v1/aliases?token={token}")
    assert (answer.status_code, answer.json()["code"]) == (400, "key_in_query")


async def test_json_is_not_taken_for_a_form(world: World, tenant: Tenant) -> None:
    answer = await world.anonymous.post("/oauth/token", json={"grant_type": "refresh_token"})
    assert_refused(answer, "invalid_request")


async def test_a_get_gives_no_token(world: World) -> None:
    assert (await world.anonymous.get("/oauth/token")).status_code == 405


def basic(text: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text).decode()}"}


async def test_a_client_with_a_secret_must_show_it(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant, confidential=True)
    code = await app.code(await world.person(tenant))
    for secret in (None, "", "wrong", generate(Secret.CLIENT)):
        answer = await app.redeem(code, client_secret=secret)
        assert_refused(answer, "invalid_client", 401)
        assert answer.headers["www-authenticate"] == "Basic"
    assert (await app.redeem(code)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        basic(b"app_x:y"), basic(b"nothing"), basic(b"\xff\xfe:\xff"), basic(b":"),
        {"Authorization": "Basic !!!"}, {"Authorization": "Bearer x"}, {"Authorization": "Basic"},
    ],
)  # fmt: skip
async def test_a_basic_header_that_is_none_is_an_unknown_client(world: World, header: dict[str, str]) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    answer = await world.anonymous.post("/oauth/token", data=form, headers=header)
    assert_refused(answer, "invalid_client", 401)


async def test_a_client_says_who_it_is_in_one_way(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant, confidential=True)
    token = (await app.tokens(await world.person(tenant)))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    mine = basic(f"{app.client_id}:{app.secret}".encode())
    twice = await world.anonymous.post(
        "/oauth/token", data=form | {"client_secret": app.secret or ""}, headers=mine
    )
    assert_refused(twice, "invalid_request")
    other = await world.anonymous.post("/oauth/token", data=form | {"client_id": "app_x"}, headers=mine)
    assert_refused(other, "invalid_request")
    assert (await world.anonymous.post("/oauth/token", data=form, headers=mine)).status_code == 200


async def test_a_public_client_with_a_secret_is_unknown(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    code = await app.code(await world.person(tenant))
    assert_refused(await app.redeem(code, client_secret="x"), "invalid_client", 401)


@pytest.mark.parametrize("client_id", ["app_x", "\x00", "\u00e9", "' or 1=1", "a" * 5000])
async def test_an_unknown_client_is_told_no_more_than_that(world: World, client_id: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client_id}
    assert_refused(await world.anonymous.post("/oauth/token", data=form), "invalid_client", 401)


async def test_a_revoked_refresh_token_ends_its_grant(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    told = await app.tokens(await world.person(tenant))
    answer = await app.post("/oauth/revoke", token=told["refresh_token"], token_type_hint="refresh_token")
    assert answer.status_code == 200
    assert (await app.get("/v1/aliases", told["access_token"])).status_code == 401
    assert_refused(await app.refresh(told["refresh_token"]), "invalid_grant")
    assert (await actions(world, tenant))[-1] == "grant.revoked"


async def test_a_revoked_access_token_ends_alone(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    told = await app.tokens(await world.person(tenant))
    assert (await app.post("/oauth/revoke", token=told["access_token"])).status_code == 200
    assert (await app.get("/v1/aliases", told["access_token"])).status_code == 401
    assert (await app.refresh(told["refresh_token"])).status_code == 200


async def test_revoking_what_is_not_ones_own_does_nothing_and_says_nothing(
    world: World, tenant: Tenant
) -> None:
    app, other = await App.registered(world, tenant), await App.registered(world, tenant)
    told = await app.tokens(await world.person(tenant))
    for token in (told["refresh_token"], told["access_token"], "nothing", "\x00"):
        assert (await other.post("/oauth/revoke", token=token)).status_code == 200
    assert (await app.get("/v1/aliases", told["access_token"])).status_code == 200
    assert_refused(await other.post("/oauth/revoke"), "invalid_request")
    assert_refused(await other.post("/oauth/revoke", client_id="app_x", token="x"), "invalid_client", 401)


@pytest.mark.parametrize("token", ["cp_app_", "cp_app_" + "A" * 43, "cp_app_\u00e9", "cp_app_" + "A" * 9000])
async def test_a_token_that_nobody_was_given_is_a_401(world: World, token: str) -> None:
    headers = {b"Authorization": f"Bearer {token}".encode()}
    assert (await world.anonymous.get("/v1/aliases", headers=headers)).status_code == 401


async def test_the_log_names_the_app(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant, scopes=["domains:write"])
    token = (await app.tokens(await world.person(tenant), scope="domains:write"))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (
        await world.anonymous.post("/v1/domains", json={"name": "b.test"}, headers=headers)
    ).status_code == 201
    used = await world.runtime.database.value("select last_used_at from oauth_grant")
    assert used is not None


async def test_a_registered_apps_own_account_has_no_way_into_others(world: World, tenant: Tenant) -> None:
    """A token reads the account of the person who said yes, never the app's own."""
    await tenant.claim("mine.test")
    shown = await register(tenant)
    app = App(world, shown["client_id"])
    other = await world.tenant("two")
    await other.claim("theirs.test")
    token = (await app.tokens(await world.person(other)))["access_token"]
    names = [each["name"] for each in (await app.get("/v1/domains", token)).json()["data"]]
    assert names == ["theirs.test"]


async def test_what_is_over_is_forgotten_and_a_used_token_is_not(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant)
    first = await app.tokens(await world.person(tenant))
    world.clock.step(timedelta(hours=2))
    await app.refresh(first["refresh_token"])
    await app.code(await world.person(tenant))
    world.clock.step(timedelta(hours=2))
    await oauth_grants.expire(world.runtime.database, world.clock.now())
    rows = await world.runtime.database.fetch("select kind from oauth_token")
    assert [row["kind"] for row in rows] == ["refresh", "refresh"]
    assert await world.runtime.database.value("select count(*) from oauth_grant") == 1
    world.clock.step(timedelta(days=30))
    await oauth_grants.expire(world.runtime.database, world.clock.now())
    for table in ("oauth_grant", "oauth_code", "oauth_token"):
        assert await world.runtime.database.value(f"select count(*) from {table}") == 0
