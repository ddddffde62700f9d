"""Nobody but a grant opens a log to staff: rules for whoever writes the next page or query for them.

Routes are asked of the application itself, rows of the database by its role: a new one is tried by itself.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi.routing import iter_route_contexts

from mailcore.database import Granted
from mailcore.database import Tenant as Walled
from mailcore.event_log import LoggedMessage, ensure_partitions
from mailcore.log_reader import LogFilter
from mailcore.plans import Plan
from tests.support.api import Tenant, World
from tests.support.logged import write
from tests.support.on_staff import staff_browser
from tests.support.services import ROOT

SOURCE = [
    p for top in ("api", "customers", "workers", "billing", "clearpost") for p in (ROOT / top).rglob("*.py")
]
# Files that hold a reader of the log, each with its reason. Of staff there is one, and it gives it away.
HOLDS_A_READER = {
    "api/runtime.py": "makes the one of this process",
    "api/logs.py": "reads as the caller",
    "api/log_export.py": "reads as the caller",
    "api/log_figures.py": "reads as the caller",
    "api/leaving.py": "reads as the caller",
    "customers/account_export.py": "all that is the caller's",
    "clearpost/queue_commands.py": "codes and times of what waits, on the server itself",
    "api/staff_log.py": "hands it to granted_log.py, where a grant is asked for",
    "customers/granted_log.py": "under a live grant",
}
# Files that say whose rows a transaction sees.
NAMES_A_TENANT = {
    "customers/callers.py": "of the caller, by what they showed",
    "clearpost/queue_commands.py": "codes and times of what waits, on the server itself",
}
# Files that open sealed rows, each with its reason. Of staff there is none: they get what a reader gives.
OPENS_ROWS = {
    "mailcore/log_reader.py": "the reader",
    "mailcore/log_rows.py": "how one is opened",
    "mailcore/log_seal.py": "how one is sealed",
    "customers/news.py": "live events of the account that listens",
    "customers/queue_owner.py": "what waits, for its owner",
    "mailcore/undelivered_counts.py": "the notice to the account's own people",
}
# What no file that works as staff may import: they open rows, or hold keys.
OPENERS = (
    "log_rows",
    "log_seal",
    "log_keys",
    "log_key_files",
    "news",
    "event_feed",
    "queue_owner",
    "undelivered",
)
TABLES = ("log_message", "log_event")
SUBJECT, SENDER = "Quarterly-figures-7c1", "ada-7c1@sender.example"


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str


def staff_routes(world: World) -> list[Route]:
    """All that staff may ask, but for their own signing in and out."""
    found = [
        Route(method, str(route.path))
        for route in iter_route_contexts(world.app.routes)
        for method in sorted(getattr(route, "methods", None) or ())
        if str(route.path).startswith("/staff/v1/") and "/session" not in str(route.path)
    ]
    assert len(found) >= 9
    return found


@dataclass(frozen=True, slots=True)
class Scene:
    """An account with a message at each of two domains, and staff who want to see them."""

    world: World
    tenant: Tenant
    sam: httpx.AsyncClient
    domains: list[str]
    messages: list[LoggedMessage]

    def ids(self, message: LoggedMessage) -> dict[str, str]:
        return {"account_id": str(self.tenant.id), "message_id": str(message.id)}

    async def answers(self, grant_id: str | None = None) -> list[tuple[Route, httpx.Response]]:
        """Of every route, for both messages; with whatever it may be asked by."""
        found = []
        queries: list[dict[str, str]] = [{"q": "one"}, {"q": "shop"}, {"domain_id": self.domains[1]}]
        queries += [{"grant_id": grant_id}] if grant_id else []
        for route in staff_routes(self.world):
            for message in self.messages:
                ids = self.ids(message)
                path = route.path
                for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
                    path = path.replace(f"{{{name}}}", ids.get(name, ids["message_id"]))
                for query in queries:
                    body: object = None if route.method == "GET" else {}
                    answer = await self.sam.request(route.method, path, params=query, json=body)
                    assert answer.status_code < 500, (route, answer.text)
                    found.append((route, answer))
        return found

    def tells(self, answer: httpx.Response, number: int) -> bool:
        """Whether it holds anything of that message."""
        return any(f"{word}-{number}" in answer.text for word in (SUBJECT, SENDER, "secret-alias"))

    async def let(self, *domain_ids: str) -> str:
        body = {"reason": "Please look", "domain_ids": list(domain_ids) or None, "hours": 1}
        return str((await self.tenant.http.post("/v1/support/requests", json=body)).json()["id"])


@pytest.fixture
async def scene(world: World) -> Scene:
    retention = world.runtime.settings.log_retention
    await ensure_partitions(world.runtime.database, world.clock.now(), retention)
    tenant = await world.tenant(plan=Plan.BUSINESS)
    domains, messages = [], []
    for number, name in enumerate(("shop.test", "other.test")):
        domains.append((await tenant.claim(name))["id"])
        message = await write(
            world,
            tenant,
            alias=f"secret-alias-{number}@{name}",
            subject=f"{SUBJECT}-{number}",
            sender=f"Ada <{SENDER}-{number}>",
            domain_id=UUID(domains[-1]),
        )
        messages.append(message)
    return Scene(world, tenant, await staff_browser(world), domains, messages)


async def test_every_staff_route_is_closed_to_everybody_else(scene: Scene) -> None:
    person = await scene.world.person(scene.tenant)
    for route in staff_routes(scene.world):
        path = route.path.format_map(scene.ids(scene.messages[0]) | dict.fromkeys(("number", "name"), "1"))
        for http in (scene.world.anonymous, scene.tenant.http, person.http):
            body: object = None if route.method == "GET" else {}
            answer = await http.request(route.method, path, json=body)
            assert answer.status_code in (401, 403), (route, answer.text)


@pytest.mark.parametrize("state", ["never", "revoked", "expired", "another's"])
async def test_no_staff_route_tells_anything_of_a_log_without_a_live_grant(scene: Scene, state: str) -> None:
    grant_id = None if state == "never" else await scene.let()
    if state == "revoked":
        await scene.tenant.http.delete(f"/v1/support/requests/{grant_id}")
    if state == "expired":
        scene.world.clock.step(timedelta(hours=1))
    if state == "another's":
        await scene.tenant.http.delete(f"/v1/support/requests/{grant_id}")
        other = await scene.world.tenant("other")
        body = {"reason": "Please look", "hours": 1}
        grant_id = (await other.http.post("/v1/support/requests", json=body)).json()["id"]
    for route, answer in await scene.answers(grant_id):
        assert not scene.tells(answer, 0), route
        assert not scene.tells(answer, 1), route


async def test_what_a_staff_route_tells_of_a_log_is_covered_and_stands_in_the_audit_log(scene: Scene) -> None:
    grant_id = await scene.let(scene.domains[0])
    telling = set()
    for route, answer in await scene.answers(grant_id):
        assert not scene.tells(answer, 1), (route, "another domain than the granted one")
        if scene.tells(answer, 0):
            telling.add(route)
            lines = await scene.world.runtime.database.fetch(
                "select detail::text as detail from audit_event where account_id = $1 and request_id = $2 "
                "and action = 'support.viewed' and subject_id = $3",
                *(scene.tenant.id, answer.headers["x-request-id"], UUID(grant_id)),
            )
            assert len(lines) == 1, (route, "shown, and told to nobody")
            assert str(scene.messages[0].id) in lines[0]["detail"], route
    assert len(telling) == 2, "the list and the message"


# --- the wall of the database ---


async def seen(world: World, walled: Walled) -> tuple[int, int]:
    async with world.runtime.database.transaction(tenant=walled) as tx:
        counts = [await tx.value(f"select count(*) from {table}") for table in TABLES]
    return counts[0], counts[1]


async def test_the_database_gives_staff_no_row_that_no_live_grant_covers(scene: Scene) -> None:
    world, tenant = scene.world, scene.tenant
    forged = Granted(tenant.id)  # as somebody would make it who forgot to ask
    assert await seen(world, forged) == (0, 0)
    assert (await world.runtime.reader.messages(forged, LogFilter(), None, 10)).rows == []
    one = await scene.let(scene.domains[0])
    assert await seen(world, forged) == (1, 3)
    assert await seen(world, Granted((await world.tenant("other")).id)) == (0, 0)
    await scene.let()
    assert await seen(world, forged) == (2, 6)
    async with world.runtime.database.transaction(tenant=forged) as tx:
        rows = [row for table in TABLES for row in await tx.fetch(f"select t::text, t.sealed from {table} t")]
    assert all(row["sealed"] for row in rows)
    assert not [row for row in rows if SUBJECT in str(tuple(row)) or SENDER in str(tuple(row))], "cipher only"
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update support_grant set revoked_at = now() where id = $1", UUID(one))
        await tx.execute(
            "update support_grant set opened_at = now() - interval '2 hours', "
            "expires_at = now() - interval '1 second' where id <> $1",
            UUID(one),
        )
    assert await seen(world, forged) == (0, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "update support_grant set expires_at = expires_at + interval '1 day'",
        "update support_grant set domain_ids = null",
        "update support_grant set opened_at = now()",
        "delete from support_grant",
    ],
)
async def test_not_even_an_account_makes_a_grant_longer_wider_or_unsaid(scene: Scene, statement: str) -> None:
    await scene.let(scene.domains[0])
    for walled in (Walled(scene.tenant.id), Granted(scene.tenant.id)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with scene.world.runtime.database.transaction(tenant=walled) as tx:
                await tx.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into support_grant (id, account_id, opened_by, reason, expires_at) "
        "values (gen_random_uuid(), '{account}', 'me', 'r', now() + interval '1 day')",
        "update support_grant set revoked_at = null",
        "delete from audit_event",
        "update audit_event set action = 'nothing'",
        "update log_message set received_at = now()",
        "delete from log_message",
        "insert into service_count (name, count) values ('hour keys destroyed', 1)",
        "insert into change (account_id, kind, data) values ('{account}', 'plan', '{{}}')",
    ],
)
async def test_staff_neither_open_a_grant_nor_unsay_a_look(scene: Scene, statement: str) -> None:
    await scene.let()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with scene.world.runtime.database.transaction(tenant=Granted(scene.tenant.id)) as tx:
            await tx.execute(statement.format(account=scene.tenant.id))


# --- the rules of the source ---


def files_that(uses: Callable[[ast.AST], bool]) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in SOURCE
        if any(uses(node) for node in ast.walk(ast.parse(path.read_text())))
    }


def is_made(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names


def test_a_reader_of_the_log_is_held_in_named_files_only() -> None:
    def holds(node: ast.AST) -> bool:
        is_one = isinstance(node, ast.Name) and node.id == "LogReader"
        return is_one or (isinstance(node, ast.Attribute) and ast.unparse(node).endswith("runtime.reader"))

    assert files_that(holds) == HOLDS_A_READER.keys()


def imported(path: Path) -> set[str]:
    """Modules and names, by their last word."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.rpartition(".")[2] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").rpartition(".")[2], *(alias.name for alias in node.names)}
    return found


