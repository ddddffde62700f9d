"""Passkeys (WebAuthn Level 3): registered by a person who has just signed in, then a way of signing in.

Must never accept an answer to a challenge that was not asked in that browser, once and within minutes, nor a
key whose counter goes back: it was copied.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession
from webauthn.helpers import options_to_json_dict, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from customers import people
from customers.audit import Actor, Subject
from customers.browser_sessions import browser_hash
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.keyring import Keyring
from mailcore.models import Passkey, PasskeyChallenge, Person

VALID: Final = timedelta(minutes=5)
MOST: Final = 20  # of one person
_CHALLENGE_BYTES: Final = 32
_TRANSPORTS: Final = frozenset(each.value for each in AuthenticatorTransport)
Purpose = Literal["register", "sign-in"]
Answer = Mapping[str, Any]  # a PublicKeyCredential, as its toJSON() writes it


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who asks, as browsers know us. A passkey is bound to `id`, the host name of our pages."""

    id: str
    origin: str

    @classmethod
    def of(cls, web_url: str) -> "RelyingParty":
        parts = urlsplit(web_url)
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


async def ask_to_register(
    session: AsyncSession, clock: Clock, keyring: Keyring, party: RelyingParty, person: Person, browser: str
) -> dict[str, Any]:
    """Options for navigator.credentials.create(), for a key that finds its person by itself."""
    challenge = await _challenge(session, clock, keyring, "register", browser, person.id)
    known = await of_person(session, person.id)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Clearpost",
        user_id=person.id.bytes,
        user_name=person.email,
        user_display_name=person.name or person.email,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=key.credential_id) for key in known],
    )
    return options_to_json_dict(options)


async def register(
    session: AsyncSession,
    clock: Clock,
    keyring: Keyring,
    party: RelyingParty,
    person: Person,
    browser: str,
    answer: Answer,
    name: str,
) -> Passkey | None:
    """None for what answers no open challenge of this browser, is no valid answer, or is known already."""
    challenge = await _take(session, clock, keyring, "register", browser, person.id)
    if challenge is None:
        return None
    try:
        made = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return None
    if await _by_credential(session, made.credential_id) is not None:
        return None
    key = Passkey(
        id=clock.new_id(),
        person_id=person.id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        transports=_transports(answer),
        name=name,
    )
    session.add(key)
    await session.flush()
    actor = Actor("person", person.email, person.id)
    await people.record(session, clock, person.id, actor, "passkey.added", Subject(key.id, name))
    return key


async def ask_to_sign_in(
    session: AsyncSession, clock: Clock, keyring: Keyring, party: RelyingParty, browser: str
) -> dict[str, Any]:
    """Options for navigator.credentials.get(): any key for us that the person has at hand."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=await _challenge(session, clock, keyring, "sign-in", browser, None),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


async def sign_in(
    session: AsyncSession, clock: Clock, keyring: Keyring, party: RelyingParty, browser: str, answer: Answer
) -> Person | None:
    """Who answers the challenge of this browser. None for everybody else, and the refusal of a copied key is
    in the audit log: the caller commits either way.
    """
    challenge = await _take(session, clock, keyring, "sign-in", browser, None)
    if challenge is None or (key := await _named_by(session, answer)) is None:
        return None
    try:
        # The counter is compared below, once the signature is known to be the key's.
        seen = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return None
    person = await people.get(session, key.person_id)
    if (key.sign_count or seen.new_sign_count) and seen.new_sign_count <= key.sign_count:
        actor = Actor("person", person.email, person.id)
        await people.record(session, clock, person.id, actor, "passkey.refused", Subject(key.id, key.name))
        return None
    key.sign_count, key.last_used_at = seen.new_sign_count, clock.now()
    return person


async def of_person(session: AsyncSession, person_id: UUID) -> Sequence[Passkey]:
    query = select(Passkey).where(col(Passkey.person_id) == person_id).order_by(col(Passkey.id))
    return (await session.exec(query)).all()


async def get(session: AsyncSession, person_id: UUID, passkey_id: UUID) -> Passkey | None:
    query = select(Passkey).where(col(Passkey.id) == passkey_id, col(Passkey.person_id) == person_id)
    return (await session.exec(query.with_for_update())).one_or_none()


async def remove(session: AsyncSession, clock: Clock, person: Person, key: Passkey) -> None:
    await session.delete(key)
    actor = Actor("person", person.email, person.id)
    await people.record(session, clock, person.id, actor, "passkey.removed", Subject(key.id, key.name))


async def remove_all(session: AsyncSession, person_id: UUID) -> None:
    """Where they are lost, or somebody else added one: the caller says so in an audit log."""
    await session.exec(delete(Passkey).where(col(Passkey.person_id) == person_id))


async def expire(database: Database, now: datetime) -> None:
    """Challenges that nobody answered."""
    await database.delete_in_batches("passkey_challenge", "expires_at <= $1", now)


async def _by_credential(session: AsyncSession, credential_id: bytes) -> Passkey | None:
    query = select(Passkey).where(col(Passkey.credential_id) == credential_id)
    return (await session.exec(query.with_for_update())).one_or_none()


async def _named_by(session: AsyncSession, answer: Answer) -> Passkey | None:
    """The key of the answer, where that is the person whom the answer names (section 7.2, step 6)."""
    try:
        credential = parse_authentication_credential_json(dict(answer))
    except (WebAuthnException, ValueError):
        return None
    key = await _by_credential(session, credential.raw_id)
    handle = credential.response.user_handle
    return key if key is not None and handle == key.person_id.bytes else None


async def _challenge(
    session: AsyncSession,
    clock: Clock,
    keyring: Keyring,
    purpose: Purpose,
    browser: str,
    person_id: UUID | None,
) -> bytes:
    """A new one, in the place of the one that this browser was asked before."""
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    new = {
        "id": clock.new_id(),
        "person_id": person_id,
        "challenge": challenge,
        "expires_at": clock.now() + VALID,
    }
    asked = {"browser_hash": browser_hash(keyring, browser), "purpose": purpose}
    statement = insert(PasskeyChallenge).values(**asked, **new)
    await session.exec(statement.on_conflict_do_update(index_elements=list(asked), set_=new))
    return challenge


async def _take(
    session: AsyncSession,
    clock: Clock,
    keyring: Keyring,
    purpose: Purpose,
    browser: str,
    person_id: UUID | None,
) -> bytes | None:
    """The open challenge of this browser, gone with the commit whatever the answer is worth."""
    row = col(PasskeyChallenge.browser_hash) == browser_hash(keyring, browser)
    taken = await session.exec(
        delete(PasskeyChallenge)
        .where(row, col(PasskeyChallenge.purpose) == purpose)
        .where(col(PasskeyChallenge.person_id).is_not_distinct_from(person_id))
        .returning(col(PasskeyChallenge.challenge), col(PasskeyChallenge.expires_at))
    )
    found = taken.first()
    return found[0] if found is not None and clock.now() < found[1] else None


def _transports(answer: Answer) -> list[str]:
    """How to reach the key: words of the standard only, the rest is dropped."""
    response = answer.get("response")
    given = response.get("transports") if isinstance(response, Mapping) else None
    return [each for each in given if each in _TRANSPORTS] if isinstance(given, list) else []
