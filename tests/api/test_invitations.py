"""Invitations: who may invite as what, what the link does, and what it never does."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from customers import invitations, signed_links
from customers.audit import Actor
from customers.callers import ALL
from customers.letter_texts import WRITERS, Desk
from mailcore import suppression
from tests.support.api import SignedInPerson, Tenant, World, running_api
from tests.support.oauth import App


@pytest.fixture
async def owner(world: World, tenant: Tenant) -> SignedInPerson:
    return await world.person(tenant, email="one@owners.test")


async def invite(http: httpx.AsyncClient, email: str = "new@people.test", role: str = "member") -> Any:
    answer = await http.post("/v1/invitations", json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def link_in_letter(world: World) -> str:
    """The path of the link in the only letter that waits, written as upkeep writes it."""
    row = await world.runtime.database.row("select * from letter order by id desc")
    desk = Desk(world.runtime.keyring, world.runtime.settings.web_url, row["created_at"])
    lines = WRITERS[row["kind"]](desk, json.loads(row["about"])).lines
    url = next(line.strip() for line in lines if "/invitations/" in line)
    return url.removeprefix(world.runtime.settings.web_url)


def path_of(world: World, invitation: dict[str, Any], valid: timedelta = timedelta(days=7)) -> str:
    token = signed_links.make(
        world.runtime.keyring, "invitation", UUID(invitation["id"]), world.clock.now() + valid
    )
    return f"/invitations/{token}"


async def test_the_link_of_the_mail_leads_into_the_account(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    await invite(owner.http)
    path = await link_in_letter(world)
    visitor = world.browser()
    shown = await visitor.get(path)
    assert shown.status_code == 200
    assert "one@owners.test invites new@people.test as member" in shown.text
    before = (await owner.http.get("/v1/members")).json()["data"]
    assert [member["email"] for member in before] == ["one@owners.test"]
    accepted = await visitor.post(path)
    assert accepted.status_code == 200
    assert not accepted.headers.get_list("set-cookie")  # it proves the address, it signs nobody in
    after = (await owner.http.get("/v1/members")).json()["data"]
    assert [(m["email"], m["role"]) for m in after][1:] == [("new@people.test", "member")]
    assert (await owner.http.get("/v1/invitations")).json()["data"] == []


async def test_a_link_works_once(world: World, owner: SignedInPerson) -> None:
    path = path_of(world, await invite(owner.http))
    assert (await world.anonymous.post(path)).status_code == 200
    assert (await world.anonymous.post(path)).status_code == 410
    assert (await world.anonymous.get(path)).status_code == 410


async def test_a_withdrawn_an_old_and_a_forged_link_open_nothing(world: World, owner: SignedInPerson) -> None:
    withdrawn = await invite(owner.http)
    path = path_of(world, withdrawn)
    assert (await owner.http.delete(f"/v1/invitations/{withdrawn['id']}")).status_code == 204
    old = path_of(world, await invite(owner.http), timedelta(days=30))
    forged = old[:-1] + ("A" if old[-1] != "A" else "g")
    for each in (path, forged, "/invitations/nonsense"):
        assert (await world.anonymous.post(each)).status_code == 410
    world.clock.step(timedelta(days=7))
    assert (await world.anonymous.post(old)).status_code == 410


async def test_who_belongs_already_is_not_invited_nor_anybody_twice(owner: SignedInPerson) -> None:
    await invite(owner.http)
    twice = await owner.http.post("/v1/invitations", json={"email": "new@people.test"})
    assert (twice.status_code, twice.json()["code"]) == (409, "invitation_exists")
    member = await owner.http.post("/v1/invitations", json={"email": "one@owners.test"})
    assert (member.status_code, member.json()["code"]) == (409, "member_exists")
    nobody = await owner.http.post("/v1/invitations", json={"email": "nobody"})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "address_invalid")


async def test_only_an_owner_invites_an_owner(world: World, tenant: Tenant, owner: SignedInPerson) -> None:
    admin = await world.person(tenant, role="admin", email="adam@people.test")
    body = {"email": "new@people.test", "role": "owner"}
    refused = await admin.http.post("/v1/invitations", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    invitation = await owner.http.post("/v1/invitations", json=body)
    assert invitation.status_code == 201
    again = await admin.http.post(f"/v1/invitations/{invitation.json()['id']}/send")
    assert (again.status_code, again.json()["code"]) == (403, "role_missing")


@pytest.mark.parametrize("kind", ["key", "app"])
async def test_only_people_say_who_belongs_to_the_account(
    world: World, tenant: Tenant, owner: SignedInPerson, kind: str
) -> None:
    """Whom a key or an app let in would stay when it has ended."""
    eve = await world.person(tenant, role="viewer", email="eve@people.test")
    members = (await tenant.http.get("/v1/members")).json()["data"]
    (member,) = [each for each in members if each["email"] == eve.email]
    waiting = await invite(owner.http)
    secret = tenant.secret
    if kind == "app":
        app = await App.registered(world, tenant, scopes=list(ALL))
        secret = (await app.tokens(owner, scope=" ".join(sorted(ALL))))["access_token"]
    async with world.client(Authorization=f"Bearer {secret}") as http:
        for answer in (
            await http.post("/v1/invitations", json={"email": "mallory@people.test", "role": "viewer"}),
            await http.post(f"/v1/invitations/{waiting['id']}/send"),
            await http.patch(f"/v1/members/{member['id']}", json={"role": "admin"}),
            await http.delete(f"/v1/members/{member['id']}"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "person_needed"), answer.text


@pytest.mark.parametrize("what", ["removed", "demoted", "deleted"])
async def test_an_invitation_is_worth_what_its_inviter_may_give(
    world: World, tenant: Tenant, owner: SignedInPerson, what: str
) -> None:
    adam = await world.person(tenant, role="admin", email="adam@people.test")
    invitation = await invite(adam.http, role="admin")
    path = path_of(world, invitation)
    members = (await owner.http.get("/v1/members")).json()["data"]
    (member,) = [each for each in members if each["email"] == adam.email]
    if what == "removed":
        assert (await owner.http.delete(f"/v1/members/{member['id']}")).status_code == 204
    elif what == "demoted":
        done = await owner.http.patch(f"/v1/members/{member['id']}", json={"role": "member"})
        assert done.status_code == 200
    else:
        assert (await adam.http.delete("/v1/me")).status_code == 204
    assert (await world.anonymous.get(path)).status_code == 410
    assert (await world.anonymous.post(path)).status_code == 410
    if what != "deleted":
        assert (await owner.http.post(f"/v1/invitations/{invitation['id']}/send")).status_code == 200
        assert (await world.anonymous.post(path)).status_code == 200, "the owner invites now"


async def test_a_former_owner_invites_no_owner_but_still_a_member(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    as_owner = path_of(world, await invite(owner.http, role="owner"))
    as_member = path_of(world, await invite(owner.http, "mia@people.test"))
    await world.person(tenant, role="owner", email="two@owners.test")
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update membership set role = 'admin' where person_id = $1", owner.id)
    assert (await world.anonymous.post(as_owner)).status_code == 410
    assert (await world.anonymous.post(as_member)).status_code == 200


async def test_whoever_wants_no_mail_of_ours_is_not_invited_in_vain(
    world: World, owner: SignedInPerson
) -> None:
    waiting = await invite(owner.http, "later@people.test")
    async with world.runtime.database.session() as session:
        for address in ("never@people.test", "later@people.test"):
            await suppression.add(session, world.runtime.keyring, address)
    for answer in (
        await owner.http.post("/v1/invitations", json={"email": "Never@people.test"}),
        await owner.http.post(f"/v1/invitations/{waiting['id']}/send"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "address_suppressed")


async def test_a_member_invites_nobody(world: World, tenant: Tenant) -> None:
    member = await world.person(tenant, role="member", email="mia@people.test")
    refused = await member.http.post("/v1/invitations", json={"email": "new@people.test"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


async def test_sending_again_begins_the_seven_days_anew(world: World, owner: SignedInPerson) -> None:
    invitation = await invite(owner.http)
    world.clock.step(timedelta(days=6))
    owner = await world.person(None, email="one@owners.test")  # signed in again
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "update browser_session set account_id = (select id from account) where person_id = $1", owner.id
        )
    again = await owner.http.post(f"/v1/invitations/{invitation['id']}/send")
    assert again.status_code == 200, again.text
    assert again.json()["expires_at"] > invitation["expires_at"]
    assert await world.runtime.database.value("select count(*) from letter") == 2


async def test_letters_to_strangers_are_counted(database_url: str, redis_url: str, tmp_path: Any) -> None:
    async with running_api(database_url, tmp_path / "more", redis_url=redis_url) as world:
        owner = await world.person(await world.tenant("many"))
        for number in range(30):
            await invite(owner.http, f"p{number}@people.test")
        refused = await owner.http.post("/v1/invitations", json={"email": "one@toomany.test"})
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 0


async def test_a_foreign_invitation_is_not_found(world: World, owner: SignedInPerson) -> None:
    other = await world.tenant("two")
    foreign = await invite((await world.person(other, email="two@owners.test")).http)
    for answer in (
        await owner.http.delete(f"/v1/invitations/{foreign['id']}"),
        await owner.http.post(f"/v1/invitations/{foreign['id']}/send"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_an_invitation_to_the_server_opens_an_account_even_where_nobody_signs_up(
    database_url: str, tmp_path: Any
) -> None:
    async with running_api(database_url, tmp_path / "closed", sign_up="closed") as world:
        async with world.runtime.database.session() as session:
            invitation = await invitations.to_server(
                session, world.clock, Actor("service", "operator"), "first@people.test"
            )
        path = path_of(world, {"id": str(invitation.id)})
        assert "operator invites first@people.test" in (await world.anonymous.get(path)).text
        assert (await world.anonymous.post(path)).status_code == 200
        row = await world.runtime.database.row(
            "select a.policy_told_at, m.role, p.email from account a join membership m "
            "on m.account_id = a.id join person p on p.id = m.person_id"
        )
        assert tuple(row) == (None, "owner", "first@people.test")
