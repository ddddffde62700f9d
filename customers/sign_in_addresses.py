"""Addresses that somebody may begin to sign in with: none that another may take back, none that we forward.

Must never tell why but to who reads that inbox, or asks for an address of their own.
"""

from datetime import datetime
from typing import Final, Literal

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import people
from mailcore.errors import Invalid
from mailcore.models import SignInLink

UNDO: Final = "undo-address"
# Who may change an alias would read the links that sign this person in; or who left it may take it back.
Refusal = Literal["hosted", "left"]
HOSTED: Final = (
    "Mail to this address is forwarded here, so whoever sets its aliases could sign in with it: use an "
    "address at another domain."
)


async def refusal(session: AsyncSession, now: datetime, email: str) -> Refusal | None:
    """Why nobody new may sign in with it; None where somebody does already, and where they may."""
    if await people.by_email(session, email) is not None:
        return None
    if await is_hosted(session, email):
        return "hosted"
    return "left" if await undo_of(session, now, email) is not None else None


async def is_hosted(session: AsyncSession, email: str) -> bool:
    """Whether its domain is verified here, by whichever account."""
    return bool((await session.exec(select(func.domain_is_served(email.rpartition("@")[2].lower())))).one())


async def check_elsewhere(session: AsyncSession, email: str) -> None:
    """Raises Invalid for an address at a domain that is verified here."""
    if await is_hosted(session, email):
        raise Invalid(HOSTED, code="address_hosted")


async def undo_of(session: AsyncSession, now: datetime, email: str) -> SignInLink | None:
    """The newest link that gives this address back to who left it; None where the address is free."""
    query = (
        select(SignInLink)
        .where(
            col(SignInLink.email) == email.lower(),
            col(SignInLink.purpose) == UNDO,
            col(SignInLink.used_at).is_(None),
            col(SignInLink.expires_at) > now,
        )
        .order_by(col(SignInLink.id).desc())
    )
    return (await session.exec(query)).first()
