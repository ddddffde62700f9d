"""Taking everything out, and deleting: by an owner in person, by name, and not without an export."""

import io
import json
import zipfile
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from customers import account_deletion
from mailcore import event_log
from mailcore.attestation import Signed, Signer, is_signed
from mailcore.event_log import LoggedMessage
from mailcore.log_key_files import LogKeyFiles
from mailcore.replies import queued
from tests.support.api import SignedInPerson, Tenant, World

END = {"name": "one"}


@pytest.fixture
async def owner(world: World, tenant: Tenant) -> SignedInPerson:
    return await world.person(tenant, email="one@owners.test")


async def exported(person: SignedInPerson) -> dict[str, list[dict[str, Any]]]:
    answer = await person.http.get("/v1/account/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {
            name.removesuffix(".jsonl"): [json.loads(line) for line in archive.read(name).splitlines()]
            for name in archive.namelist()
        }


async def logged(world: World, tenant: Tenant, count: int, days_ago: float = 1) -> None:
    at = world.clock.now() - timedelta(days=days_ago)
    keys = world.runtime.log_keys
    messages = [
        LoggedMessage(
            world.clock.new_id(), tenant.id, None, at, "192.0.2.1", "", f"=subject {number}",
            "a@sender.test", "a@one.test",
        )
        for number in range(count)
    ]  # fmt: skip
    async with world.runtime.database.transaction() as tx:
        await event_log.record_messages(tx, keys, messages)
        events = [event_log.received(message, queued("x"), "", timedelta(0)) for message in messages]
        await event_log.record_events(tx, keys, events)


