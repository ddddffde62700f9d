"""Row-level security: the second wall around each tenant, behind the gates of the application.

The API works as `clearpost_api`, a role that may not bypass it, with the account set for each transaction: no
account set, no rows. A key that is limited to some domains sets those too, and sees nothing of the others.
Staff read as `clearpost_staff`: accounts, people, usage, the queue's figures; nothing of the log.
Whoever owns the tables (mail path, upkeep, migrations) passes by a policy of its own: FORCE binds it too.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ACCOUNT = "nullif(current_setting('clearpost.account', true), '')::uuid"
_DOMAINS = "nullif(current_setting('clearpost.domains', true), '')"
_OF_ACCOUNT = f"account_id = {_ACCOUNT}"
# Each table with the rows that are its tenant's.
_TENANT = {
    "account": f"id = {_ACCOUNT}",
    "person": f"exists (select from membership m where m.person_id = person.id and m.{_OF_ACCOUNT})",
    "alias_destination": f"exists (select from alias a where a.id = alias_id and a.{_OF_ACCOUNT})",
    **dict.fromkeys(
        ("membership", "invitation", "account_claim", "api_key", "oauth_app", "oauth_grant", "domain",
         "alias", "destination", "message", "delivery", "undelivered", "log_message", "log_event",
         "usage_day", "audit_event", "request_log", "change"),
        _OF_ACCOUNT,
    ),
    "idempotent_answer": f"owner_id = {_ACCOUNT}",
}  # fmt: skip
# What a new or changed row must fulfil beside: foreign keys look past these walls.
_WRITTEN = {
    "alias": "exists (select from domain d where d.id = domain_id)",
    "alias_destination": "exists (select from destination d where d.id = destination_id)",
}
# The owner belongs to clearpost_api, but a key's limits are not for the functions that run as the owner.
_UNLIMITED = f"current_user <> 'clearpost_api' or {_DOMAINS} is null"
# An account sees the apps that act for it, whoever registered them.
_ACTS_FOR = f"exists (select from oauth_grant g where g.app_id = oauth_app.id and g.{_OF_ACCOUNT})"
# Narrower still where a key is limited to some domains.
_LIMITED = {
    "domain": "id = any({}::uuid[])",
    "alias": "domain_id = any({}::uuid[])",
    "message": "domain_id = any({}::uuid[])",
    "log_message": "domain_id = any({}::uuid[])",
    "delivery": "exists (select from message m where m.id = message_id)",
    "log_event": (
        "exists (select from log_message l where l.received_at = log_event.received_at "
        "and l.id = log_event.message_id)"
    ),
}
# Written by such a key whatever it concerns, read where it names one of its domains.
_CHANGE = (
    "kind = 'domain' and subject_id = any({0}::uuid[]) or (data ->> 'domain_id')::uuid = any({0}::uuid[])"
)
# And what such a key never sees, since it concerns the whole account.
_WHOLE_ACCOUNT = (
    "person", "membership", "invitation", "account_claim", "api_key", "oauth_app", "oauth_grant",
    "undelivered", "audit_event", "request_log",
)  # fmt: skip
_APPEND_ONLY = ("audit_event", "request_log", "change")
# Written by the service: an account reads of them what is its own.
_READ_ONLY = ("person", "message", "undelivered", "log_message", "log_event", "usage_day")
# And what an account may change of a row that the service makes and ends. Never its plan, nor a lease.
_CHANGES = {
    "account": "name, policy_told_at, exported_at",
    "delivery": "next_attempt_at, cancelled, state",
}
_OTHERS = (
    "process", "node", "provider_pause", "srs_token", "refused_hour", "ledger", "suppression", "letter",
    "identity", "passkey", "passkey_challenge", "sign_in_link", "browser_session", "oauth_code",
    "oauth_token", "deleted_account", "service_figures",
)  # fmt: skip
_STAFF = {
    "account": "id, name, plan, policy_told_at, created_at, suspended_at, suspended_for, suspended_note",
    "membership": "id, account_id, person_id, role, created_at",
    "person": "id, email, name, staff_since, created_at",
    "domain": "id, account_id, name, created_at, verified_at, checked_at, failing_since, off_at",
    "usage_day": "account_id, day, forwarded, refused, bytes",
    "delivery": (
        "id, account_id, lane, origin, state, attempt, failures, next_attempt_at, "
        "provider, accepted_at, lease_owner"
    ),
    "provider_pause": "provider, until",
}
# And what they change: whether an account is suspended. Its owners get a letter, its open pages hear of it.
_SUSPENDED = "suspended_at, suspended_for, suspended_note"


def upgrade() -> None:
    for role in ("clearpost_api", "clearpost_staff"):
        _ensure_role(role)
        op.execute(f"grant usage on schema public to {role}")
    for table, rows in _TENANT.items():
        _enclose(table, rows)
    for table, rows in _LIMITED.items():
        among = f"{_UNLIMITED} or " + rows.format(_DOMAINS)
        op.execute(
            f"create policy only_its_domains on {table} as restrictive to clearpost_api using ({among})"
        )
    for table in _WHOLE_ACCOUNT:
        op.execute(
            f"create policy whole_account on {table} as restrictive for select to clearpost_api "
            f"using ({_UNLIMITED})"
        )
    op.execute(
        "create policy only_its_domains on change as restrictive for select to clearpost_api "
        f"using ({_UNLIMITED} or {_CHANGE.format(_DOMAINS)})"
    )
    op.execute(f"create policy acts_for on oauth_app for select to clearpost_api using ({_ACTS_FOR})")
    for table in _OTHERS:
        _close(table)
    # Addresses that lead back here are refused whoever serves their domain; that, and no more, is told.
    op.execute(
        "create function domain_is_served(wanted text) returns boolean stable security definer "
        "set search_path = public, pg_temp language sql "
        "return exists (select from domain where name = wanted and verified_at is not null)"
    )
    # The same for inboxes that asked to be left alone: whether, and neither since when nor by whom.
    op.execute(
        "create function address_is_suppressed(hash text) returns boolean stable security definer "
        "set search_path = public, pg_temp language sql "
        "return exists (select from suppression where address_hash = hash)"
    )
    # Aliases of the account whose mail signs somebody in. Persons of others are seen where DNS has shown that
    # the domain is the account's, and by no more than the address.
    op.execute(
        "create function sign_in_aliases() returns table (domain_id uuid, local_part text) stable "
        "security definer set search_path = public, pg_temp language sql as $$ "
        "select d.id, split_part(p.email, '@', 1) from domain d "
        "join person p on split_part(p.email, '@', 2) = d.name "
        f"where d.{_OF_ACCOUNT} and (d.verified_at is not null or exists "
        "(select from membership m where m.person_id = p.id and m.account_id = d.account_id)) $$"
    )
    for function in ("domain_is_served(text)", "address_is_suppressed(text)", "sign_in_aliases()"):
        op.execute(f"revoke execute on function {function} from public")
        op.execute(f"grant execute on function {function} to clearpost_api")
    op.execute(f"create policy post on letter for insert to clearpost_api with check ({_OF_ACCOUNT})")
    op.execute("grant insert on letter to clearpost_api")
    for table, columns in _STAFF.items():
        op.execute(f"create policy staff on {table} for select to clearpost_staff using (true)")
        op.execute(f"grant select ({columns}) on {table} to clearpost_staff")
    op.execute("create policy staff_suspends on account for update to clearpost_staff using (true)")
    op.execute(f"grant update ({_SUSPENDED}) on account to clearpost_staff")
    of_suspension = "kind in ('account-suspended', 'account-resumed')"
    op.execute(
        f"create policy staff_posts on letter for insert to clearpost_staff with check ({of_suspension})"
    )
    op.execute("grant insert on letter to clearpost_staff")
    op.execute(
        "create policy staff_notes on change for insert to clearpost_staff with check (kind = 'account')"
    )
    op.execute("grant insert on change to clearpost_staff")
    # What staff look at is written into the log of its account. They read the service's own log only.
    op.execute(
        "create policy staff_writes on audit_event for insert to clearpost_staff "
        "with check (actor_kind = 'staff')"
    )
    op.execute(
        "create policy staff_reads on audit_event for select to clearpost_staff using (account_id is null)"
    )
    op.execute("grant select, insert on audit_event to clearpost_staff")


def _ensure_role(role: str) -> None:
    """Made where we may; else one line says what somebody who may has to run."""
    op.execute(f"""
        do $$ begin
            if not exists (select from pg_roles where rolname = '{role}') then
                create role {role} nologin;
            end if;
            if not pg_has_role(current_user, '{role}', 'member') then
                execute format('grant {role} to %I', current_user);
            end if;
        exception when insufficient_privilege then
            raise exception 'as a superuser, run: create role {role} nologin; grant {role} to %;',
                current_user;
        end $$
    """)


def _enclose(table: str, rows: str) -> None:
    _close(table)
    written = f" with check (({rows}) and {_WRITTEN[table]})" if table in _WRITTEN else ""
    op.execute(f"create policy tenant on {table} to clearpost_api using ({rows}){written}")
    op.execute(f"grant {_rights(table)} on {table} to clearpost_api")


def _rights(table: str) -> str:
    if table in _CHANGES:
        return f"select, update ({_CHANGES[table]})"
    if table in _READ_ONLY:
        return "select"
    return "select, insert" if table in _APPEND_ONLY else "select, insert, update, delete"


def _close(table: str) -> None:
    """Nobody passes but by a policy; the owner has one."""
    op.execute(f"alter table {table} enable row level security, force row level security")
    op.execute(f"create policy owner on {table} to current_user using (true) with check (true)")


def downgrade() -> None:
    raise NotImplementedError("migrations go one way: restore a backup")
