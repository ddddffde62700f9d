"""Changing the address that a person signs in with: asked for in their browser, proved and undone by mail.

Must never act on GET, nor for a session that signed in long ago.
"""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from api.browser_sessions import refuse_other_sites
from api.errors import responses
from api.fields import Body, Text
from api.pages import page
from api.routes import Route
from api.security import FreshMe, MaybePerson, OwnSession, Runtime
from customers import address_change, letter_rates, stops
from customers.address_change import CHANGE, UNDO
from customers.audit import Actor
from mailcore.rates import Rate, refuse_unless

router = APIRouter(prefix="/v1/me", route_class=Route, tags=["You"], responses=responses(403, 429))
pages = APIRouter(prefix="/auth/address", include_in_schema=False)

Token = Annotated[str, Path(max_length=100)]
_LETTERS: Final = Rate(5, timedelta(days=1))
_OVER: Final = (
    "It was used, its time is over, or another browser asked for it.",
    "Open it in the browser in which you asked, or ask again.",
)
_HOME: Final = ("/", "Back to Clearpost")


class NewAddress(Body):
    email: Text = Field(examples=["ada@example.org"])


@router.post("/email", status_code=204, summary="Ask to sign in with another address")
async def change_email(me: FreshMe, session: OwnSession, runtime: Runtime, body: NewAddress) -> None:
    """A link goes to the new address; nothing changes before it is opened in this browser, within an hour.

    403 `sign_in_again` where the last sign-in is longer ago than ten minutes.
    """
    await runtime.rates.need(
        "address changes", str(me.person_id), _LETTERS, "You asked for this often today."
    )
    taken = await letter_rates.from_others(runtime.rates, body.email)
    refuse_unless(taken, "This address was written to a few times today.")
    await address_change.ask(session, runtime.clock, runtime.keyring, me, body.email)


@router.delete("/suppression", status_code=204, summary="Hear from us again")
async def lift_suppression(me: FreshMe, session: OwnSession, runtime: Runtime) -> None:
    """Where somebody said "never write to me again" to a letter to your address: letters come again, you may
    be asked again, and what your own accounts forwarded there goes on. 403 `sign_in_again` as for passkeys.
    """
    actor = Actor("person", me.email, me.person_id)
    await stops.lift(session, runtime.clock, runtime.keyring, actor, me.person_id)


# --- pages of the links; transactions of the service, since how people sign in belongs to no account ---


@pages.get("/{token}")
async def show_change(runtime: Runtime, me: MaybePerson, token: Token) -> HTMLResponse:
    async with runtime.database.session() as session:
        link = await address_change.look(session, runtime.clock, runtime.keyring, CHANGE, token, me)
    return _ask("Use this address", link.email, "Sign in with it") if link else _over()


@pages.post("/{token}")
async def use_change(request: Request, runtime: Runtime, me: MaybePerson, token: Token) -> HTMLResponse:
    refuse_other_sites(request, runtime.settings)
    if me is None:
        return _over()
    async with runtime.database.session() as session:
        changed = await address_change.change(session, runtime.clock, runtime.keyring, token, me)
    lines = ["From now on you sign in with this address.", "Your other browsers were signed out."]
    return page("message.html", title="Changed", lines=lines, link=_HOME) if changed else _taken_or_over()


@pages.get("/undo/{token}")
async def show_undo(runtime: Runtime, token: Token) -> HTMLResponse:
    async with runtime.database.session() as session:
        link = await address_change.look(session, runtime.clock, runtime.keyring, UNDO, token, None)
    return _ask("This was not me", link.email, "Take the address back") if link else _over()


@pages.post("/undo/{token}")
async def use_undo(runtime: Runtime, token: Token) -> HTMLResponse:
    """The link came to the inbox that was left, and nobody is signed in by it: it acts for any browser."""
    async with runtime.database.session() as session:
        undone = await address_change.undo(session, runtime.clock, runtime.keyring, token)
    lines = [
        "The address is yours again. All browsers were signed out; passkeys and providers were removed.",
        "Sign in by mail, then look at the audit log and the keys of your accounts.",
    ]
    link = ("/auth/sign-in", "Sign in")
    return page("message.html", title="Taken back", lines=lines, link=link) if undone else _taken_or_over()


def _ask(title: str, email: str, button: str) -> HTMLResponse:
    return page("address.html", title=title, email=email, button=button)


def _over() -> HTMLResponse:
    return page("message.html", status=410, title="This link is over", lines=_OVER, link=_HOME)


def _taken_or_over() -> HTMLResponse:
    lines = ["It is over, or somebody signs in with this address already. Nothing was changed."]
    return page("message.html", status=410, title="Not changed", lines=lines, link=_HOME)
