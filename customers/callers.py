"""Who asks, and what they may: scopes in words, roles of people, and the caller of one request.

Must never decide whose a thing is: that is the gate's (accounts.py) and the database's.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from mailcore.database import Tenant


class Scope(StrEnum):
    """What a key or an app may do. `write` does not hold `read`."""

    DOMAINS_READ = "domains:read"
    DOMAINS_WRITE = "domains:write"
    ALIASES_READ = "aliases:read"
    ALIASES_WRITE = "aliases:write"
    LOGS_READ = "logs:read"
    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"
    BILLING_READ = "billing:read"
    BILLING_WRITE = "billing:write"


class Role(StrEnum):
    """What a person may do in an account."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


# In the words of a consent page: "This app may ...".
IN_WORDS: Final[dict[Scope, str]] = {
    Scope.DOMAINS_READ: "see your domains and their DNS",
    Scope.DOMAINS_WRITE: "add, change and delete domains",
    Scope.ALIASES_READ: "see your aliases and where they forward to",
    Scope.ALIASES_WRITE: "create, change and delete aliases and destinations",
    Scope.LOGS_READ: "read the 7-day log and what waits: senders, subjects, servers; never content",
    Scope.ACCOUNT_READ: "see your account, its members, keys and audit log",
    Scope.ACCOUNT_WRITE: "change your account, its members and keys",
    Scope.BILLING_READ: "see your plan and invoices",
    Scope.BILLING_WRITE: "change your plan",
}
ALL: Final = frozenset(Scope)
_READS: Final = frozenset(scope for scope in Scope if scope.endswith(":read"))
# The owner alone may transfer or delete the account: that is asked of the role, not of a scope.
OF_ROLE: Final[dict[Role, frozenset[Scope]]] = {
    Role.OWNER: ALL,
    Role.ADMIN: ALL - {Scope.BILLING_WRITE},
    Role.MEMBER: (_READS - {Scope.BILLING_READ}) | {Scope.ALIASES_WRITE, Scope.DOMAINS_WRITE},
    Role.VIEWER: _READS - {Scope.BILLING_READ},
}

Kind = Literal["key", "app", "person", "staff", "service"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: by `kind` a key, an app's grant or a person (`actor_id`), for an account.

    `name` is how the audit log shows them. `role` and `person_id` are set for people in their browser only;
    `session_id` names that browser's session. `domain_ids`: the only domains a key may touch, None for all;
    `ends_at`: when a key ends by itself, None for never. `is_suspended`: their account is; it reads only.
    """

    account_id: UUID
    kind: Kind
    actor_id: UUID
    name: str
    scopes: frozenset[Scope] = field(default=ALL)
    domain_ids: frozenset[UUID] | None = None
    role: Role | None = None
    person_id: UUID | None = None
    session_id: UUID | None = None
    ends_at: datetime | None = None
    is_suspended: bool = False

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.account_id, self.domain_ids)
