"""Accounts from the command line: how a server without the local stack gets its first customer.

Must never print a secret twice: an API key is shown once, when it is made.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from clearpost.progress import complain, say, table
from clearpost.with_database import OPERATOR, run
from customers import (
    account_claims,
    accounts,
    api_keys,
    audit,
    domains,
    invitations,
    people,
    plan_change,
    policy,
    suspension,
)
from customers.audit import Subject
from customers.suspension_letters import Reason
from mailcore import keys_in_place
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.envelope import parse_mailbox
from mailcore.errors import BusinessError, Conflict, Invalid
from mailcore.keyring import Keyring
from mailcore.keys_in_place import KeysAway
from mailcore.models import Account, Invitation
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
        keys_in_place.check(settings.spool_dir, settings.key_dir)
        created = asyncio.run(_create(settings, wish))
    except KeysAway as reason:
        complain(str(reason))
        return 1
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
    for sentence in policy.sentences(settings.log_retention):
        print(f"logged    {sentence}")
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
            subject = Subject(account.id, account.name)
            audit.record(session, clock, account.id, OPERATOR, "account.created", subject)
            return Created(str(account.id), account.plan, secret, domains.txt_value(account))
    finally:
        await database.close()


def show_list(settings: Settings, limit: int, *, as_json: bool) -> int:
    async def work(session: AsyncSession) -> Sequence[tuple[Account, Sequence[str]]]:
        return await accounts.newest(session, limit)

    def show(found: Sequence[tuple[Account, Sequence[str]]]) -> None:
        if as_json:
            say(json.dumps([_plain(account, owners) for account, owners in found], indent=2))
        elif found:
            rows = [(str(a.id), a.name, a.plan, ", ".join(owners) or "nobody") for a, owners in found]
            say(table(("account", "name", "plan", "owners"), rows))
        else:
            say("  None yet: clearpost account create EMAIL")

    return run(settings, work, show)


def make_owner(settings: Settings, identifier: str, email: str, *, as_json: bool) -> int:
    """Whoever owns it now still does. 0, or 1 with the reason said."""

    async def work(session: AsyncSession) -> str:
        account_id, address = _identifier(identifier), _address(email)
        await account_claims.make_owner(session, Clock(), account_id, address, OPERATOR)
        return address

    def show(address: str) -> None:
        said = json.dumps({"account_id": identifier, "owner": address})
        say(said if as_json else f"  {address} owns {identifier} from now on")

    return run(settings, work, show)


def set_plan(settings: Settings, identifier: str, plan: Plan, *, as_json: bool) -> int:
    """Without Stripe, or for who pays otherwise. Where Stripe has a subscription, its next change counts
    again. 0, or 1 with the reason said.
    """

    async def work(session: AsyncSession) -> bool:
        return await plan_change.set_plan(session, Clock(), _identifier(identifier), plan, OPERATOR)

    def show(changed: bool) -> None:
        said = json.dumps({"account_id": identifier, "plan": plan, "changed": changed})
        words = "has the plan" if changed else "had the plan already:"
        say(said if as_json else f"  {identifier} {words} {plan}")

    return run(settings, work, show)


def suspend(settings: Settings, identifier: str, reason: Reason, note: str, *, as_json: bool) -> int:
    """Its mail is put off, later refused; its owners get a letter. 0, or 1 with the reason said."""

    async def work(session: AsyncSession) -> None:
        await suspension.suspend(session, Clock(), OPERATOR, _identifier(identifier), reason, note)

    def show(_: None) -> None:
        said = json.dumps({"account_id": identifier, "suspended": True, "reason": reason})
        say(said if as_json else f"  {identifier} is suspended: its owners get a letter")

    return run(settings, work, show)


def resume(settings: Settings, identifier: str, note: str, *, as_json: bool) -> int:
    """All works as it did. 0, or 1 with the reason said."""

    async def work(session: AsyncSession) -> None:
        await suspension.resume(session, Clock(), OPERATOR, _identifier(identifier), note)

    def show(_: None) -> None:
        said = json.dumps({"account_id": identifier, "suspended": False})
        say(said if as_json else f"  {identifier} works again: its owners get a letter")

    return run(settings, work, show)


def invite(settings: Settings, email: str, *, as_json: bool) -> int:
    """The letter leaves as soon as upkeep runs. 0, or 1 with the reason said."""

    async def work(session: AsyncSession) -> Invitation:
        return await invitations.to_server(session, Clock(), OPERATOR, email)

    def show(invitation: Invitation) -> None:
        until = invitation.expires_at.isoformat(timespec="minutes")
        said = json.dumps({"id": str(invitation.id), "email": invitation.email, "expires_at": until})
        say(said if as_json else f"  {invitation.email} gets a link that opens an account until {until}")

    return run(settings, work, show)


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("an account's id looks like 0191d4a8-...: see `clearpost account list`") from None


def _address(email: str) -> str:
    if (address := people.address_of(email)) is None:
        raise Invalid("this is not a mail address: write it as name@example.org")
    return address


def _plain(account: Account, owners: Sequence[str]) -> dict[str, object]:
    return {
        "id": str(account.id),
        "name": account.name,
        "plan": account.plan,
        "owners": list(owners),
        "suspended_at": account.suspended_at.isoformat() if account.suspended_at else None,
        "created_at": account.created_at.isoformat(),
    }
