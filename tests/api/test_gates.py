"""Who may come in where: every operation says its scope, and few files work as the service itself."""

import ast
from typing import Any

import pytest

from tests.support.api import World
from tests.support.services import ROOT

# Operations under /v1 that ask for no scope of an account, each with its reason.
WITHOUT_SCOPE = {
    "get_me": "a person's own, in whatever account, or in none",
    "choose_account": "a person's own",
    "update_me": "a person's own",
    "list_sessions": "a person's own",
    "delete_sessions": "a person's own",
    "delete_session": "a person's own",
    "delete_identity": "a person's own",
    "list_passkeys": "a person's own",
    "create_passkey": "a person's own",
    "create_passkey_options": "a person's own",
    "update_passkey": "a person's own",
    "delete_passkey": "a person's own",
    "delete_me": "a person's own",
    "change_email": "a person's own",
    "lift_suppression": "a person's own",
    "create_account": "makes one: there is none yet to have a scope in",
    "show_consent": "a person says which account an app may act for",
    "decide_consent": "a person says which account an app may act for",
    "stream_events": "shows each caller the kinds that their scopes open, and refuses who has none",
    "list_plans": "public: what plans allow and cost",
}
PUBLIC = {"list_plans"}
# Files of the API that open a transaction without an account, each with its reason.
AS_THE_SERVICE = {
    "api/security.py": "a person's own things: sessions, identities, passkeys belong to no account",
    "api/staff.py": "staff sign in; what they see, they see by a database role of their own",
    "api/sign_in.py": "nobody is signed in yet",
    "api/provider_sign_in.py": "nobody is signed in yet",
    "api/passkeys.py": "nobody is signed in yet; the public half of a ceremony",
    "api/address_change.py": "a link by mail, opened signed out, for a person and not an account",
    "api/transparency.py": "figures of the whole service, and nobody's",
    "api/claims.py": "a link by mail, opened signed out",
    "api/confirmations.py": "a destination's own link, opened signed out by no member",
    "api/invitations.py": "whoever is invited belongs to no account yet",
    "api/leaving.py": "leaving and deleting an account reaches people's sessions and other accounts",
    "api/oauth_apps.py": "deleting an app ends its grants in all accounts",
    "api/oauth_consent.py": "a person chooses among their accounts",
    "api/oauth_server.py": "a client asks, not an account",
}


async def operations(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    document = (await world.anonymous.get("/openapi.json")).json()
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/v1/")
    ]


async def test_every_operation_asks_for_a_scope_or_says_why_not(world: World) -> None:
    asked = await operations(world)
    without = {each["operationId"] for _, _, each in asked if not each.get("x-scopes")}
    assert without == WITHOUT_SCOPE.keys()


async def test_every_operation_is_closed_to_who_is_not_known(world: World) -> None:
    for method, path, operation in await operations(world):
        if operation["operationId"] in PUBLIC:
            continue
        address = path.replace("{", "").replace("}", "")
        answer = await world.anonymous.request(method, address, json={} if method != "GET" else None)
        assert answer.status_code == 401, (method, path)
        assert (method, path, answer.json()["code"]) == (method, path, "unauthorized")


async def test_writing_never_takes_a_reading_scope_only(world: World) -> None:
    """But for what a person ends for themselves: leaving, and what they let an app do."""
    own = {"remove_member", "revoke_oauth_grant"}
    reading = {
        each["operationId"]
        for method, _, each in await operations(world)
        if method != "GET"
        and not any(scope.endswith(":write") for scope in each.get("x-scopes", ["a:write"]))
    }
    assert reading <= own


@pytest.mark.parametrize("path", sorted((ROOT / "api").rglob("*.py")), ids=lambda path: path.name)
def test_a_transaction_without_an_account_is_opened_in_named_files_only(path: Any) -> None:
    opened = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("session", "transaction", "fetch", "row", "value")
        and ast.unparse(node.func.value).endswith("database")
        and not node.args
        and "tenant" not in {keyword.arg for keyword in node.keywords}
    ]
    name = path.relative_to(ROOT).as_posix()
    assert bool(opened) == (name in AS_THE_SERVICE), "say why, or take the caller's tenant"
