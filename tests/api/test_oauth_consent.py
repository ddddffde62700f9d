"""What a person sees before an app may act, and where their browser goes next: RFC 6749 4.1, 9207, 9700."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support.api import SignedInPerson, Tenant, World
from tests.support.oauth import CALLBACK, App, decide, register, told

EVIL = "https://evil.test/cb"


@pytest.fixture
async def app(world: World, tenant: Tenant) -> App:
    return await App.registered(world, tenant)


@pytest.fixture
async def person(world: World, tenant: Tenant) -> SignedInPerson:
    return await world.person(tenant)


async def test_the_page_says_which_app_which_scopes_in_words_and_which_account(
    app: App, person: SignedInPerson
) -> None:
    answer = await person.http.get(f"/oauth/authorize?{app.query()}")
    assert answer.status_code == 200
    for text in ("Mail sorter", "sorter.test", "see your aliases", "see your domains", "one", person.email):
        assert text in answer.text
    assert "change your account" not in answer.text
    assert "<script" not in answer.text


async def test_nobody_frames_the_page_and_nothing_keeps_it(app: App, person: SignedInPerson) -> None:
    headers = (await person.http.get(f"/oauth/authorize?{app.query()}")).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    # With no-referrer a browser would send "Origin: null" with the page's own form.
    assert headers["referrer-policy"] == "same-origin"


async def test_a_name_of_an_app_cannot_write_into_the_page(
    world: World, tenant: Tenant, person: SignedInPerson
) -> None:
    app = await App.registered(world, tenant, name="<b>Clearpost</b>\"'")
    query = app.query(state='"><i>x')
    answer = await person.http.get(f"/oauth/authorize?{query}")
    assert "<b>" not in answer.text
    assert "<i>" not in answer.text


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(world: World, app: App) -> None:
    for answer in (
        await world.anonymous.get(f"/oauth/authorize?{app.query()}"),
        await world.anonymous.post("/oauth/authorize", data={"query": app.query(), "decision": "allow"}),
    ):
        assert answer.status_code == 303
        to = urlsplit(answer.headers["location"])
        assert (to.netloc, to.path) == ("", "/auth/sign-in")
        assert parse_qs(to.query)["next"] == [f"/oauth/authorize?{app.query()}"]


async def test_a_yes_carries_code_state_and_issuer(world: World, app: App, person: SignedInPerson) -> None:
    answer = await decide(person, app.query())
    assert answer.headers["location"].startswith(CALLBACK + "?")
    back = told(answer)
    assert back["state"] == "a b&c"
    assert back["iss"] == world.runtime.settings.web_url
    assert back["code"].startswith("cp_code_")
    assert set(back) == {"state", "iss", "code"}


async def test_a_no_is_told_and_gives_no_code(world: World, app: App, person: SignedInPerson) -> None:
    for decision in ("deny", "", "maybe"):
        back = told(await decide(person, app.query(), decision))
        assert back["error"] == "access_denied"
        assert (back["state"], back["iss"]) == ("a b&c", world.runtime.settings.web_url)
        assert "code" not in back
    assert await world.runtime.database.value("select count(*) from oauth_grant") == 0


async def test_a_request_without_state_is_answered_without(app: App, person: SignedInPerson) -> None:
    assert "state" not in told(await decide(person, app.query(state=None)))


async def test_the_query_of_a_registered_address_stays(
    world: World, tenant: Tenant, person: SignedInPerson
) -> None:
    app = await App.registered(world, tenant, redirect_uris=[CALLBACK + "?tenant=a%20b"])
    location = (await decide(person, app.query())).headers["location"]
    assert location.startswith(CALLBACK + "?tenant=a%20b&code=")


async def test_an_app_on_the_persons_machine_takes_any_port(
    world: World, tenant: Tenant, person: SignedInPerson
) -> None:
    app = await App.registered(world, tenant, redirect_uris=["http://127.0.0.1/cb"])
    app.redirect_uri = "http://127.0.0.1:51004/cb"
    answer = await decide(person, app.query())
    assert answer.headers["location"].startswith("http://127.0.0.1:51004/cb?")
    assert (await app.redeem(told(answer)["code"])).status_code == 200


NOWHERE: list[dict[str, str | None]] = [
    {"redirect_uri": EVIL},
    {"redirect_uri": None},
    {"redirect_uri": CALLBACK + "/"},
    {"redirect_uri": CALLBACK + "?x"},
    {"redirect_uri": CALLBACK.replace("https", "http")},
    {"redirect_uri": "https://sorter.test\\@evil.test/callback"},
    {"redirect_uri": "\"'\u00e9<script>"},
    {"client_id": None},
    {"client_id": "app_x"},
    {"client_id": "\x00"},
    {"client_id": "\"'\u00e9"},
]


@pytest.mark.parametrize("changes", NOWHERE)
async def test_no_browser_is_sent_to_an_address_that_is_not_registered(
    world: World, app: App, person: SignedInPerson, changes: dict[str, str | None]
) -> None:
    query = app.query(**changes)
    for answer in (
        await person.http.get(f"/oauth/authorize?{query}"),
        await world.anonymous.get(f"/oauth/authorize?{query}"),
        await decide(person, query),
        await decide(person, query, "deny"),
    ):
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert answer.headers["content-type"].startswith("text/html")
        assert "evil" not in answer.text
        assert "<script" not in answer.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_client_or_address_that_comes_twice_leads_nowhere(
    app: App, person: SignedInPerson, name: str
) -> None:
    for value in (EVIL, CALLBACK, app.client_id):
        answer = await person.http.get(f"/oauth/authorize?{app.query()}&{urlencode({name: value})}")
        assert answer.status_code == 400
        assert "location" not in answer.headers


TOLD: list[tuple[dict[str, str | None], str]] = [
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_type": "id_token"}, "unsupported_response_type"),
    ({"response_type": '"\u00e9'}, "unsupported_response_type"),
    ({"response_type": None}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": "s256"}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"code_challenge": "\u00e9" * 43}, "invalid_request"),
    ({"scope": None}, "invalid_scope"),
    ({"scope": " "}, "invalid_scope"),
    ({"scope": "aliases:read account:write"}, "invalid_scope"),
    ({"scope": "everything"}, "invalid_scope"),
    ({"scope": "aliases:read,domains:read"}, "invalid_scope"),
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ({"request_uri": "https://evil.test/x"}, "request_not_supported"),
]


@pytest.mark.parametrize(("changes", "error"), TOLD)
async def test_what_the_app_did_wrong_is_told_to_the_app(
    world: World, app: App, person: SignedInPerson, changes: dict[str, str | None], error: str
) -> None:
    for answer in (
        await person.http.get(f"/oauth/authorize?{app.query(**changes)}"),
        await world.anonymous.get(f"/oauth/authorize?{app.query(**changes)}"),
        await decide(person, app.query(**changes)),
    ):
        assert answer.headers["location"].startswith(CALLBACK + "?")
        back = told(answer)
        assert (back["error"], back["state"]) == (error, "a b&c")
        assert back["iss"] == world.runtime.settings.web_url
        assert "code" not in back


@pytest.mark.parametrize(
    "double", ["state=x", "scope=aliases:read", "code_challenge_method=plain", "x=1&x=2"]
)
async def test_a_parameter_that_comes_twice_is_told_to_the_app(
    app: App, person: SignedInPerson, double: str
) -> None:
    back = told(await person.http.get(f"/oauth/authorize?{app.query()}&{double}"))
    assert back["error"] == "invalid_request"


@pytest.mark.parametrize("query", ["", "%ff=1", "a=1&" * 50, "x" * 9000, "client_id=%ff"])
async def test_what_is_no_request_is_a_page(person: SignedInPerson, query: str) -> None:
    answer = await person.http.get(f"/oauth/authorize?{query}")
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"},
    ],
)
async def test_another_sites_page_cannot_say_yes(
    world: World, app: App, person: SignedInPerson, headers: dict[str, str]
) -> None:
    form = {"query": app.query(), "decision": "allow"}
    answer = await person.http.post("/oauth/authorize", data=form, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    body = {"query": app.query(), "decision": "allow"}
    answer = await person.http.post("/v1/oauth/consent", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert await world.runtime.database.value("select count(*) from oauth_grant") == 0


async def test_a_yes_by_get_is_none(world: World, app: App, person: SignedInPerson) -> None:
    await person.http.get(f"/oauth/authorize?{app.query()}&decision=allow")
    assert await world.runtime.database.value("select count(*) from oauth_grant") == 0


async def test_a_person_chooses_among_their_own_accounts_only(
    world: World, app: App, person: SignedInPerson
) -> None:
    second, foreign = await world.tenant("second"), await world.tenant("foreign")
    await world.person(second, "viewer")
    page = await person.http.get(f"/oauth/authorize?{app.query()}")
    assert str(second.id) in page.text
    assert str(foreign.id) not in page.text
    code = told(await decide(person, app.query(), account_id=str(second.id)))["code"]
    await app.redeem(code)
    assert await world.runtime.database.value("select account_id from oauth_grant") == second.id
    for account_id in (str(foreign.id), str(world.clock.new_id())):
        back = told(await decide(person, app.query(), account_id=account_id))
        assert back["error"] == "access_denied"
    assert (await decide(person, app.query(), account_id="x")).status_code == 400


async def test_a_person_in_no_account_has_nothing_to_allow(world: World, app: App) -> None:
    nobody = await world.person(email="new@people.test")
    assert "no account" in (await nobody.http.get(f"/oauth/authorize?{app.query()}")).text
    assert told(await decide(nobody, app.query()))["error"] == "access_denied"


async def test_a_role_that_may_do_none_of_it_gives_none_of_it(world: World, tenant: Tenant) -> None:
    app = await App.registered(world, tenant, scopes=["account:write"])
    viewer = await world.person(tenant, "viewer")
    assert told(await decide(viewer, app.query(scope="account:write")))["error"] == "access_denied"


async def test_the_portal_gets_the_same_as_json(app: App, tenant: Tenant, person: SignedInPerson) -> None:
    shown = (await person.http.get("/v1/oauth/consent", params={"query": app.query()})).json()
    assert shown["app"] == {
        "name": "Mail sorter",
        "homepage": "https://sorter.test",
        "homepage_host": "sorter.test",
        "redirect_host": "sorter.test",
    }
    assert shown["scopes"][0] == {
        "scope": "aliases:read",
        "words": "see your aliases and where they forward to",
    }
    assert shown["accounts"] == [{"id": str(tenant.id), "name": "one", "role": "owner", "current": True}]
    body = {"query": app.query(), "decision": "allow"}
    answer = await person.http.post("/v1/oauth/consent", json=body)
    back = parse_qs(urlsplit(answer.json()["redirect_to"]).query)
    assert (await app.redeem(back["code"][0])).status_code == 200


@pytest.mark.parametrize(("changes", "back"), [({"redirect_uri": EVIL}, False), ({"scope": "nothing"}, True)])
async def test_the_portal_hears_whether_the_app_may_be_told(
    app: App, person: SignedInPerson, changes: dict[str, Any], back: bool
) -> None:
    query = app.query(**changes)
    for answer in (
        await person.http.get("/v1/oauth/consent", params={"query": query}),
        await person.http.post("/v1/oauth/consent", json={"query": query, "decision": "deny"}),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "oauth_request_invalid")
        assert ("redirect_to" in problem) is back


async def test_neither_a_key_nor_an_app_says_yes(
    world: World, app: App, tenant: Tenant, person: SignedInPerson
) -> None:
    everything = await App.registered(world, tenant, scopes=["account:read", "account:write"])
    token = (await everything.tokens(person, scope="account:read account:write"))["access_token"]
    body = {"query": app.query(), "decision": "allow"}
    for secret in (tenant.secret, token):
        headers = {"Authorization": f"Bearer {secret}"}
        answer = await world.anonymous.post("/v1/oauth/consent", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "person_needed")


async def test_grants_are_listed_and_taken_back_by_who_gave_them(
    world: World, app: App, tenant: Tenant
) -> None:
    viewer = await world.person(tenant, "viewer", "viewer@people.test")
    owner = await world.person(tenant)
    mine, theirs = await app.tokens(viewer), await app.tokens(owner)
    listed = (await viewer.http.get("/v1/oauth/grants")).json()["data"]
    assert [each["person_id"] for each in listed] == [str(viewer.id), str(owner.id)]
    assert listed[0]["app"] == {"name": "Mail sorter", "homepage": "https://sorter.test"}
    first, second = (f"/v1/oauth/grants/{each['id']}" for each in listed)
    assert (await viewer.http.delete(second)).status_code == 403
    assert (await app.get("/v1/aliases", theirs["access_token"])).status_code == 200
    assert (await viewer.http.delete(first)).status_code == 204
    assert (await app.get("/v1/aliases", mine["access_token"])).status_code == 401
    assert (await viewer.http.delete(first)).status_code == 404
    assert (await owner.http.delete(second)).status_code == 204
    assert (await owner.http.get("/v1/oauth/grants")).json()["data"] == []


async def test_another_accounts_grant_is_not_there(world: World, app: App, person: SignedInPerson) -> None:
    token = (await app.tokens(person))["access_token"]
    (listed,) = (await person.http.get("/v1/oauth/grants")).json()["data"]
    other = await world.tenant("two")
    assert (await other.http.get("/v1/oauth/grants")).json()["data"] == []
    assert (await other.http.delete(f"/v1/oauth/grants/{listed['id']}")).status_code == 404
    assert (await app.get("/v1/aliases", token)).status_code == 200


async def test_a_code_that_was_never_redeemed_is_no_grant_for_long(
    world: World, app: App, tenant: Tenant, person: SignedInPerson
) -> None:
    await app.code(person)
    world.clock.step(timedelta(seconds=61))
    assert (await tenant.http.get("/v1/oauth/grants")).json()["data"] == []


async def test_every_registration_has_a_line_in_the_audit_log(world: World, tenant: Tenant) -> None:
    await register(tenant)
    row = await world.runtime.database.row(
        "select actor_kind, action, subject from audit_event where action like 'oauth_app%'"
    )
    assert tuple(row) == ("key", "oauth_app.created", "Mail sorter")
