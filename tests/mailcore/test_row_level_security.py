"""With every filter of the application gone, the database still shows an account its own rows only."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Table

from mailcore.clock import Clock
from mailcore.database import Database, Tenant
from mailcore.event_log import ensure_partitions
from mailcore.settings import Settings
from tests.support.rows import TABLES, belonging_to_accounts, fill, insert, made_up
from tests.support.services import ROOT

CLOCK = Clock()
OF_ACCOUNTS = belonging_to_accounts()
# No tenant's, though they may name an account; the API works on these as the service, in files that say why.
OF_THE_SERVICE = {
    "letter", "process", "node", "provider_pause", "srs_token", "refused_hour", "ledger", "suppression",
    "identity", "passkey", "passkey_challenge", "sign_in_link", "browser_session", "oauth_code",
    "oauth_token", "deleted_account", "stripe_event", "usage_letter", "service_figures",
    "mta_sts_policy", "service_alert", "statement", "canary", "authority_request", "service_count",
    "service_day",
}  # fmt: skip
# A tenant's by what they belong to, or by a column that may name a person as well.
INDIRECT = {"account", "person", "alias_destination", "idempotent_answer"}
EVERYTHING = {"SELECT", "INSERT", "UPDATE", "DELETE"}
APPEND, READ = {"SELECT", "INSERT"}, {"SELECT"}
# What the API may do with whole rows of each table; and with which columns beside, where not with all.
RIGHTS: dict[str, set[str]] = {
    **dict.fromkeys(
        ("membership", "invitation", "account_claim", "api_key", "oauth_app", "oauth_grant", "domain",
         "alias", "alias_destination", "destination", "idempotent_answer"),
        EVERYTHING,
    ),
    **dict.fromkeys(("audit_event", "request_log", "change"), APPEND),
    **dict.fromkeys(
        ("account", "person", "subscription", "message", "delivery", "undelivered", "log_message",
         "log_event", "usage_day"),
        READ,
    ),
    "support_grant": APPEND,
    "letter": {"INSERT"},  # mail may be asked for, never read
}  # fmt: skip
CHANGED_COLUMNS = {
    "account": {"name", "policy_told_at", "exported_at"},
    "delivery": {"next_attempt_at", "cancelled", "state"},
    "support_grant": {"revoked_at"},
}
UNCHANGED = {table for table, rights in RIGHTS.items() if "UPDATE" not in rights}
TENANTS = [table for table in OF_ACCOUNTS if table.name not in OF_THE_SERVICE]
NOT_ALLOWED = asyncpg.InsufficientPrivilegeError


@dataclass(frozen=True)
class Owned:
    """An account with one row in every table, and the ids of them."""

    parents: dict[str, UUID]

    @property
    def id(self) -> UUID:
        return self.parents["account"]


async def filled(database: Database) -> Owned:
    return Owned(await fill(database, CLOCK))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, size=2)
    await ensure_partitions(opened, CLOCK.now(), Settings().log_retention)
    yield opened
    await opened.close()


@pytest.fixture
async def ours(database: Database) -> Owned:
    return await filled(database)


@pytest.fixture
async def theirs(database: Database, ours: Owned) -> Owned:
    return await filled(database)


async def count(database: Database, table: str, tenant: Tenant) -> int:
    async with database.transaction(tenant=tenant) as tx:
        return int(await tx.value(f"select count(*) from {table}"))


async def attempt(database: Database, tenant: Tenant, statement: str, *arguments: Any) -> str:
    async with database.transaction(tenant=tenant) as tx:
        return await tx.execute(statement, *arguments)


async def test_an_account_sees_one_row_of_each_table_and_it_is_its_own(
    database: Database, ours: Owned, theirs: Owned
) -> None:
    for table in TENANTS:
        async with database.transaction(tenant=Tenant(ours.id)) as tx:
            seen = await tx.fetch(f"select account_id from {table.name}")
        assert [row["account_id"] for row in seen] == [ours.id], table.name
    for name in INDIRECT:
        assert await count(database, name, Tenant(ours.id)) == 1, name
        assert await database.value(f"select count(*) from {name}") == 2, "the service sees both"


async def test_without_an_account_there_are_no_rows(database: Database, ours: Owned) -> None:
    for name in (*INDIRECT, *(table.name for table in TENANTS)):
        async with database.transaction() as tx:
            await tx.execute("set local role clearpost_api")
            assert await tx.value(f"select count(*) from {name}") == 0, name
        assert await count(database, name, Tenant(CLOCK.new_id())) == 0, name


async def test_the_account_ends_with_its_transaction(database_url: str, ours: Owned) -> None:
    database = await Database.open(database_url, size=1)  # the same connection again
    assert await count(database, "domain", Tenant(ours.id)) == 1
    async with database.transaction() as tx:
        assert await tx.value("select current_user") != "clearpost_api"
        assert not await tx.value("select current_setting('clearpost.account', true)")
    await database.close()


async def test_nobodys_rows_are_changed_or_deleted_but_ones_own(
    database: Database, ours: Owned, theirs: Owned
) -> None:
    me = Tenant(ours.id)
    for table in TENANTS:
        if table.name in UNCHANGED:
            continue
        touched = f"update {table.name} set account_id = account_id where account_id = $1"
        assert await attempt(database, me, touched, theirs.id) == "UPDATE 0", table.name
        gone = f"delete from {table.name} where account_id = $1"
        assert await attempt(database, me, gone, theirs.id) == "DELETE 0", table.name
    named = "update account set name = 'x' where id = $1"
    assert await attempt(database, me, named, theirs.id) == "UPDATE 0"
    due = "update delivery set next_attempt_at = now() where account_id = $1"
    assert await attempt(database, me, due, theirs.id) == "UPDATE 0"
    answered = "delete from idempotent_answer where owner_id = $1"
    assert await attempt(database, me, answered, theirs.id) == "DELETE 0"
    linked = "delete from alias_destination where alias_id = $1"
    assert await attempt(database, me, linked, theirs.parents["alias"]) == "DELETE 0"
    for table in TENANTS:
        assert await database.value(f"select count(*) from {table.name}") == 2, table.name


async def test_no_row_is_given_to_another_account(database: Database, ours: Owned, theirs: Owned) -> None:
    for table in TENANTS:
        statement, arguments = insert(table, made_up(table, theirs.parents, CLOCK))
        with pytest.raises(NOT_ALLOWED):
            await attempt(database, Tenant(ours.id), statement, *arguments)
        if table.name not in UNCHANGED:
            given = f"update {table.name} set account_id = $1"
            with pytest.raises(NOT_ALLOWED):
                await attempt(database, Tenant(ours.id), given, theirs.id)


async def test_no_row_of_ones_own_leads_to_anothers_domain_or_inbox(
    database: Database, ours: Owned, theirs: Owned
) -> None:
    me, mine, foreign = Tenant(ours.id), ours.parents, theirs.parents
    moved = [
        ("update alias set domain_id = $1", foreign["domain"]),
        ("update alias_destination set destination_id = $1", foreign["destination"]),
        ("update alias_destination set alias_id = $1", foreign["alias"]),
        ("insert into alias_destination (alias_id, destination_id) values ($2, $1)", foreign["destination"]),
    ]
    for statement, identifier in moved:
        extra = [mine["alias"]] if "$2" in statement else []
        with pytest.raises(NOT_ALLOWED):
            await attempt(database, me, statement, identifier, *extra)


async def test_no_letter_is_posted_in_the_name_of_another_account(
    database: Database, ours: Owned, theirs: Owned
) -> None:
    post = "insert into letter (id, account_id, kind, to_address) values ($1, $2, 'usage', 'a@inbox.test')"
    for account_id in (theirs.id, None):
        with pytest.raises(NOT_ALLOWED):
            await attempt(database, Tenant(ours.id), post, CLOCK.new_id(), account_id)
    assert await attempt(database, Tenant(ours.id), post, CLOCK.new_id(), ours.id) == "INSERT 0 1"


@pytest.mark.parametrize("table", sorted(UNCHANGED))
async def test_what_was_written_down_is_neither_changed_nor_deleted(
    database: Database, ours: Owned, table: str
) -> None:
    columns = next(each for each in TABLES if each.name == table).columns.keys()
    column = [name for name in columns if name not in CHANGED_COLUMNS.get(table, ())][-1]
    changed = f"update {table} set {column} = default"
    for statement in (changed, f"delete from {table}", f"truncate {table}"):
        with pytest.raises(NOT_ALLOWED):
            await attempt(database, Tenant(ours.id), statement)


async def test_an_account_sees_the_apps_that_act_for_it_and_changes_its_own_only(
    database: Database, ours: Owned, theirs: Owned
) -> None:
    async with database.transaction() as tx:
        await tx.execute("update oauth_grant set app_id = $1", theirs.parents["oauth_app"])
    assert await count(database, "oauth_app", Tenant(ours.id)) == 2
    for statement in ("update oauth_app set name = 'x'", "delete from oauth_app"):
        assert (await attempt(database, Tenant(ours.id), statement)).endswith(" 1")
    assert await database.value("select name from oauth_app") != "x"


# --- a key that is limited to some domains ---

OF_A_DOMAIN = ("domain", "alias", "alias_destination", "message", "delivery", "log_message", "log_event")
OF_THE_ACCOUNT = (
    "person", "membership", "invitation", "account_claim", "api_key", "oauth_app", "oauth_grant",
    "undelivered", "audit_event", "request_log", "change", "support_grant",
)  # fmt: skip


async def test_a_limited_key_sees_its_domains_only_and_nothing_of_the_account(
    database: Database, ours: Owned
) -> None:
    async with database.transaction() as tx:
        for table in ("message", "log_message"):  # what a domain's log holds says so
            await tx.execute(f"update {table} set domain_id = $1", ours.parents["domain"])
        await tx.execute("update delivery set message_id = (select id from message)")
        await tx.execute(
            "update log_event set (message_id, received_at) = (select id, received_at from log_message)"
        )
    within = Tenant(ours.id, frozenset({ours.parents["domain"]}))
    without = Tenant(ours.id, frozenset({CLOCK.new_id()}))
    for name in OF_A_DOMAIN:
        assert await count(database, name, within) == 1, name
        assert await count(database, name, without) == 0, name
    for name in OF_THE_ACCOUNT:
        assert await count(database, name, within) == 0, name


async def test_a_limited_key_hears_of_changes_to_its_domains_only(database: Database, ours: Owned) -> None:
    domain = ours.parents["domain"]
    async with database.transaction() as tx:
        await tx.execute("insert into change (account_id, kind, subject_id) values ($1, 'domain', $2)",
                         ours.id, domain)  # fmt: skip
        await tx.execute("insert into change (account_id, kind, data) values ($1, 'alias', $2::text::jsonb)",
                         ours.id, f'{{"domain_id": "{domain}"}}')  # fmt: skip
    assert await count(database, "change", Tenant(ours.id, frozenset({domain}))) == 2
    assert await count(database, "change", Tenant(ours.id, frozenset({CLOCK.new_id()}))) == 0
    assert await count(database, "change", Tenant(ours.id)) == 3


async def test_a_limited_key_claims_no_domain(database: Database, ours: Owned) -> None:
    domain = next(table for table in TABLES if table.name == "domain")
    statement, arguments = insert(domain, made_up(domain, ours.parents, CLOCK))
    with pytest.raises(NOT_ALLOWED):
        await attempt(database, Tenant(ours.id, frozenset({ours.parents["domain"]})), statement, *arguments)


# --- what the walls are made of ---


def test_every_table_is_a_tenants_or_the_services() -> None:
    every = {table.name for table in TABLES}
    assert every == {table.name for table in TENANTS} | INDIRECT | OF_THE_SERVICE | {"usage_day"}


@pytest.mark.parametrize("table", TABLES, ids=str)
async def test_every_table_is_walled_for_its_owner_too(database: Database, table: Table) -> None:
    walls = await database.row(
        "select relrowsecurity, relforcerowsecurity, "
        "(select count(*) from pg_policy where polrelid = c.oid and polpermissive "
        " and 'clearpost_api'::regrole = any(polroles)) as tenant, "
        "(select array_agg(privilege_type::text) from information_schema.role_table_grants "
        " where table_name = c.relname and grantee = 'clearpost_api') as rights, "
        "(select array_agg(acl.privilege_type || ' ' || attname) from pg_attribute, aclexplode(attacl) acl "
        " where attrelid = c.oid and acl.grantee = 'clearpost_api'::regrole) as columns "
        "from pg_class c where oid = $1::text::regclass",
        table.name,
    )
    rights, changed = RIGHTS.get(table.name, set()), CHANGED_COLUMNS.get(table.name, set())
    assert walls["relrowsecurity"]
    assert walls["relforcerowsecurity"]
    assert set(walls["rights"] or ()) == rights
    assert set(walls["columns"] or ()) == {f"UPDATE {column}" for column in changed}
    assert (walls["tenant"] > 0) == bool(rights)


@pytest.mark.parametrize("function", ["domain_is_served(text)", "address_is_suppressed(text)"])
async def test_what_looks_behind_the_walls_is_for_the_api_alone(database: Database, function: str) -> None:
    may = "select has_function_privilege($1, $2, 'execute')"
    assert await database.value(may, "clearpost_api", function)
    assert not await database.value(may, "clearpost_staff", function)


@pytest.mark.parametrize("role", ["clearpost_api", "clearpost_staff"])
async def test_the_roles_may_bypass_nothing(database: Database, role: str) -> None:
    row = await database.row("select * from pg_roles where rolname = $1", role)
    may = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication")
    assert not [name for name in may if row[name]]
    owner = await database.value("select current_user")
    assert owner != role
    member = "select pg_has_role($1, $2, 'member')"
    assert not await database.value(member, role, owner), "it cannot become the owner"


async def test_partitions_of_the_log_give_nothing_away_by_their_own_names(
    database: Database, ours: Owned
) -> None:
    names = await database.fetch(
        "select oid::regclass::text as name from pg_class where relispartition and relkind = 'r'"
    )
    partitions = [row["name"] for row in names if re.match("log_", row["name"])]
    assert partitions
    for name in partitions:
        with pytest.raises(NOT_ALLOWED):
            await count(database, name, Tenant(ours.id))


def test_the_migration_names_no_table_that_is_gone() -> None:
    text = (ROOT / "alembic/versions/0003_row_level_security.py").read_text()
    lists = re.findall(r"^_\w+ = .*?^[)}]", text, re.MULTILINE | re.DOTALL)
    named = {name for part in lists for name in re.findall(r'"([a-z]+(?:_[a-z]+)*)"', part)}
    assert named <= {table.name for table in TABLES}
