"""What deliveries tell of the inboxes they go to: that one takes mail for the first time, or none any more.

In the transaction that settles them. Must never write where nothing changed: most inboxes are well.
"""

from collections.abc import Sequence
from typing import Any

from mailcore import changes
from mailcore.database import Transaction
from mailcore.retries import Settlement, tells_of_broken_inbox


async def remember(tx: Transaction, settlements: Sequence[Settlement]) -> None:
    await _remember_first(tx, [s for s in settlements if s.kind == "delivered"])
    await _remember_failing(tx, settlements)


async def _remember_first(tx: Transaction, settlements: Sequence[Settlement]) -> None:
    """Later failures to find its domain are thought about longer."""
    firsts = sorted(
        {
            s.claimed.destination_id
            for s in settlements
            if s.claimed.destination_id and not s.claimed.delivered_before
        }
    )
    if firsts:
        await tx.execute(
            "update destination set delivered_before = true where id = any($1::uuid[]) and not "
            "delivered_before",
            firsts,
        )


async def _remember_failing(tx: Transaction, settlements: Sequence[Settlement]) -> None:
    """Which inboxes take no mail any more; no statement where that did not change."""
    to = {s.claimed.destination_id: s for s in settlements if s.claimed.destination_id}
    if works := sorted(i for i, s in to.items() if s.kind == "delivered" and s.claimed.failing):
        rows = await tx.fetch(_WORKS, works)
        await _note_destinations(tx, rows, "confirmed")
    if broken := sorted(i for i, s in to.items() if tells_of_broken_inbox(s) and not s.claimed.failing):
        rows = await tx.fetch(_FAILS, broken)
        await _note_destinations(tx, rows, "failing")


_WORKS = """
update destination set failing_since = null, told_failing_at = null
where id = any($1::uuid[]) and failing_since is not null returning id, account_id
"""
_FAILS = """
update destination set failing_since = now()
where id = any($1::uuid[]) and failing_since is null returning id, account_id
"""


async def _note_destinations(tx: Transaction, rows: Sequence[Any], state: str) -> None:
    for row in rows:
        await changes.note(tx, row["account_id"], "destination", row["id"], state=state)
