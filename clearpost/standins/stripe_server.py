"""The process of the stand-in for Stripe: `python -m clearpost.standins.stripe_server PORT FILE`.

Must never run outside of a local stack, nor beside a live key of Stripe's.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from clearpost.standins.stripe_api import Api
from clearpost.standins.stripe_catalog import PRICES, add_endpoint, seed
from clearpost.standins.stripe_control import Control
from clearpost.standins.stripe_events import Outbox
from clearpost.standins.stripe_hosted import Hosted
from clearpost.standins.stripe_state import Store
from clearpost.standins.web_server import WebServer
from mailcore.settings import Settings

_LIVE: Final = ("sk_live_", "rk_live_")


@dataclass(frozen=True, slots=True)
class StripeStandin:
    """One Stripe in memory: what it knows, what it answers, what it sends, and its switches."""

    store: Store
    api: Api
    outbox: Outbox
    control: Control

    @classmethod
    def of(cls, base_url: str, secret_key: str, file: Path | None = None) -> Self:
        """Needs a running loop: events leave by it."""
        store = Store(base_url=base_url, file=file)
        store.load()
        outbox = Outbox(store)
        store.tell = outbox.take
        api = Api(store, secret_key)
        return cls(store, api, outbox, Control(store, api, outbox))

    def prepare(self, prices: Mapping[str, str], webhook_url: str, secrets: Sequence[str]) -> None:
        """What an operator sets up once: prices and our endpoint, with the secrets of this start."""
        seed(self.store, prices)
        for old in list(self.store.all("webhook_endpoint", url=webhook_url)):
            del self.store.objects[old["id"]]
        add_endpoint(self.store, webhook_url, tuple(secrets), ["*"])
        self.store.save()

    def app(self) -> Starlette:
        routes = [*self.api.routes(), *Hosted(self.store).routes(), *self.control.routes()]
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])
        return Starlette(routes=routes, middleware=[hosts])


def refuse_live_key(environment: Mapping[str, str]) -> None:
    """Raises SystemExit. Under whatever name: where real money is near, this must not pretend."""
    for name, value in environment.items():
        if any(mark in value for mark in _LIVE):
            raise SystemExit(f"{name} holds a live key of Stripe's: the stand-in does not start beside it")


async def serve(port: int, file: Path, settings: Settings) -> None:
    """Until told to stop."""
    key = settings.stripe_secret_key.get_secret_value()
    standin = StripeStandin.of(settings.stripe_api_url, key, file)
    secrets = settings.stripe_webhook_secrets.get_secret_value().split(",")
    standin.prepare(settings.stripe_prices or PRICES, f"{settings.web_url}/webhooks/stripe", secrets)
    await WebServer.of(standin.app(), port).serve()
    await standin.outbox.close()


def main(port: int, file: Path) -> None:
    refuse_live_key(os.environ)
    settings = Settings()
    if settings.environment != "local":
        raise SystemExit("the stand-in for Stripe runs in a local stack only")
    asyncio.run(serve(port, file, settings))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
