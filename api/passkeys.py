"""Passkeys: signing in with one, and those of a person who is signed in.

Must never add or remove one but for somebody who has signed in a moment ago: a browser left open is no proof.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api import known_browsers, sign_in_flow
from api.browser_sessions import refuse_other_sites, set_cookie
from api.errors import responses
from api.fields import Body, Text
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import FreshMe, MaybePerson, Me, OwnSession, Runtime
from api.sign_in_flow import arrive, begin, browser_of, remember_next
from customers import passkeys, people, staff
from customers.passkeys import RelyingParty
from mailcore.errors import Forbidden, Invalid, LimitReached, NotFound
from mailcore.models import Passkey, Person

sign_in_router = APIRouter(prefix="/auth/passkey", include_in_schema=False)
router = APIRouter(prefix="/v1/me/passkeys", route_class=Route, tags=["You"], responses=responses(403, 404))


class SignInBody(Body):
    """`credential`: what navigator.credentials.get() answered, as its toJSON() writes it."""

    credential: dict[str, Any]
    next: str = ""


class PasskeyIn(Body):
    name: Text = Field(min_length=1, max_length=100, examples=["Phone"])
    credential: dict[str, Any] = Field(description="The answer of navigator.credentials.create(), as JSON")


class PasskeyChange(Body):
    name: Text = Field(min_length=1, max_length=100, examples=["Old phone"])


class PasskeyOut(BaseModel):
    """A passkey of the person who is signed in; what it signs with stays on their device."""

    id: UUID
    name: str = Field(examples=["Phone"])
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: Passkey) -> "PasskeyOut":
        return cls.model_validate(key, from_attributes=True)


class PasskeyList(BaseModel):
    data: list[PasskeyOut]


@sign_in_router.post("/options")
async def ask_for_passkey(request: Request, runtime: Runtime) -> JSONResponse:
    """For navigator.credentials.get(); good once, for five minutes, in this browser."""
    await check_asker(request, runtime)
    # The service's own transaction, here and below: who signs in has no account yet.
    async with runtime.database.session() as session:
        options = await passkeys.ask_to_sign_in(
            session, runtime.clock, runtime.keyring, _party(runtime), browser_of(request)
        )
    return JSONResponse(options)


@sign_in_router.post("")
async def sign_in_by_passkey(
    request: Request, runtime: Runtime, who: MaybePerson, body: SignInBody
) -> Response:
    await check_asker(request, runtime)
    async with runtime.database.session() as session:
        person = await read_answer(session, request, runtime, body.credential)
        secret = await begin(session, request, runtime, who, person, "passkey") if person else None
    if person is None or secret is None:
        raise Forbidden("This passkey does not sign anybody in here.", code="passkey_refused")
    remember_next(request, body.next)
    response = JSONResponse({"next": arrive(request)})
    set_cookie(response, runtime.settings, secret, runtime.settings.session_lasts)
    known_browsers.mark(response, runtime, person.email)
    return response


async def check_asker(request: Request, runtime: ApiRuntime) -> None:
    """A page of ours, from a network that did not try too often. Raises Forbidden, TooMany."""
    refuse_other_sites(request, runtime.settings)
    await sign_in_flow.need(request, runtime)


async def read_answer(
    session: AsyncSession, request: Request, runtime: ApiRuntime, credential: dict[str, Any]
) -> Person | None:
    """Whose passkey answers what `ask_for_passkey` asked this browser."""
    return await passkeys.sign_in(
        session, runtime.clock, runtime.keyring, _party(runtime), browser_of(request), credential
    )


@router.get("", summary="List your passkeys")
async def list_passkeys(me: Me, session: OwnSession) -> PasskeyList:
    return PasskeyList(data=[PasskeyOut.of(key) for key in await passkeys.of_person(session, me.person_id)])


@router.post("/options", summary="Begin to add a passkey")
async def create_passkey_options(me: FreshMe, session: OwnSession, runtime: Runtime) -> dict[str, Any]:
    """For navigator.credentials.create(); good once, for five minutes, in this session.

    403 `sign_in_again` where the last sign-in is longer ago than ten minutes.
    """
    person = await people.get(session, me.person_id)
    staff.check_new_passkey(person, me, runtime.clock.now())
    return await passkeys.ask_to_register(
        session, runtime.clock, runtime.keyring, _party(runtime), person, str(me.session_id)
    )


@router.post(
    "",
    status_code=201,
    summary="Add a passkey",
    openapi_extra={"x-in-browser": "navigator.credentials.create()"},
)
async def create_passkey(me: FreshMe, session: OwnSession, runtime: Runtime, body: PasskeyIn) -> PasskeyOut:
    person = await people.get(session, me.person_id)
    staff.check_new_passkey(person, me, runtime.clock.now())
    if len(await passkeys.of_person(session, person.id)) >= passkeys.MOST:
        detail = f"There is room for {passkeys.MOST} passkeys: remove one first."
        raise LimitReached(detail, resource="passkeys", limit=passkeys.MOST)
    key = await passkeys.register(
        session,
        runtime.clock,
        runtime.keyring,
        _party(runtime),
        person,
        str(me.session_id),
        body.credential,
        body.name,
    )
    if key is None:
        raise Invalid("This is not an answer to what was asked. Begin again.", code="passkey_invalid")
    return PasskeyOut.of(key)


@router.patch("/{passkey_id}", summary="Rename a passkey")
async def update_passkey(me: Me, session: OwnSession, passkey_id: UUID, body: PasskeyChange) -> PasskeyOut:
    key = await _get(session, me.person_id, passkey_id)
    key.name = body.name
    return PasskeyOut.of(key)


@router.delete("/{passkey_id}", status_code=204, summary="Remove a passkey")
async def delete_passkey(me: FreshMe, session: OwnSession, runtime: Runtime, passkey_id: UUID) -> None:
    key = await _get(session, me.person_id, passkey_id)
    await passkeys.remove(session, runtime.clock, await people.get(session, me.person_id), key)


async def _get(session: OwnSession, person_id: UUID, passkey_id: UUID) -> Passkey:
    if (key := await passkeys.get(session, person_id, passkey_id)) is None:
        raise NotFound("You have no such passkey.")
    return key


def _party(runtime: Runtime) -> RelyingParty:
    return RelyingParty.of(runtime.settings.web_url)
