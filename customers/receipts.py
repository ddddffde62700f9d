"""The receipt of a deleted account: what we did, and by when the rest is gone, signed for its owner to keep.

Anybody checks it with our public key alone. Must never say of a row or a key more than upkeep does, nor that
no copy exists; nothing of it is kept here.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mailcore.attestation import Signed, Signer

# Upkeep needs minutes: mail that waits ends, rows go in batches, the account's keys with them.
GONE_WITHIN: Final = timedelta(hours=1)
_TOLD: Final = (
    "Mail for its domains is refused since deleted_at. By gone_by the rows that name the account, or people "
    "who belonged to it alone, are gone from the tables, and the key that its log was sealed under is "
    "destroyed: unreadable from then on, in backups too. What is not sealed (settings, addresses of people) "
    "stays in backups and in the database's write-ahead log until these are overwritten. "
    "Its bare id stays for {days} days, so that late results of its mail are found and deleted."
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """`name` as its owner knew it; `id_kept`: how long the bare id stays."""

    service: str
    account_id: UUID
    name: str
    at: datetime
    id_kept: timedelta


def of_deletion(signer: Signer, deletion: Deletion) -> Signed:
    """The text is JSON; what was signed is that text, to the byte (attestation.py)."""
    facts = {
        "receipt": "account deleted",
        "service": deletion.service,
        "account": str(deletion.account_id),
        "name": deletion.name,
        "deleted_at": deletion.at.isoformat(),
        "gone_by": (deletion.at + GONE_WITHIN).isoformat(),
        "means": _TOLD.format(days=deletion.id_kept.days),
    }
    return signer.sign("receipt", json.dumps(facts, ensure_ascii=False, indent=1))
