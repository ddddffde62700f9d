"""What we end at Stripe, because its payment was taken back: by the customer's bank, or given back by us.

Must never set a plan: what has ended there becomes the account's plan as everything else does. Nor end what
was bought after that payment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from billing.gateway import Dispute, Gateway, Payment
from billing.subscriptions import AtStripe

# Between a subscription and its first payment pass seconds, in whichever order Stripe notes them.
_TOGETHER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Refundable:
    """What a refund would end, and the last payment for it, given back or not."""

    payment: Payment | None
    subscriptions: Sequence[AtStripe]


async def end_disputed(gateway: Gateway, dispute: Dispute) -> int:
    """How many subscriptions end because this dispute is lost. Asked again, there are none left.

    Raises gateway.Away, gateway.Refused.
    """
    if not dispute.is_lost or dispute.customer_id is None or dispute.paid_at is None:
        return 0
    before = dispute.paid_at + _TOGETHER
    found = await gateway.subscriptions(dispute.customer_id)
    return await _end(gateway, [each for each in found if each.is_going_on and each.created <= before])


async def refundable(gateway: Gateway, customer_id: str) -> Refundable:
    """Raises gateway.Away, gateway.Refused."""
    going_on = [each for each in await gateway.subscriptions(customer_id) if each.is_going_on]
    return Refundable(await gateway.last_payment(customer_id) if going_on else None, going_on)


async def refund(gateway: Gateway, what: Refundable) -> None:
    """The payment first: where the rest fails, it is asked again, and finds the payment given back.

    Raises gateway.Away, gateway.Refused.
    """
    if what.payment is not None and what.payment.left > 0:
        await gateway.give_back(what.payment)
    await _end(gateway, what.subscriptions)


async def _end(gateway: Gateway, those: Sequence[AtStripe]) -> int:
    for each in those:
        await gateway.end_now(each)
    return len(those)
