"""Stripe: the key and its mode, each price that is sold, the webhook endpoint and what it sends.

Must never change anything at Stripe, nor show a key.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from billing import webhooks
from billing.gateway import Away, Endpoint, Gateway, Refused
from billing.prices import Prices, Sold
from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore.settings import Settings

_AREA: Final = "stripe"


async def check(settings: Settings) -> list[Finding]:
    """Nothing to find where nothing is sold."""
    try:
        gateway, prices = Gateway.of(settings), Prices.of(settings)
    except ValueError as error:
        return [fail(_AREA, str(error), "correct the settings; until then nothing is sold")]
    if gateway is None:
        return []
    try:
        of_prices = await asyncio.gather(
            *(_price(gateway, sold, price_id) for sold, price_id in prices.ids.items()),
            *(_old_price(gateway, sold, price_id) for price_id, sold in prices.old.items()),
        )
        return [_mode(settings, gateway), *of_prices, await _endpoint(settings, gateway)]
    finally:
        await gateway.close()


def _mode(settings: Settings, gateway: Gateway) -> Finding:
    where = settings.stripe_api_url or "Stripe"
    if settings.environment == "production" and not gateway.is_live:
        mend = "set CLEARPOST_STRIPE_SECRET_KEY to a live key before customers pay"
        return warn(_AREA, f"a test key for {where}: nobody is charged", mend)
    if settings.environment == "local" and gateway.is_live:
        return warn(_AREA, "a live key on a local stack: real money moves", "use a test key (sk_test_...)")
    return ok(_AREA, f"a {'live' if gateway.is_live else 'test'} key for {where}")


async def _price(gateway: Gateway, sold: Sold, price_id: str) -> Finding:
    name = f"{sold.plan}/{sold.interval}"
    mend = f"correct {name} in CLEARPOST_STRIPE_PRICES, or the price at Stripe"
    try:
        price = await gateway.price(price_id)
    except (Refused, Away) as error:
        return fail(_AREA, f"{name}: the price {price_id} can't be read ({error})", mend)
    if not price.is_active:
        return fail(_AREA, f"{name}: the price {price_id} is archived", mend)
    if (price.interval, price.interval_count) != (sold.interval, 1):
        every = f"{price.interval_count} {price.interval}" if price.interval else "once"
        return fail(_AREA, f"{name}: the price {price_id} is paid {every}", mend)
    return ok(_AREA, f"{name} is sold for {price.amount / 100:.2f} {price.currency.upper()}")


async def _old_price(gateway: Gateway, sold: Sold, price_id: str) -> Finding:
    """It sells no more, so it may be archived; but who pays it has the plan by its name."""
    name = f"{sold.plan}/{sold.interval}"
    mend = f"correct {price_id} in CLEARPOST_STRIPE_PRICES, or remove it there if nobody pays it"
    try:
        price = await gateway.price(price_id)
    except (Refused, Away) as error:
        return fail(_AREA, f"{name}: the old price {price_id} can't be read ({error})", mend)
    if (price.interval, price.interval_count) != (sold.interval, 1):
        every = f"{price.interval_count} {price.interval}" if price.interval else "once"
        return fail(_AREA, f"{name}: the old price {price_id} is paid {every}", mend)
    return ok(_AREA, f"{name} was sold for {price.amount / 100:.2f} {price.currency.upper()}: {price_id}")


async def _endpoint(settings: Settings, gateway: Gateway) -> Finding:
    url = f"{settings.web_url.rstrip('/')}/webhooks/stripe"
    if not webhooks.secrets_of(settings):
        mend = "set CLEARPOST_STRIPE_WEBHOOK_SECRETS to the endpoint's signing secret (whsec_...)"
        return fail(_AREA, "without a signing secret every event is refused", mend)
    try:
        endpoints = await gateway.endpoints()
    except (Refused, Away) as error:
        mend = "give the key the right to read webhook endpoints, or look at them at Stripe"
        return warn(_AREA, f"webhook endpoints can't be read ({error})", mend)
    return _judge(url, [each for each in endpoints if each.url == url])


def _judge(url: str, ours: Sequence[Endpoint]) -> Finding:
    wanted = ", ".join(sorted(webhooks.WANTED))
    if not ours:
        mend = f"add it at Stripe (Developers, Webhooks), with these events: {wanted}"
        return fail(_AREA, f"no webhook endpoint sends to {url}", mend)
    if not any(each.is_enabled for each in ours):
        return fail(_AREA, f"the webhook endpoint {url} is disabled", "enable it at Stripe")
    sent = frozenset[str]().union(*(each.events for each in ours if each.is_enabled))
    if missing := sorted(webhooks.WANTED - sent) if "*" not in sent else []:
        mend = "add them at Stripe; until then it takes up to an hour until such a change counts"
        return fail(_AREA, f"the webhook endpoint does not send {', '.join(missing)}", mend)
    return ok(_AREA, f"events are sent to {url}")
