"""The rules of the house, read from the source itself. A new exception needs its reason beside it here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcore.settings import example_env

ROOT = Path(__file__).resolve().parents[1]
SOURCE = [
    path
    for name in ("mailcore", "customers", "api", "workers", "billing", "clearpost")
    for path in (ROOT / name).rglob("*.py")
]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef

# Who may ask the time.
CLOCKS = {
    "mailcore/clock.py": "the clock",
    "clearpost/process.py": "waits for operating system processes; no decision about mail",
    "clearpost/bench/stopwatch.py": "measures how fast we are; no decision about mail",
}
ASKS_THE_TIME = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"}

# Which files may name a table in SQL, or import its model. Tenancy stands on this list being short.
GATES = {
    "domain": {"customers/sign_in_aliases.py", "customers/domains.py", "customers/domain_watch.py",
               "customers/domain_states.py",
               "customers/staff.py", "customers/support_grants.py",
               "customers/aliases.py", "customers/alias_bulk.py",
               "mailcore/alias_lookup.py", "mailcore/routing.py", "mailcore/returns.py",
               "mailcore/queue.py", "mailcore/queue_claim.py", "mailcore/queue_admin.py",
               "customers/accounts.py", "customers/queue_owner.py", "customers/surplus.py",
               "clearpost/seed.py"},
    "alias": {"customers/surplus.py", "customers/aliases.py", "customers/alias_bulk.py",
              "customers/accounts.py", "mailcore/alias_lookup.py", "mailcore/routing.py",
              "mailcore/returns.py",
              "mailcore/queue.py", "mailcore/queue_claim.py", "customers/queue_owner.py"},
    "alias_destination": {"customers/surplus.py", "customers/aliases.py", "customers/alias_bulk.py",
                          "customers/destinations.py",
                          "mailcore/alias_lookup.py"},
    "destination": {"customers/surplus.py", "customers/destinations.py", "customers/inboxes.py",
                    "customers/aliases.py",
                    "customers/confirmations.py", "customers/stops.py",
                    "customers/accounts.py", "mailcore/alias_lookup.py", "mailcore/routing.py",
                    "mailcore/queue_claim.py", "mailcore/inbox_health.py",
                    "customers/queue_owner.py"},
    "api_key": {"customers/api_keys.py", "customers/accounts.py", "customers/standing.py"},
    "audit_event": {"customers/audit.py"},
    "request_log": {"customers/request_log.py"},
    "idempotent_answer": {"customers/idempotent_answers.py"},
    "suppression": {"mailcore/suppression.py"},
    "letter": {"customers/letters.py", "workers/letters.py"},
    "oauth_app": {"customers/oauth_apps.py", "customers/oauth_grants.py", "customers/accounts.py",
                  "customers/standing.py"},
    "oauth_grant": {"customers/oauth_grants.py", "customers/standing.py"},
    "oauth_code": {"customers/oauth_grants.py"},
    "oauth_token": {"customers/oauth_grants.py", "customers/standing.py"},
    "person": {"customers/people.py", "customers/team.py", "customers/account_claims.py",
               "customers/account_deletion.py", "customers/address_change.py", "customers/accounts.py",
               "customers/person_deletion.py",
               "customers/browser_sessions.py", "customers/passkeys.py", "customers/identities.py",
               "customers/sign_up.py", "customers/staff.py", "mailcore/routing.py"},
    "membership": {"customers/people.py", "customers/team.py", "customers/account_claims.py",
                   "customers/account_deletion.py", "customers/accounts.py", "customers/browser_sessions.py",
                   "customers/oauth_grants.py", "customers/staff.py", "mailcore/routing.py",
                   "customers/undelivered.py", "customers/standing.py"},
    "invitation": {"customers/invitations.py", "customers/accounts.py", "customers/person_deletion.py"},
    "account_claim": {"customers/team.py", "customers/account_claims.py"},
    "deleted_account": {"customers/account_deletion.py"},
    "identity": {"customers/identities.py"},
    "passkey": {"customers/staff.py", "customers/passkeys.py"},
    "passkey_challenge": {"customers/passkeys.py"},
    "sign_in_link": {"customers/person_deletion.py", "customers/sign_in_addresses.py",
                     "customers/sign_in_links.py", "customers/address_change.py"},
    "browser_session": {"customers/account_claims.py", "customers/browser_sessions.py",
                        "customers/standing.py"},
    "log_message": {"mailcore/event_log.py", "mailcore/log_reader.py", "mailcore/log_figures.py",
                    "customers/queue_owner.py", "mailcore/spool_recovery.py",
                    "mailcore/holdings.py", "mailcore/service_days.py",
                    "customers/news.py"},
    "log_event": {"mailcore/event_log.py", "mailcore/log_reader.py", "mailcore/log_figures.py",
                  "customers/news.py",
                  "customers/queue_owner.py",
                  "mailcore/service_status.py", "mailcore/service_days.py", "mailcore/holdings.py"},
    "service_figures": {"mailcore/service_status.py"},
    "change": {"mailcore/changes.py", "customers/news.py"},
    "ledger": {"mailcore/ledger.py"},
    "subscription": {"billing/state.py", "billing/event_store.py", "billing/figures.py"},
    "stripe_event": {"billing/state.py", "billing/event_store.py"},
    "usage_letter": {"customers/usage_letters.py"},
    "usage_day": {"customers/usage_letters.py", "customers/staff.py", "mailcore/quota.py",
                  "mailcore/refusals.py", "mailcore/alias_lookup.py", "mailcore/service_days.py",
                  "customers/accounts.py"},
    "mta_sts_policy": {"mailcore/mta_sts_table.py"},
    "service_alert": {"mailcore/service_alerts.py"},
    "service_count": {"mailcore/service_counts.py"},
    "service_day": {"mailcore/service_days.py"},
    "support_grant": {"customers/support_grants.py"},
    "statement": {"customers/statements.py"},
    "canary": {"customers/canaries.py"},
    "authority_request": {"customers/authority_requests.py"},
    "srs_token": {"mailcore/return_tokens.py", "workers/upkeep.py"},
    "message": {"customers/plan_change.py", "mailcore/queue.py", "mailcore/settlement.py",
                "customers/cancellation.py",
                "customers/account_deletion.py",
                "mailcore/queue_claim.py", "mailcore/queue_admin.py", "customers/queue_owner.py",
                "mailcore/spool_sweep.py", "mailcore/spool_recovery.py", "mailcore/holdings.py"},
}  # fmt: skip
# These take out, or count, all that a tenant has, as that tenant: row-level security is their gate.
TAKES_OUT = {"customers/account_export.py", "customers/held.py"}
# Fills a database of its own, made a moment ago, to be measured.
FILLS = {"clearpost/bench/account.py"}
MODELS = {"Suppression": "suppression", "Domain": "domain", "Alias": "alias",
          "AliasDestination": "alias_destination", "Destination": "destination",
          "ApiKey": "api_key", "Person": "person",
          "Membership": "membership", "Invitation": "invitation", "AccountClaim": "account_claim",
          "BrowserSession": "browser_session", "Identity": "identity", "Passkey": "passkey",
          "PasskeyChallenge": "passkey_challenge", "SignInLink": "sign_in_link",
          "SupportGrant": "support_grant"}  # fmt: skip
# These name a model only as the type of what a gate handed them.
TYPES_ONLY = {
    "api/aliases.py", "api/claims.py", "api/destinations.py", "api/domains.py", "api/invitations.py",
    "api/keys.py", "api/me.py", "api/passkeys.py", "api/sign_in_flow.py", "api/support.py",
    "customers/granted_log.py",
    "api/test_message.py", "clearpost/account_commands.py", "clearpost/staff_commands.py",
}  # fmt: skip

# What may stand in a log line: ids, kinds, counts.
LOGGED = {
    "error", "kind", "where", "batch", "deliveries", "delivery", "message", "messages", "disk_full", "duty",
    "deleted", "index", "code", "ordered", "most", "wanted", "open_files", "request_id", "route", "status",
    "method", "account",
    "verb",  # of the SMTP command: one that we know
}  # fmt: skip
# Binary columns: what passkeys are made of, answers of the API sealed under the caller's own key, return
# addresses, hashed and sealed, what the log says, sealed, and keyed hashes to find it by.
BINARY_COLUMNS = {"credential_id", "public_key", "challenge", "answer", "id", "sealed", "alias", "alias_hash",
                  "untagged_hash", "sender_hash", "dmarc_hash"}  # fmt: skip
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "msg", "bind"}
PRINTS_FREELY = "clearpost/standins/"  # stand-ins of the local stack see nobody's mail but the demo's


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def method(call: ast.Call) -> tuple[str, str]:
    """(what it is called on, the method's name), for `x.y()`; ("", name) for `name()`."""
    if isinstance(call.func, ast.Attribute):
        return ast.unparse(call.func.value), call.func.attr
    return "", call.func.id if isinstance(call.func, ast.Name) else ""


def docstrings(tree: ast.Module) -> set[int]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }


