"""Another address to sign in with: proved by a link in its mail, undone for a week by the one that was left.

Must never change an address on GET, nor let two people have one; whoever undoes it ends every way of signing
in but the mail.
"""

from datetime import timedelta
from typing import Final, Literal

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import browser_sessions, identities, letters, passkeys, people, sign_in_addresses, signed_links
from customers.audit import Actor, Subject
from customers.browser_sessions import SignedIn, browser_hash
from customers.sign_in_addresses import UNDO as UNDO
from mailcore.clock import Clock
from mailcore.errors import Invalid
from mailcore.keyring import Keyring
from mailcore.models import Person, SignInLink

CHANGE: Final = "change-address"
VALID: Final = timedelta(hours=1)
UNDO_VALID: Final = timedelta(days=7)
Purpose = Literal["change-address", "undo-address"]


async def ask(session: AsyncSession, clock: Clock, keyring: Keyring, me: SignedIn, email: str) -> None:
    """A letter to the new address. Whether somebody has it already is told to its owner only: on opening."""
    address = people.address_of(email)
    if address is None or address == me.email:
        raise Invalid("Give another address that takes mail.", code="address_invalid")
    await sign_in_addresses.check_elsewhere(session, address)
    link = _link(clock, CHANGE, address, me, VALID, browser_hash(keyring, str(me.session_id)))
    session.add(link)
    await session.flush()
    await letters.post(session, clock, CHANGE, address, id=str(link.id), old=me.email)


async def look(
    session: AsyncSession, clock: Clock, keyring: Keyring, purpose: Purpose, token: str, me: SignedIn | None
) -> SignInLink | None:
    """What opening a link shows: `email` is the address that its person would have. None where it is over, or
    where another session asked than the one that opens it; an undo is for any browser.
    """
    named = signed_links.read(keyring, purpose, token, clock.now())
    if named is None:
        return None
    query = select(SignInLink).where(
        col(SignInLink.id) == named.id,
        col(SignInLink.purpose) == purpose,
        col(SignInLink.used_at).is_(None),
        col(SignInLink.expires_at) > clock.now(),
    )
    link = (await session.exec(query.with_for_update())).one_or_none()
    if link is None or purpose == UNDO:
        return link
    asked = me is not None and link.browser_hash == browser_hash(keyring, str(me.session_id))
    return link if asked else None


async def change(session: AsyncSession, clock: Clock, keyring: Keyring, token: str, me: SignedIn) -> bool:
    """The person signs in with the new address from now on; other browsers of theirs are signed out, and the
    old address is told. False where the link is over, or somebody else has that address.
    """
    link = await look(session, clock, keyring, CHANGE, token, me)
    if link is None or await sign_in_addresses.is_hosted(session, link.email):
        return False
    if not await _move(session, clock, link, "person.address-changed"):
        return False
    await browser_sessions.revoke_all(session, me.person_id, but=me.session_id)
    undo = _link(clock, UNDO, me.email, me, UNDO_VALID, "")
    session.add(undo)
    await session.flush()
    await letters.post(session, clock, "address-changed", me.email, id=str(undo.id), new=link.email)
    return True


async def undo(session: AsyncSession, clock: Clock, keyring: Keyring, token: str) -> bool:
    """The old address again. Sessions, passkeys and providers go: somebody else may have added them."""
    link = await look(session, clock, keyring, UNDO, token, None)
    if link is None or not await _move(session, clock, link, "person.address-restored"):
        return False
    assert link.person_id is not None
    await browser_sessions.revoke_all(session, link.person_id)
    await passkeys.remove_all(session, link.person_id)
    await identities.unlink_all(session, link.person_id)
    others = delete(SignInLink).where(
        col(SignInLink.person_id) == link.person_id, col(SignInLink.id) != link.id
    )
    await session.exec(others)
    return True


async def _move(session: AsyncSession, clock: Clock, link: SignInLink, action: str) -> bool:
    """Uses the link up, unless it is refused. The lock on the person, and the unique address, keep two from
    meeting in one.
    """
    assert link.person_id is not None
    held = await sign_in_addresses.undo_of(session, clock.now(), link.email)
    if await people.by_email(session, link.email) is not None or (held and held.person_id != link.person_id):
        return False
    link.used_at = clock.now()
    person = await session.get_one(Person, link.person_id, with_for_update=True)
    before, person.email = person.email, link.email
    await session.flush()
    actor = Actor("person", before, person.id)
    await people.record(session, clock, person.id, actor, action, Subject(person.id, person.email))
    return True


def _link(
    clock: Clock, purpose: Purpose, email: str, me: SignedIn, valid: timedelta, browser: str
) -> SignInLink:
    now = clock.now()
    return SignInLink(
        id=clock.new_id(),
        purpose=purpose,
        email=email,
        person_id=me.person_id,
        browser_hash=browser,
        expires_at=now + valid,
        created_at=now,
    )
