"""The stand-in for Stripe in a test's own loop, on a free port of loopback.

`stop_listening` and `listen` make it refuse connections and come back on the same port.
"""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from clearpost.standins.stripe_catalog import PRICES, add_endpoint, seed
from clearpost.standins.stripe_control import Control
from clearpost.standins.stripe_server import StripeStandin
from clearpost.standins.stripe_state import Object, Store
from tests.support.loopback_http import serving

SECRET_KEY = "sk_test_standin"
WEBHOOK_SECRET = "whsec_standin"


@dataclass(slots=True)
class RunningStripe:
    """`settings` is what our own Settings need to speak to it."""

    standin: StripeStandin
    port: int
    _listening: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, *webhook_urls: str, prices: Mapping[str, str] = PRICES, secrets: tuple[str, ...] = ()
    ) -> AsyncIterator[Self]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        stripe = cls(StripeStandin.of(f"http://127.0.0.1:{port}", SECRET_KEY), port)
        seed(stripe.store, prices)
        for url in webhook_urls:
            stripe.send_to(url, *secrets)
        await stripe.listen()
        try:
            yield stripe
        finally:
            await stripe.stop_listening()
            await stripe.standin.outbox.close()

    async def listen(self) -> None:
        listener = self._listening.enter_context(socket.create_server(("127.0.0.1", self.port)))
        await self._listening.enter_async_context(serving(self.standin.app(), listener))

    async def stop_listening(self) -> None:
        """From now on connections are refused."""
        await self._listening.aclose()

    def send_to(self, url: str, *secrets: str) -> Object:
        """One more endpoint that hears of everything."""
        return add_endpoint(self.store, url, secrets or (WEBHOOK_SECRET,), ["*"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> Store:
        return self.standin.store

    @property
    def control(self) -> Control:
        return self.standin.control

    @property
    def settings(self) -> Mapping[str, Any]:
        """As CLEARPOST_STRIPE_... would say it."""
        return {
            "stripe_api_url": self.url,
            "stripe_secret_key": SECRET_KEY,
            "stripe_webhook_secrets": WEBHOOK_SECRET,
            "stripe_prices": dict(PRICES),
        }

    async def pay(self, checkout_url: str, card: str = "works", code: str = "") -> httpx.Response:
        """As a person would: open the page, choose a card, press the button."""
        async with httpx.AsyncClient() as browser:
            shown = await browser.get(checkout_url)
            assert shown.status_code == 200, shown.text
            return await browser.post(checkout_url, data={"card": card, "code": code})

    async def press(self, portal_url: str, button: str, **form: str) -> httpx.Response:
        """A button of the billing portal: change, cancel, keep or card."""
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(portal_url)).status_code == 200
            return await browser.post(f"{portal_url}/{button}", data=form)

    async def delivered(self) -> None:
        """Until every event has been taken by every endpoint, or was given up."""
        await self.standin.outbox.settled()