def texts(path: Path) -> Iterator[str]:
    """Every string that is not a docstring."""
    tree = tree_of(path)
    documented = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.value


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_only_commit_is_in_database() -> None:
    found = {name_of(path) for path in SOURCE for call in calls(path) if method(call)[1] == "commit"}
    assert found == {"mailcore/database.py"}
    for path in SOURCE:
        says_so = any(re.search(r"^\s*commit\b", text, re.IGNORECASE) for text in texts(path))
        assert not says_so or name_of(path) == "mailcore/database.py", path


def test_only_the_clock_asks_the_time() -> None:
    found = set()
    for path in SOURCE:
        for call in calls(path):
            owner, name = method(call)
            if name in ASKS_THE_TIME and owner in ("time", "datetime", "date", "datetime.datetime"):
                found.add(name_of(path))
        found |= {name_of(path) for name in imports(path) if name.startswith("time.")}
    assert found <= CLOCKS.keys()


def test_tables_are_named_in_their_gates_only() -> None:
    pattern = re.compile(rf"\b(?:from|join|update|into|table)\s+({'|'.join(GATES)})\b", re.IGNORECASE)
    for path in SOURCE:
        for text in texts(path):
            for table in pattern.findall(text) if name_of(path) not in TAKES_OUT | FILLS else ():
                assert name_of(path) in GATES[table.lower()], f"{name_of(path)} names the table {table}"


