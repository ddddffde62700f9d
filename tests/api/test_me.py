"""What is a person's own: their sessions and where they work; nobody else's, and nothing for keys."""

from datetime import datetime, timedelta

from tests.support.api import Tenant, World


async def test_a_person_sees_themselves_without_any_account(world: World) -> None:
    person = await world.person()
    me = (await person.http.get("/v1/me")).json()
    assert (me["id"], me["account_id"], me["accounts"]) == (str(person.id), None, [])


async def test_a_person_sees_what_their_role_allows_and_how_long_their_sign_in_is_fresh(
    world: World, tenant: Tenant
) -> None:
    person = await world.person(tenant, role="viewer")
    me = (await person.http.get("/v1/me")).json()
    assert me["scopes"] == ["account:read", "aliases:read", "domains:read", "logs:read"]
    fresh = datetime.fromisoformat(me["fresh_until"]) - datetime.fromisoformat(me["signed_in_at"])
    assert (fresh, me["is_staff"]) == (timedelta(minutes=10), False)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update person set staff_since = now()")
    assert (await person.http.get("/v1/me")).json()["is_staff"]
    nowhere = await world.person(email="new@people.test")
    assert (await nowhere.http.get("/v1/me")).json()["scopes"] == []


async def test_people_say_how_others_see_them(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    me = (await person.http.patch("/v1/me", json={"name": "Ada"})).json()
    assert (me["name"], me["role"]) == ("Ada", "owner")
    members = (await person.http.get("/v1/members")).json()["data"]
    assert [each["name"] for each in members if each["person_id"] == me["id"]] == ["Ada"]
    assert (await person.http.patch("/v1/me", json={"name": "a" * 101})).status_code == 422


async def test_a_key_is_no_person(world: World, tenant: Tenant) -> None:
    for path in ("/v1/me", "/v1/me/sessions", "/v1/me/passkeys"):
        answer = await tenant.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "person_needed")
    assert (await world.anonymous.get("/v1/me")).status_code == 401
    unknown = await world.anonymous.get("/v1/me", headers={"Authorization": "Bearer cp_test_nothing"})
    assert unknown.status_code == 401


