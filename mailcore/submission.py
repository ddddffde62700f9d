"""A complete message on its way into our care: who brought it, for whom, and its content.

Only values. Must never be kept longer than its acceptance: the content lives in the spool.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from mailcore.authenticity.verdicts import Verdicts
from mailcore.routing import Recipient
from mailcore.spool_seal import Buffer
from mailcore.spool_writer import LargeEntry
from mailcore.values import value


@value
class Client:
    """Who brought the message, as the policy allows to note it; `duration` is that of the SMTP
    transaction.
    """

    ip: str
    name: str
    helo: str
    server_ip: str
    duration: timedelta


@value
class Submission:
    """A complete message that passed every check. `content` is in memory, or streamed to disk already.

    `verdicts`: what was found out about its sender; None for mail of our own.
    """

    id: UUID
    origin: str
    reverse_path: str
    sender_authenticated: bool
    smtputf8: bool
    recipients: tuple[Recipient, ...]
    client: Client
    subject: str
    sender: str
    received_at: datetime
    content: "Sequence[Buffer] | LargeEntry"
    size: int
    verdicts: Verdicts | None = None


def envelope_of(s: Submission) -> dict[str, object]:
    """Enough to rebuild the rows of the message from its record."""
    return {
        "v": 1,
        "origin": s.origin,
        "reverse_path": s.reverse_path,
        "authenticated": s.sender_authenticated,
        "smtputf8": s.smtputf8,
        "received_at": s.received_at.isoformat(),
        "client_ip": s.client.ip,
        "authentication": s.verdicts and s.verdicts.as_json(),
        "recipients": [
            {
                "account": str(r.account_id),
                "domain": r.domain_id and str(r.domain_id),
                "alias": r.alias_id and str(r.alias_id),
                "address": r.alias_address,
                "lane": r.lane,
                "destinations": [str(d.id) if d.id else d.address for d in r.destinations],
            }
            for r in s.recipients
        ],
    }