def test_models_of_a_tenants_things_are_imported_in_their_gates_only() -> None:
    for path in SOURCE:
        for imported in imports(path):
            module, _, model = imported.rpartition(".")
            if module == "mailcore.models" and model in MODELS and name_of(path) not in TYPES_ONLY:
                assert name_of(path) in GATES[MODELS[model]], f"{name_of(path)} imports {model}"


def test_the_api_never_queries_by_itself() -> None:
    for path in SOURCE:
        if name_of(path).startswith("api/"):
            queries = {"select", "insert", "update", "delete", "text"}
            found = {name for name in imports(path) if name.rpartition(".")[2] in queries and "sql" in name}
            assert not found, name_of(path)


def test_receiver_and_delivery_never_meet() -> None:
    reached = {name: reachable(f"mailcore.{name}") for name in ("receiver", "delivery")}
    assert "mailcore.delivery" not in reached["receiver"]
    assert "mailcore.receiver" not in reached["delivery"]


def reachable(module: str) -> set[str]:
    """All modules of mailcore that this one imports, directly or not."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        path = ROOT / f"{waiting.pop().replace('.', '/')}.py"
        for imported in imports(path):
            for candidate in (imported, imported.rpartition(".")[0]):
                is_module = (
                    candidate.startswith("mailcore.")
                    and (ROOT / f"{candidate.replace('.', '/')}.py").exists()
                )
                if is_module and candidate not in seen:
                    seen.add(candidate)
                    waiting.append(candidate)
    return seen


def test_mailcore_stands_on_nothing_of_ours() -> None:
    for path in SOURCE:
        if name_of(path).startswith("mailcore/"):
            above = [
                name
                for name in imports(path)
                if name.split(".")[0] in {"api", "workers", "billing", "customers", "clearpost"}
            ]
            assert not above, name_of(path)


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    text = ast.get_docstring(tree_of(path)) or ""
    assert text.strip(), "no docstring"
    if path.parent.name in ("mailcore", "customers", "workers") and path.name != "__init__.py":
        assert re.search(r"must\s+(\w+,?\s+)?never|never", text, re.IGNORECASE), (
            "does not say what it must never do"
        )


def test_functions_are_short() -> None:
    for path in SOURCE:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, Function) and node.end_lineno:
                length = node.end_lineno - node.lineno + 1
                assert length <= 60, f"{name_of(path)}: {node.name} has {length} lines"


def test_tests_use_no_mock_library_and_patch_nothing() -> None:
    for path in TESTS:
        assert not [name for name in imports(path) if "mock" in name.lower() or name.endswith(".patch")], path
        patched = [method(call) for call in calls(path) if method(call) == ("monkeypatch", "setattr")]
        assert not patched, path


def test_log_lines_hold_ids_kinds_and_counts_only() -> None:
    for path in SOURCE:
        if name_of(path).startswith(PRINTS_FREELY):
            continue
        for call in calls(path):
            owner, name = method(call)
            if owner in ("log", "_log", "logger") and name in LOG_METHODS:
                keywords = {keyword.arg for keyword in call.keywords}
                assert keywords <= LOGGED, f"{name_of(path)} logs {keywords - LOGGED}"
                assert len(call.args) == 1, f"{name_of(path)}: an event's name and keywords, nothing else"
                assert isinstance(call.args[0], ast.Constant), f"{name_of(path)}: the event's name is fixed"


def test_the_path_of_a_message_never_prints() -> None:
    for path in SOURCE:
        if not name_of(path).startswith("clearpost/") and name_of(path) != "mailcore/settings/__main__.py":
            assert not [call for call in calls(path) if method(call) == ("", "print")], path


def test_no_column_can_hold_content() -> None:
    trees = [tree_of(path) for path in (ROOT / "mailcore/models").glob("*.py")]
    columns = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]
    names = {node.target.id for node in columns if isinstance(node.target, ast.Name)}
    assert not names & {"content", "body", "raw", "text", "html", "mime", "attachment", "payload"}
    assert not [name for name in names if name.endswith(("_body", "_content", "_raw"))]
    binary = {ast.unparse(node.target) for node in columns if "bytes" in ast.unparse(node.annotation)}
    assert binary == BINARY_COLUMNS


def test_env_example_lists_every_setting() -> None:
    """Written by `python -m mailcore.settings > .env.example`."""
    assert (ROOT / ".env.example").read_text().rstrip("\n") == example_env().rstrip("\n")
