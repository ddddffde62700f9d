"""All tables: the shape of what we keep. Small, countable, and without a column for content.

Must never gain a column that can hold a message body. Log text columns and spool ranges carry a
`key_id`: null means plain, a value names the key that seals the row.
"""

from sqlmodel import SQLModel

from mailcore.models.apps import OauthApp, OauthCode, OauthGrant, OauthToken
from mailcore.models.billing import StripeEvent, Subscription, UsageLetter
from mailcore.models.columns import Xid8
from mailcore.models.configuration import Alias, AliasDestination, Destination, Domain, Suppression
from mailcore.models.counts import Ledger, ServiceFigures, UsageDay
from mailcore.models.log import LogEvent, LogMessage, RefusedHour
from mailcore.models.machines import Node, Process
from mailcore.models.mail import (
    Delivery,
    Message,
    MtaStsPolicy,
    ProviderPause,
    ServiceAlert,
    SrsToken,
    Undelivered,
)
from mailcore.models.openness import (
    AuthorityRequest,
    Canary,
    ServiceCount,
    ServiceDay,
    Statement,
    SupportGrant,
)
from mailcore.models.people import BrowserSession, Identity, Passkey, PasskeyChallenge, SignInLink
from mailcore.models.tenants import (
    Account,
    AccountClaim,
    ApiKey,
    DeletedAccount,
    Invitation,
    Membership,
    Person,
)
from mailcore.models.trail import AuditEvent, Change, IdempotentAnswer, Letter, RequestLog

__all__ = [
    "Account", "AccountClaim", "Alias", "AliasDestination", "ApiKey", "AuditEvent", "AuthorityRequest",
    "BrowserSession", "Canary", "Change", "DeletedAccount", "Delivery", "Destination", "Domain",
    "IdempotentAnswer", "Identity", "Invitation", "Ledger", "Letter", "LogEvent", "LogMessage",
    "Membership", "Message", "MtaStsPolicy", "Node", "OauthApp", "OauthCode", "OauthGrant", "OauthToken",
    "Passkey", "PasskeyChallenge", "Person", "Process", "ProviderPause", "RefusedHour", "RequestLog",
    "SQLModel", "ServiceAlert", "ServiceCount", "ServiceDay", "ServiceFigures", "SignInLink", "SrsToken",
    "Statement", "StripeEvent", "Subscription", "SupportGrant", "Suppression", "Undelivered", "UsageDay",
    "UsageLetter", "Xid8",
]  # fmt: skip
