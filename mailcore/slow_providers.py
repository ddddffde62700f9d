"""Who may still be waited for: half of a process's places are for providers that have shown to be quick.

Tarpits that answer each command just in time are no trouble that pacing sees: each delivers in the end, and
so many of them, each within its limit, would hold every place. Must never keep a quick provider waiting.
"""

from mailcore.clock import Clock

_QUICK = 10.0  # seconds from asking for a place to the end of the attempt
_MOST_REMEMBERED = 10_000


class SlowProviders:
    """The attempts of one process by provider. `begin` and `end` each; one never tried is not yet quick."""

    def __init__(self, places: int, clock: Clock) -> None:
        self._most = max(1, places // 2)
        self._clock = clock
        self._begun: dict[str, list[float]] = {}  # of each attempt under way, the oldest first
        self._count = 0
        self._are_passed_over = False
        self._was_quick: dict[str, bool] = {}  # at its last attempt; who ended longest ago stands first

    def begin(self, provider: str) -> float | None:
        """The moment, to be handed to `end`; None where nobody more may be waited for who may take long."""
        if self._is_full() and not self._is_quick(provider):
            return None
        now = self._clock.monotonic()
        self._begun.setdefault(provider, []).append(now)
        self._count += 1
        return now

    def end(self, provider: str, begun: float, *, tells: bool) -> None:
        """`tells` is false where it was put off or broken off by us, which says nothing of the provider."""
        moments = self._begun[provider]
        moments.remove(begun)
        self._count -= 1
        if not moments:
            del self._begun[provider]
        if tells:
            self._was_quick.pop(provider, None)
            self._was_quick[provider] = self._clock.monotonic() - begun <= _QUICK
            if len(self._was_quick) > _MOST_REMEMBERED:
                del self._was_quick[next(iter(self._was_quick))]

    def unavailable(self) -> list[str]:
        """Whom a claim should pass over just now; those never tried are not known by name.

        From full until a quarter is free: a claim takes many, of which most would go back for one free place.
        """
        enough = self._most * 3 // 4 if self._are_passed_over else self._most
        self._are_passed_over = self._waited_for() >= max(1, enough)
        if not self._are_passed_over:
            return []
        slow = {name for name, quick in self._was_quick.items() if not quick}
        return [*slow, *(name for name in self._begun if name not in slow and not self._is_quick(name))]

    def _is_full(self) -> bool:
        return self._count >= self._most and self._waited_for() >= self._most

    def _waited_for(self) -> int:
        return sum(len(begun) for name, begun in self._begun.items() if not self._is_quick(name))

    def _is_quick(self, provider: str) -> bool:
        """It was at last, and nothing under way takes long by now."""
        begun = self._begun.get(provider)
        return self._was_quick.get(provider, False) and (
            begun is None or self._clock.monotonic() - begun[0] <= _QUICK
        )