def test_sealed_rows_are_opened_in_named_files_only() -> None:
    opening = {
        path.relative_to(ROOT).as_posix()
        for path in [*SOURCE, *(ROOT / "mailcore").rglob("*.py")]
        if imported(path) & {"log_rows", "unseal"} or path.name == "log_seal.py"
    }
    assert opening == OPENS_ROWS.keys()


def test_no_file_that_works_as_staff_can_open_a_row_by_itself() -> None:
    staff = {path for path in SOURCE if imported(path) & {"Staff", "StaffSession", "StaffDoer", "StaffMe"}}
    staff |= {path for path in SOURCE if '"/staff/v1' in path.read_text()}
    assert {path.name for path in staff} >= {"staff.py", "staff_log.py", "granted_log.py"}
    for path in staff:
        assert not imported(path) & set(OPENERS), path
        assert "log_keys" not in path.read_text(), path


def test_staff_are_let_into_a_log_in_one_place_only() -> None:
    assert files_that(lambda node: is_made(node, "Granted")) == {"customers/granted_log.py"}
    tree = ast.parse((ROOT / "customers/granted_log.py").read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    makers = [
        each.name for each in functions if any(is_made(node, "Granted", "_Opened") for node in ast.walk(each))
    ]
    assert makers == ["_unlock"]


def test_whose_rows_a_transaction_sees_is_said_in_named_files_only() -> None:
    assert files_that(lambda node: is_made(node, "Tenant")) == NAMES_A_TENANT.keys()