async def test_a_cookie_counts_for_nothing_beside_a_key(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    headers = {"Authorization": f"Bearer {tenant.secret}"}
    answer = await person.http.delete("/v1/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "person_needed")


async def test_a_person_works_in_one_account_at_a_time(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    other = await world.tenant("other")
    await world.person(other, role="viewer")
    me = (await person.http.get("/v1/me")).json()
    assert {each["id"]: each["role"] for each in me["accounts"]} == {
        str(tenant.id): "owner",
        str(other.id): "viewer",
    }
    chosen = await person.http.post("/v1/me/account", json={"account_id": str(other.id)})
    assert (chosen.status_code, chosen.json()["role"]) == (200, "viewer")
    assert (await person.http.get("/v1/account")).json()["id"] == str(other.id)


async def test_an_account_of_others_cannot_be_chosen(world: World, tenant: Tenant) -> None:
    person = await world.person()
    absent = "0192f0c1-8b1e-7c3a-9d59-2f6f5d0b7a11"
    answers = [
        await person.http.post("/v1/me/account", json={"account_id": account})
        for account in (str(tenant.id), absent)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    texts = [answer.json() | {"request_id": ""} for answer in answers]
    assert texts[0] == texts[1]
    assert (await person.http.get("/v1/me")).json()["account_id"] is None


async def test_a_revoked_session_is_refused_at_its_next_request(world: World) -> None:
    here, there = await world.person(), await world.person()
    listed = (await here.http.get("/v1/me/sessions")).json()["data"]
    assert [each["device"] for each in listed] == ["Firefox on Linux"] * 2
    (other,) = [each for each in listed if not each["current"]]
    assert (await here.http.delete(f"/v1/me/sessions/{other['id']}")).status_code == 204
    assert (await there.http.get("/v1/me")).status_code == 401
    assert (await here.http.get("/v1/me")).status_code == 200


async def test_signing_out_everywhere_else_keeps_this_browser(world: World) -> None:
    here, there = await world.person(), await world.person()
    assert (await here.http.delete("/v1/me/sessions")).status_code == 204
    assert (await there.http.get("/v1/me")).status_code == 401
    assert len((await here.http.get("/v1/me/sessions")).json()["data"]) == 1


async def test_somebody_elses_session_is_not_there(world: World) -> None:
    mine, theirs = await world.person(), await world.person(email="eve@example.org")
    (session,) = (await theirs.http.get("/v1/me/sessions")).json()["data"]
    refused = await mine.http.delete(f"/v1/me/sessions/{session['id']}")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await theirs.http.get("/v1/me")).status_code == 200


async def test_ending_ones_own_session_takes_its_cookie(world: World) -> None:
    person = await world.person()
    (session,) = (await person.http.get("/v1/me/sessions")).json()["data"]
    await person.http.delete(f"/v1/me/sessions/{session['id']}")
    assert not person.http.cookies


async def test_a_session_that_is_over_is_not_listed(world: World) -> None:
    await world.person()
    world.clock.step(timedelta(days=31))
    person = await world.person()
    assert len((await person.http.get("/v1/me/sessions")).json()["data"]) == 1


async def test_a_session_that_was_left_alone_too_long_is_not_listed(world: World) -> None:
    await world.person()
    world.clock.step(timedelta(days=14, minutes=1))
    person = await world.person()
    (listed,) = (await person.http.get("/v1/me/sessions")).json()["data"]
    assert listed["current"]


async def test_unknown_parameters_and_fields_are_refused(world: World, tenant: Tenant) -> None:
    person = await world.person(tenant)
    assert (await person.http.get("/v1/me?x=1")).status_code == 422
    body = {"account_id": str(tenant.id), "role": "owner"}
    assert (await person.http.post("/v1/me/account", json=body)).status_code == 422


async def test_whoever_deletes_themselves_leaves_every_account_and_a_line_in_each(
    world: World, tenant: Tenant
) -> None:
    other = await world.tenant("other")
    person = await world.person(tenant, role="admin", email="gone@people.test")
    await world.person(other, email=person.email)
    answer = await person.http.delete("/v1/me")
    assert answer.status_code == 204, answer.text
    assert not person.http.cookies
    for account in (tenant, other):
        lines = (await account.http.get("/v1/audit")).json()["data"]
        assert (lines[0]["action"], lines[0]["actor"]) == ("member.left", person.email)
        members = (await account.http.get("/v1/members")).json()["data"]
        assert person.email not in {member["email"] for member in members}
    told = await world.runtime.database.row(
        "select action, actor, subject from audit_event where account_id is null"
    )
    assert tuple(told) == ("person.deleted", "a person", "")
    count = "select count(*) from person p left join browser_session s on s.person_id = p.id where p.id = $1"
    assert await world.runtime.database.value(count, person.id) == 0


async def test_the_last_owner_hands_over_or_deletes_the_account_first(world: World) -> None:
    person = await world.person()
    account = await person.http.post("/v1/accounts", json={"name": "Mine"})
    assert account.status_code == 201, account.text
    refused = await person.http.delete("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    assert len((await person.http.get("/v1/me")).json()["accounts"]) == 1


async def test_deleting_oneself_takes_a_fresh_sign_in_and_is_not_for_staff(world: World) -> None:
    person, staff = await world.person(), await world.person(email="staff@people.test")
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update person set staff_since = now() where id = $1", staff.id)
    assert (await staff.http.delete("/v1/me")).status_code == 409
    world.clock.step(timedelta(minutes=11))
    refused = await person.http.delete("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (403, "sign_in_again")
    assert (await person.http.get("/v1/me")).status_code == 200
