"""The demo account of the local stack: made once, found again at every start, whatever its user made of it.

Must never run on a production database, nor verify its domain: the ordinary check does that. Must never keep
the stack from starting: what is missing and cannot be made is said in `Demo.lack`.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlmodel.ext.asyncio.session import AsyncSession

from billing import state
from customers import accounts, aliases, api_keys, domains
from customers.aliases import AliasFilter, NewAlias
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import BusinessError
from mailcore.keyring import Keyring
from mailcore.models import Account, Domain
from mailcore.plans import Plan
from mailcore.settings import Settings

OWNER: Final = "you@inbox.test"
DOMAIN: Final = "demo.test"
LOCAL_PART: Final = "hello"
KEY_FILE: Final = "demo-api-key"


@dataclass(frozen=True, slots=True)
class Demo:
    """What the local stack prints, and the TXT record that it publishes in its DNS.

    `lack` says in one line why there is no demo domain or alias to send the first message to.
    """

    api_key: str
    domain: str
    domain_id: str
    alias: str
    txt_name: str
    txt_value: str
    lack: str = ""


async def seed_demo(settings: Settings, *, clock: Clock | None = None) -> Demo:
    """Account, owner, API key, domain and alias of the demo, each made where it is missing."""
    if settings.environment != "local":
        raise RuntimeError("the demo account is for the local stack only")
    clock, keyring = clock or Clock(), Keyring(settings.key_dir)
    secret = _secret(settings.key_dir / KEY_FILE)
    url = settings.database_url.get_secret_value()
    database = await Database.open(url, size=1, name="clearpost-seed")
    try:
        async with database.session() as session:
            account = await _account(session, clock)
            await api_keys.keep(session, clock, keyring, account_id=account.id, name="Demo", secret=secret)
        demo = Demo(secret, DOMAIN, "", f"{LOCAL_PART}@{DOMAIN}", "", domains.txt_value(account))
        try:
            async with database.session() as session:
                domain = await _domain(session, clock, settings, account)
                await _alias(session, clock, settings, keyring, domain)
        except BusinessError as error:
            return replace(demo, lack=f"no demo address {demo.alias}: {error.detail}")
        return replace(demo, domain_id=str(domain.id), txt_name=domains.txt_name(domain))
    finally:
        await database.close()


async def _account(session: AsyncSession, clock: Clock) -> Account:
    """On the premium plan, so that there is room for domains of one's own beside the demo's."""
    account = await accounts.owned_by(session, OWNER)
    if account is None:
        return await accounts.create(
            session, clock, name="Demo", owner_email=OWNER, plan=Plan.PREMIUM, told=True
        )
    if account.plan == Plan.FREE and await state.get(session, account.id) is None:  # else: its owner's choice
        account.plan = Plan.PREMIUM
        session.add(account)
        await session.flush()
    return account


def _secret(path: Path) -> str:
    """The demo's key must be shown again at later starts, so its secret lies beside the other keys."""
    if path.exists() and api_keys.is_well_formed(secret := path.read_text(encoding="ascii").strip()):
        return secret
    secret, draft = api_keys.generate(live=False), path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    draft.rename(path)
    return secret


async def _domain(session: AsyncSession, clock: Clock, settings: Settings, account: Account) -> Domain:
    mine = await domains.list_of(session, account.id, after=None, limit=100)
    found = next((domain for domain in mine if domain.name == DOMAIN), None)
    return found or await domains.create(session, clock, settings, account.id, DOMAIN)


async def _alias(
    session: AsyncSession, clock: Clock, settings: Settings, keyring: Keyring, domain: Domain
) -> None:
    wanted = AliasFilter(domain.id, LOCAL_PART)
    mine = await aliases.list_of(session, domain.account_id, wanted, after=None, limit=100)
    if not any(alias.local_part == LOCAL_PART for alias in mine):
        new = NewAlias(LOCAL_PART, [OWNER], note="The demo's alias")
        await aliases.create(session, clock, settings, keyring, domain.account_id, domain.id, new)
