"""Destination providers that put off everybody's mail: counted in each process, told to all as an alert.

Must never keep anything of a customer: messages and accounts are only told apart, for as long as it lasts.
"""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from mailcore import service_alerts
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.outcome import Outcome

# So many messages of so many accounts, and none delivered for so long: it is about us, or about the provider.
MESSAGES: Final = 20
ACCOUNTS: Final = 3
SECONDS: Final = 300.0
# A retry comes after 8 h at the latest: without one for so long, its mail has ended one way or the other.
_OVER_AFTER: Final = 43_200.0
# Ours, or a server without the TLS that an owner or the domain wants: it has not been asked to take anything.
_SAYS_NOTHING: Final = frozenset({"aborted", "put-off", "tls"})


@dataclass(slots=True)
class _Streak:
    """Put off by a provider, and nothing delivered in between. `is_news`: since the others were told."""

    began: float
    last: float
    messages: set[UUID] = field(default_factory=set)
    accounts: set[UUID] = field(default_factory=set)
    code: str = ""
    is_news: bool = True

    def add(self, account_id: UUID, message_id: UUID, code: str, now: float) -> None:
        if len(self.messages) < MESSAGES:
            self.messages.add(message_id)
        if len(self.accounts) < ACCOUNTS:
            self.accounts.add(account_id)
        self.last, self.code, self.is_news = now, code, True

    @property
    def is_everybody(self) -> bool:
        return (
            len(self.messages) >= MESSAGES
            and len(self.accounts) >= ACCOUNTS
            and self.last - self.began >= SECONDS
        )


class Deferrals:
    """One for each process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._streaks: dict[str, _Streak] = {}
        self._raised: set[str] = set()  # by us, and not over as far as we know
        self._delivered: set[str] = set()
        self._open: frozenset[str] = frozenset()

    def note(self, provider: str, account_id: UUID, message_id: UUID, outcome: Outcome) -> None:
        """What came of an attempt. A recipient that is refused for good says nothing of the others."""
        if not provider or outcome.reason in _SAYS_NOTHING:
            return
        if outcome.kind == "delivered":
            self._streaks.pop(provider, None)
            if provider in self._open:
                self._delivered.add(provider)
        elif outcome.kind == "transient":
            now = self._clock.monotonic()
            streak = self._streaks.setdefault(provider, _Streak(now, now))
            streak.add(account_id, message_id, outcome.enhanced, now)

    async def exchange(self, database: Database) -> None:
        """Raises what is so here, ends what is over here, and learns what others have ended: whom one process
        reaches does not put off everybody.
        """
        delivered = frozenset(self._delivered)
        async with database.transaction() as tx:
            self._open = await service_alerts.subjects(tx, "deferring")
            self._drop(self._raised - self._open)
            telling = {name: s for name, s in self._streaks.items() if s.is_news and s.is_everybody}
            for name, streak in telling.items():
                await service_alerts.note(tx, "deferring", name, streak.code)
            if delivered & self._open:
                await service_alerts.end(tx, "deferring", delivered & self._open)
        self._open = (self._open | telling.keys()) - delivered
        self._raised = (self._raised | telling.keys()) & self._open
        self._delivered -= delivered
        for streak in telling.values():
            streak.is_news = False
        self._forget()

    def _drop(self, names: "frozenset[str] | set[str]") -> None:
        """Others have delivered there: it begins anew."""
        for name in names:
            self._streaks.pop(name, None)
        self._raised -= names

    def _forget(self) -> None:
        old = self._clock.monotonic() - _OVER_AFTER
        for name in [name for name, streak in self._streaks.items() if streak.last < old]:
            del self._streaks[name]
