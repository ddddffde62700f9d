"""A delivery as one that was leased, for what looks at it alone. Must never be in a database."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from mailcore.plans import Lane
from mailcore.queue import Claimed, Lease
from mailcore.spool_record import Location

ALIAS = UUID("0192f0c1-2345-7890-8abc-def012345678")


def claimed(**changes: Any) -> Claimed:
    """Its first attempt, of mail for hello@shop.test."""
    of = Claimed(
        id=uuid4(),
        lease=Lease(uuid4(), uuid4()),
        message_id=uuid4(),
        account_id=uuid4(),
        alias_id=ALIAS,
        alias_number=1,
        alias_address="hello@shop.test",
        destination_id=None,
        address="you@inbox.test",
        lane=Lane.STANDARD,
        origin="smtp",
        attempt=1,
        failures=0,
        accepted_at=datetime.now(UTC),
        no_domain_since=None,
        delivered_before=False,
        reverse_path="ann@example.org",
        sender_authenticated=True,
        smtputf8=False,
        location=Location(uuid4(), 0, 1),
    )
    return replace(of, **changes)
