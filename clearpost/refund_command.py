"""`clearpost account refund`: gives the last payment of an account back and ends its subscription, at Stripe.

Must never move money unless it was told to with --yes, nor twice for one payment.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from billing import endings, state
from billing.gateway import Away, Gateway, Refused
from clearpost.progress import complain, say
from clearpost.with_database import DONE, OPERATOR, UNABLE, UNREADY, in_transaction
from customers import accounts, audit
from customers.audit import Subject
from mailcore.clock import Clock
from mailcore.errors import BusinessError, Conflict, Invalid
from mailcore.settings import Settings


@dataclass(frozen=True, slots=True)
class Told:
    """`amount` in the smallest unit: 0 where that payment was given back before."""

    account_id: str
    subscriptions: int
    amount: int
    currency: str
    done: bool


def refund(settings: Settings, identifier: str, *, sure: bool, as_json: bool) -> int:
    """Shows what would be done, and does it if `sure`. 0 shown or done, 1 not, with the reason said."""
    try:
        told = asyncio.run(_refund(settings, identifier, sure=sure))
    except BusinessError as error:
        complain(error.detail)
        return UNABLE
    except (Away, Refused) as error:
        complain(f"Stripe did not do all of it ({error}): say it again, nothing is given back twice")
        return UNABLE
    except UNREADY as error:
        complain(
            f"the database does not answer, or is not migrated ({type(error).__name__}): clearpost doctor"
        )
        return UNABLE
    say(json.dumps(asdict(told)) if as_json else _in_words(told))
    return DONE


def _in_words(told: Told) -> str:
    money = f"{told.amount / 100:.2f} {told.currency.upper()}"
    if told.done:
        return f"  {money} given back; the free plan begins within seconds, and owners are told"
    return (
        f"  Would give {money} back and end {told.subscriptions} subscription(s) at once: add --yes to do it"
    )


async def _refund(settings: Settings, identifier: str, *, sure: bool) -> Told:
    account_id, gateway = _account(identifier), _gateway(settings)
    try:
        customer_id = await in_transaction(settings, lambda session: _customer(session, account_id))
        what = await endings.refundable(gateway, customer_id)
        if not what.subscriptions:
            raise Conflict("it has no subscription that goes on; give older payments back at Stripe")
        if sure:
            await endings.refund(gateway, what)
    finally:
        await gateway.close()
    paid = what.payment
    told = Told(
        identifier, len(what.subscriptions), paid.left if paid else 0, paid.currency if paid else "usd", sure
    )
    if sure:
        await in_transaction(settings, lambda session: _note(session, account_id, told))
    return told


def _account(identifier: str) -> UUID:
    try:
        return UUID(identifier)
    except ValueError:
        raise Invalid("an account's id looks like 0191d4a8-...: see `clearpost account list`") from None


def _gateway(settings: Settings) -> Gateway:
    try:
        gateway = Gateway.of(settings)
    except ValueError as error:
        raise Invalid(str(error)) from None
    if gateway is None:
        raise Conflict("nothing is sold here: the settings hold no key of Stripe's")
    return gateway


async def _customer(session: AsyncSession, account_id: UUID) -> str:
    account = await accounts.get(session, account_id)
    row = await state.get(session, account.id)
    if row is None:
        raise Conflict("this account never came near to paying")
    return row.customer_id


async def _note(session: AsyncSession, account_id: UUID, told: Told) -> None:
    audit.record(
        session, Clock(), account_id, OPERATOR, "subscription.refunded", Subject(account_id),
        amount=told.amount, currency=told.currency,
    )  # fmt: skip
