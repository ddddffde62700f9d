"""What the prices are, as shown to everybody: asked of Stripe, kept for some minutes.

Must never make anybody wait long for Stripe, nor show a price that is sold no more.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from billing.gateway import Away, Gateway, Refused
from billing.prices import Prices, Sold
from mailcore.clock import Clock

_KEPT: Final = 600.0
_AGAIN: Final = 30.0
_PATIENCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Offer:
    """`amount` in the smallest unit of `currency`, for one interval."""

    sold: Sold
    amount: int
    currency: str


class Catalogue:
    """The offers of one process."""

    def __init__(self, gateway: Gateway, prices: Prices, clock: Clock) -> None:
        self._gateway = gateway
        self._prices = prices
        self._clock = clock
        self._offers: Sequence[Offer] = ()
        self._good_until = float("-inf")
        self._turn = asyncio.Lock()

    async def offers(self) -> Sequence[Offer]:
        """By plan and interval. Where Stripe does not answer: what it said last, or nothing."""
        async with self._turn:
            if self._clock.monotonic() >= self._good_until:
                await self._look()
        return self._offers

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                self._offers = await self._ask()
            kept = _KEPT
        except (Away, Refused, TimeoutError):
            kept = _AGAIN
        self._good_until = self._clock.monotonic() + kept

    async def _ask(self) -> Sequence[Offer]:
        sold = list(self._prices.ids)
        found = await asyncio.gather(*(self._gateway.price(self._prices.ids[each]) for each in sold))
        return [
            Offer(each, price.amount, price.currency)
            for each, price in zip(sold, found, strict=True)
            if price.is_active
        ]