async def test_an_export_holds_all_of_the_account_and_nothing_of_another(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    other = await world.tenant("two")
    await other.alias(await other.claim("two.test"), "theirs")
    await logged(world, other, 1)
    await tenant.alias(await tenant.claim("one.test"), "mine")
    await logged(world, tenant, 1203)
    await logged(world, tenant, 1, days_ago=8)
    found = await exported(owner)
    assert [row["name"] for row in found["account"]] == ["one"]
    assert [(row["email"], row["role"]) for row in found["members"]] == [("one@owners.test", "owner")]
    assert [(row["name"], row["strict_dmarc"], row["spam_threshold"]) for row in found["domains"]] == [
        ("one.test", False, 15)
    ]
    assert [(row["local_part"], row["destinations"]) for row in found["aliases"]] == [
        ("mine", ["you@inbox.test"])
    ]
    assert [row["name"] for row in found["keys"]] == ["test"]
    subjects = {row["subject"] for row in found["log"]}
    assert len(found["log"]) == len(subjects) == 1203
    assert [event["type"] for event in found["log"][0]["events"]] == ["received"]
    assert {"audit", "requests", "destinations", "invitations", "apps", "authorizations"} <= found.keys()
    assert "two.test" not in str(found)


async def test_an_export_says_how_far_it_is(world: World, tenant: Tenant, owner: SignedInPerson) -> None:
    await logged(world, tenant, 1203)
    export_id = uuid4()
    answer = await owner.http.get("/v1/account/export", params={"export_id": str(export_id)})
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        lines = sum(len(archive.read(name).splitlines()) for name in archive.namelist())
    rows = await world.runtime.database.fetch(
        "select data from change where kind = 'export' and subject_id = $1 order by id", export_id
    )
    told = [json.loads(row["data"]) for row in rows]
    assert told[0] == {"rows": 0, "of": lines, "state": "running"}
    assert told[-1] == {"rows": lines, "of": lines, "state": "done"}


async def test_deleting_answers_with_a_receipt_that_anybody_can_check(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    answer = await owner.http.request("DELETE", "/v1/account", json=END | {"without_export": True})
    got = answer.json()
    signed = Signed(got["receipt"], got["key"], got["signature"])
    assert is_signed("receipt", signed, Signer(world.runtime.keyring).public_keys)
    told = json.loads(got["receipt"])
    assert (told["receipt"], told["account"], told["name"]) == ("account deleted", str(tenant.id), "one")
    deleted_at = datetime.fromisoformat(told["deleted_at"])
    assert world.clock.now() - deleted_at < timedelta(minutes=1)
    assert datetime.fromisoformat(told["gone_by"]) == deleted_at + timedelta(hours=1)


async def test_its_log_key_goes_with_the_answer_or_with_upkeep_where_the_disk_refuses(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    folder = world.runtime.settings.key_dir
    keys = LogKeyFiles(folder)
    assert keys.account(tenant.id, make=True)
    (folder / "accounts").rename(folder / "away")
    (folder / "accounts").write_text("no folder")
    done = await owner.http.request("DELETE", "/v1/account", json=END | {"without_export": True})
    assert done.status_code == 200
    (folder / "accounts").unlink()
    (folder / "away").rename(folder / "accounts")
    assert keys.account(tenant.id)
    database = world.runtime.database
    await account_deletion.purge(database, keys, world.clock.now(), timedelta(days=7))
    assert keys.account(tenant.id, make=True) is None


async def test_an_export_holds_no_secret(world: World, tenant: Tenant, owner: SignedInPerson) -> None:
    hashed = await world.runtime.database.value("select secret_hash from api_key")
    text = str(await exported(owner))
    assert tenant.secret not in text
    assert hashed not in text
    assert tenant.token not in text


async def test_whoever_lacks_a_reading_scope_exports_nothing(world: World, tenant: Tenant) -> None:
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update api_key set scopes = array_remove(scopes, 'logs:read')")
    refused = await tenant.http.get("/v1/account/export")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    member = await world.person(tenant, role="member", email="mia@people.test")
    assert (await member.http.get("/v1/account/export")).status_code == 403


async def test_an_account_is_deleted_after_an_export_or_where_that_is_waived(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    refused = await owner.http.request("DELETE", "/v1/account", json=END)
    assert (refused.status_code, refused.json()["code"]) == (409, "export_first")
    await exported(owner)
    world.clock.step(timedelta(hours=25))
    owner = await world.person(tenant, email=owner.email)  # signed in again
    late = await owner.http.request("DELETE", "/v1/account", json=END)
    assert (late.status_code, late.json()["code"]) == (409, "export_first")
    await exported(owner)
    assert (await owner.http.request("DELETE", "/v1/account", json=END)).status_code == 200


async def test_a_browser_that_was_left_open_deletes_nothing(world: World, owner: SignedInPerson) -> None:
    world.clock.step(timedelta(minutes=11))
    refused = await owner.http.request("DELETE", "/v1/account", json=END | {"without_export": True})
    assert (refused.status_code, refused.json()["code"]) == (403, "sign_in_again")


async def test_deleting_asks_for_the_name_an_owner_and_a_person(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    admin = await world.person(tenant, role="admin", email="adam@people.test")
    sure = END | {"without_export": True}
    for http, body, code in (
        (owner.http, sure | {"name": "other"}, "confirmation_wrong"),
        (admin.http, sure, "role_missing"),
        (tenant.http, sure, "person_needed"),
    ):
        refused = await http.request("DELETE", "/v1/account", json=body)
        assert refused.json()["code"] == code


async def test_keys_sessions_and_domains_are_dead_at_once(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    domain = await tenant.claim("one.test")
    await tenant.alias(domain)
    done = await owner.http.request("DELETE", "/v1/account", json=END | {"without_export": True})
    assert done.status_code == 200
    assert (await tenant.http.get("/v1/domains")).status_code == 401
    assert (await owner.http.get("/v1/members")).status_code == 401
    for table in ("account", "domain", "alias", "destination", "api_key", "membership", "browser_session"):
        assert await world.runtime.database.value(f"select count(*) from {table}") == 0


async def test_links_and_invitations_to_people_who_are_forgotten_go_along(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    database = world.runtime.database
    other = await world.tenant("two")
    await world.person(other, email="two@owners.test")
    links: list[tuple[str, str, UUID | None]] = [
        ("sign-in", "one@owners.test", None),
        ("sign-in", "before@owners.test", None),
    ]
    links += [("undo-address", "before@owners.test", owner.id), ("sign-in", "two@owners.test", None)]
    links += [("change-address", "two@owners.test", owner.id)]
    async with database.transaction() as tx:
        for purpose, email, person_id in links:
            await tx.execute(
                "insert into sign_in_link (id, purpose, email, person_id, browser_hash, expires_at) "
                "values ($1, $2, $3, $4, '', now() + interval '1 day')",
                *(uuid4(), purpose, email, person_id),
            )
        for account_id in (None, other.id):
            await tx.execute(
                "insert into invitation (id, account_id, email, role, invited_by, expires_at) "
                "values ($1, $2, 'one@owners.test', 'owner', 'x', now() + interval '1 day')",
                *(uuid4(), account_id),
            )
    done = await owner.http.request("DELETE", "/v1/account", json=END | {"without_export": True})
    assert done.status_code == 200
    left = await database.fetch("select email from sign_in_link")
    assert [row["email"] for row in left] == ["two@owners.test"]
    assert await database.value("select account_id from invitation") == other.id, "that is another's"


async def test_people_of_other_accounts_and_staff_stay_people(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    other = await world.tenant("two")
    await world.person(tenant, role="viewer", email="two@owners.test")  # owns the other one
    await world.person(tenant, role="viewer", email="gone@people.test")
    staff = await world.person(tenant, role="viewer", email="staff@people.test")
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update person set staff_since = now() where id = $1", staff.id)
    await owner.http.request("DELETE", "/v1/account", json=END | {"without_export": True})
    people = await world.runtime.database.fetch("select email from person order by email")
    assert [row["email"] for row in people] == ["staff@people.test", "two@owners.test"]
    assert (await other.http.get("/v1/members")).status_code == 200


async def test_the_owners_are_told_and_the_service_remembers_no_name(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    await owner.http.request("DELETE", "/v1/account", json=END | {"without_export": True})
    letter = await world.runtime.database.row("select kind, to_address, account_id from letter")
    assert tuple(letter) == ("account-deleted", "one@owners.test", None)
    line = await world.runtime.database.row("select * from audit_event where account_id is null")
    assert line["action"] == "account.deleted"
    assert "one" not in (line["actor"], line["subject"])
    assert "owners.test" not in str(dict(line))
