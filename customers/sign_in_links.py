"""Signing in by a link in a mail: once, within 15 minutes, in the browser that asked.

Must never tell, by an answer or its time, whether somebody has an account, nor act when it is only opened.
"""

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import letters, signed_links
from customers.browser_sessions import browser_hash
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.keyring import Keyring
from mailcore.models import SignInLink

PURPOSE: Final = "sign-in"
VALID: Final = timedelta(minutes=15)
_KEPT: Final = timedelta(days=1)


class Unusable(Enum):
    """Why a link signs nobody in: it is no link of ours, over or used; or it belongs to another browser."""

    OVER = "over"
    ELSEWHERE = "elsewhere"


async def ask(
    session: AsyncSession,
    clock: Clock,
    keyring: Keyring,
    *,
    email: str,
    browser: str,
    welcome: bool,
    undo: SignInLink | None = None,
) -> None:
    """A letter to this address, which `people.address_of` has read. Who is not `welcome` is told so there,
    and where the address was left, how to take it back (`undo`): whoever asks sees and waits the same.
    """
    link = SignInLink(
        id=clock.new_id(),
        purpose=PURPOSE,
        email=email,
        browser_hash=browser_hash(keyring, browser),
        expires_at=clock.now() + VALID,
        created_at=clock.now(),
    )
    session.add(link)
    await session.flush()
    if undo is not None:
        await letters.post(session, clock, "address-left", email, id=str(undo.id))
        return
    await letters.post(session, clock, "sign-in-link" if welcome else "no-account", email, id=str(link.id))


async def look(
    session: AsyncSession, keyring: Keyring, now: datetime, token: str, browser: str
) -> SignInLink | Unusable:
    """What opening the link shows. Nothing changes: mail programs open links before people do."""
    named = signed_links.read(keyring, PURPOSE, token, now)
    if named is None:
        return Unusable.OVER
    query = select(SignInLink).where(
        col(SignInLink.id) == named.id,
        col(SignInLink.purpose) == PURPOSE,
        col(SignInLink.used_at).is_(None),
        col(SignInLink.expires_at) > now,
    )
    link = (await session.exec(query.with_for_update())).one_or_none()
    if link is None:
        return Unusable.OVER
    is_asker = bool(browser) and link.browser_hash == browser_hash(keyring, browser)
    return link if is_asker else Unusable.ELSEWHERE


async def use(
    session: AsyncSession, keyring: Keyring, now: datetime, token: str, browser: str
) -> SignInLink | Unusable:
    """The address is this browser's from the commit on, and all links that went there are void."""
    link = await look(session, keyring, now, token, browser)
    if isinstance(link, SignInLink):
        others = update(SignInLink).where(
            col(SignInLink.email) == link.email,
            col(SignInLink.purpose) == PURPOSE,
            col(SignInLink.used_at).is_(None),
        )
        await session.exec(others.values(used_at=now))
    return link


async def expire(database: Database, now: datetime) -> None:
    """A day after their end, links of every purpose."""
    await database.delete_in_batches("sign_in_link", "expires_at <= $1", now - _KEPT)
