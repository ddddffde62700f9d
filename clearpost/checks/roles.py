"""The two roles that see one account, or figures only: there, ours to take on, and unable to see past the
walls between accounts. Must never write to the database.
"""

from typing import Final
from urllib.parse import unquote, urlsplit

from clearpost.checks.finding import Finding, fail, ok
from mailcore.database import Database

ROLES: Final = ("clearpost_api", "clearpost_staff")
_ROLES: Final = """
select rolname, rolsuper or rolbypassrls as is_free, pg_has_role(current_user, oid, 'member') as is_ours,
       quote_ident(current_user) as me
from pg_roles where rolname = any($1::text[])
"""
# Tables with a policy for a role, whose walls are down for their owner, or at all.
_OPEN: Final = """
select c.relname from pg_class c
where c.relnamespace = 'public'::regnamespace and exists (select from pg_policy p where p.polrelid = c.oid)
    and not (c.relrowsecurity and c.relforcerowsecurity)
order by c.relname
"""


def statements(user: str) -> list[str]:
    """What a superuser of the database runs once, before `clearpost migrate`."""
    made = [f"create role {role} nologin;" for role in ROLES]
    return [*made, f"grant {', '.join(ROLES)} to {user};"]


def user_of(url: str) -> str:
    """The user that a database URL names, quoted for SQL where it must be."""
    name = unquote(urlsplit(url).username or "clearpost")
    plain = name.isascii() and name.isidentifier() and name == name.lower()
    return name if plain else '"' + name.replace('"', '""') + '"'


async def check(database: Database) -> Finding:
    found = {row["rolname"]: row for row in await database.fetch(_ROLES, list(ROLES))}
    me = await database.value("select quote_ident(current_user)")
    for role in ROLES:
        row = found.get(role)
        if row is None:
            mend = f"as a superuser, run: create role {role} nologin; grant {role} to {me};"
            return fail("isolation", f"the role {role} is missing", mend)
        if row["is_free"]:
            mend = f"as a superuser, run: alter role {role} nosuperuser nobypassrls;"
            return fail("isolation", f"the role {role} sees past the walls between accounts", mend)
        if not row["is_ours"]:
            mend = f"as a superuser, run: grant {role} to {me};"
            return fail("isolation", f"the role {role} is not ours to take on", mend)
    if down := [row["relname"] for row in await database.fetch(_OPEN)]:
        mend = f"run: alter table {down[0]} enable row level security, force row level security;"
        return fail("isolation", f"row-level security is off for {', '.join(down)}", mend)
    return ok("isolation", "the API works as a role that sees one account only")
