"""Accounts from the command line: how a server without the local stack gets its first customer.

Must never print a secret twice: an API key is shown once, when it is made.
"""

import asyncio
import json
from dataclasses import asdict, dataclass

from clearpost.progress import complain
from mailcore import accounts, api_keys, domains
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.envelope import parse_mailbox
from mailcore.errors import BusinessError, Conflict, Invalid
from mailcore.keyring import Keyring
from mailcore.plans import Plan
from mailcore.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """`another`: although this person owns an account already."""

    email: str
    name: str = ""
    plan: Plan = Plan.FREE
    another: bool = False


@dataclass(frozen=True, slots=True)
class Created:
    """What the operator hands to the customer."""

    account_id: str
    plan: str
    api_key: str
    txt_value: str


def create(settings: Settings, wish: Wish, *, as_json: bool) -> int:
    """A new account with its owner and an API key. 0, or 1 with the reason said."""
    try:
        created = asyncio.run(_create(settings, wish))
    except BusinessError as error:
        complain(error.detail)
        return 1
    except OSError as error:
        complain(f"the database does not answer: {error.strerror or error}")
        return 1
    if as_json:
        print(json.dumps(asdict(created)))
        return 0
    print(f"account   {created.account_id}   plan {created.plan}")
    print(f"API key   {created.api_key}   (shown only now)")
    print(f"domains   are proved by a TXT record _clearpost.<domain> with {created.txt_value}")
    return 0


async def _create(settings: Settings, wish: Wish) -> Created:
    owner = parse_mailbox(wish.email)
    if owner is None:
        raise Invalid("the owner's address is not a mail address: write it as name@example.org")
    clock, keyring = Clock(), Keyring(settings.key_dir)
    database = await Database.open(settings.database_url.get_secret_value(), size=1, name="clearpost account")
    try:
        async with database.session() as session:
            first = await accounts.owned_by(session, owner.address)
            if first and not wish.another:
                raise Conflict(
                    f"this person owns account {first.id} already: --another makes one more for it"
                )
            name = wish.name or owner.domain
            account = await accounts.create(
                session, clock, name=name, owner_email=owner.address, plan=wish.plan, told=True
            )
            secret = api_keys.generate(live=settings.environment == "production")
            await api_keys.keep(
                session, clock, keyring, account_id=account.id, name="first key", secret=secret
            )
            return Created(str(account.id), account.plan, secret, domains.txt_value(account))
    finally:
        await database.close()
