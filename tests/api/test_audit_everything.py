"""Every operation that changes something leaves a line in the audit log, whoever wrote the operation.

The operations are read from the OpenAPI document itself, so that a new one cannot be forgotten.
"""

from typing import Any
from uuid import UUID

import pytest

from mailcore.event_log import ensure_partitions
from mailcore.plans import Plan
from tests.support.api import SignedInPerson, World
from tests.support.rows import fill
from tests.support.services import ROOT

# What leaves no line, each with its reason.
UNTOLD = {
    "preview_change": "changes nothing",
    "check_domain": "looks at the DNS; what comes of it is the DNS' doing",
    "choose_account": "which account a browser shows",
    "delete_session": "a person's browser signs out",
    "delete_sessions": "a person's browsers sign out",
    "create_passkey_options": "a question to the browser; nothing but the challenge is kept",
    "update_passkey": "a name that nobody else sees",
    "change_email": "mails a link to the new address; the change comes with it, in /auth/address",
}
# Told, and tested where there is a ceremony, a code to consent to, or a queue with mail in it.
TESTED_ELSEWHERE = {
    "open_checkout": "tests/api/test_billing.py",  # these take a Stripe that answers
    "open_portal": "tests/api/test_billing.py",
    "change_subscription": "tests/api/test_billing.py",
    "create_passkey": "tests/api/test_passkeys.py",
    "lift_suppression": "tests/api/test_destinations.py",
    "decide_consent": "tests/api/test_oauth_consent.py",
    "send_test": "api/test_message.py",  # takes an mx that answers
}
TABLE_OF = {
    "domain_id": "domain", "alias_id": "alias", "destination_id": "destination", "key_id": "api_key",
    "member_id": "membership", "invitation_id": "invitation", "app_id": "oauth_app",
    "grant_id": "oauth_grant", "passkey_id": "passkey", "delivery_id": "delivery", "identity_id": "identity",
    "support_request_id": "support_grant",
}  # fmt: skip
# `{table}` stands for the id of the account's row there.
BODIES: dict[str, Any] = {
    "delete_account": {"name": "{name}"},
    "update_account": {"name": "New name"},
    "read_policy": {"read": True},
    "retry_queue": {"delivery_ids": ["{delivery}"]},
    "cancel_queue": {"delivery_ids": ["{delivery}"]},
    "create_domain": {"name": "new.test"},
    "update_domain": {"plus_addressing": False},
    "bulk_aliases": {"items": [{"action": "change", "id": "{alias}", "enabled": False}]},
    "change_matching_aliases": {"match": {}, "change": {"enabled": False}},
    "create_alias": {"local_part": "hello", "destinations": ["you@inbox.test"]},
    "update_alias": {"enabled": False},
    "create_destination": {"address": "you@inbox.test"},
    "create_key": {"name": "k", "scopes": ["logs:read"]},
    "update_key": {"name": "k"},
    "roll_key": {},
    "update_member": {"role": "member"},
    "transfer_account": {"member_id": "{membership}", "name": "{name}"},
    "create_invitation": {"email": "new@people.test", "role": "viewer"},
    "create_oauth_app": {
        "name": "App",
        "homepage": "https://app.test/",
        "redirect_uris": ["https://app.test/back"],
        "scopes": ["aliases:read"],
    },
    "update_oauth_app": {
        "homepage": "https://app.test/new",
        "redirect_uris": ["https://app.test/new"],
        "scopes": ["aliases:read"],
    },
    "create_account": {"name": "Another"},
    "update_me": {"name": "Ada"},
    "open_support_request": {"reason": "Mail is missing"},
}


async def changing(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    document = (await world.anonymous.get("/openapi.json")).json()
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "get" and path.startswith("/v1/")
    ]


async def prepared(world: World, number: int, role: str = "owner") -> tuple[SignedInPerson, dict[str, UUID]]:
    """An account with one row of everything and with an owner in their browser; as the API would have it."""
    tenant = await world.tenant(f"account-{number}", Plan.BUSINESS)
    person = await world.person(tenant, role, f"owner-{number}@people.test")
    ids = await fill(world.runtime.database, world.clock, {"account": tenant.id})
    mend = [
        ("update domain set name = 'd-{0}.test', verified_at = now() where id = $1", "domain"),
        ("update alias set local_part = 'a-{0}' where id = $1", "alias"),
        ("update membership set role = 'viewer' where id = $1", "membership"),
        ("update destination set address = 'i-{0}@inbox.test' where id = $1", "destination"),
        ("update invitation set email = 'g-{0}@people.test', role = 'viewer', "
         "expires_at = now() + interval '1 day' where id = $1", "invitation"),
    ]  # fmt: skip
    async with world.runtime.database.transaction() as tx:
        for statement, table in mend:
            await tx.execute(statement.format(number), ids[table])
        await tx.execute("update passkey set person_id = $1 where id = $2", person.id, ids["passkey"])
        await tx.execute("update identity set person_id = $1 where id = $2", person.id, ids["identity"])
        await tx.execute("update account set exported_at = now() where id = $1", tenant.id)
    return person, ids


async def lines(world: World) -> int:
    count: int = await world.runtime.database.value("select count(*) from audit_event")
    return count


def filled_in(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: filled_in(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [filled_in(each, ids) for each in value]
    return value.format_map(ids) if isinstance(value, str) else value


@pytest.mark.timeout(120)
async def test_whoever_changes_something_is_in_the_audit_log(world: World) -> None:
    database = world.runtime.database
    await ensure_partitions(database, world.clock.now(), world.runtime.settings.log_retention)
    for number, (method, path, operation) in enumerate(await changing(world)):
        name = operation["operationId"]
        if name in UNTOLD or name in TESTED_ELSEWHERE:
            continue
        person, ids = await prepared(world, number, "admin" if name == "create_claim" else "owner")
        await before(world, name, ids)
        shown = {table: str(identifier) for table, identifier in ids.items()}
        shown |= {parameter: shown.get(table, "") for parameter, table in TABLE_OF.items()}
        body = filled_in(BODIES.get(name), shown | {"name": f"account-{number}"})
        count = await lines(world)
        client = person.http
        if name == "import_aliases":
            text = f"domain,local_part,destinations\nd-{number}.test,new,you@inbox.test\n"
            answer = await client.post(path, content=text, headers={"Content-Type": "text/csv"})
        else:
            answer = await client.request(method, path.format_map(shown), json=body)
        assert answer.is_success, (name, answer.text)
        assert await lines(world) > count, f"{name} leaves no line in the audit log"


async def before(world: World, name: str, ids: dict[str, UUID]) -> None:
    """What an operation needs to find."""
    statements = {
        "delete_destination": "delete from alias_destination where destination_id = '{destination}'",
        "create_claim": "delete from account_claim where account_id = '{account}'",
        "roll_oauth_app_secret": "update oauth_app set secret_hash = 'hash' where id = '{oauth_app}'",
        "revoke_support_request": "update support_grant set expires_at = now() + interval '1 day'",
        "read_policy": "update account set policy_told_at = null where id = '{account}'",
    }
    if name in statements:
        async with world.runtime.database.transaction() as tx:
            await tx.execute(statements[name].format_map({k: str(v) for k, v in ids.items()}))


async def test_exceptions_are_operations_that_exist(world: World) -> None:
    names = {operation["operationId"] for _, _, operation in await changing(world)}
    assert UNTOLD.keys() | TESTED_ELSEWHERE.keys() <= names
    for file in TESTED_ELSEWHERE.values():
        assert "audit" in (ROOT / file).read_text(), f"{file} tests no line of the audit log"
