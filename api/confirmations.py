"""The page behind the link that is mailed to a destination: yes, or never again. Works signed out.

Must never act on GET (mail programs open links by themselves), nor show what is not in the letter.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse

from api.pages import page
from api.security import Runtime
from customers import confirmations, destinations, stops
from customers.confirmations import Question

router = APIRouter(include_in_schema=False)

_OVER = "This link is over, or its address is not used any more. Nothing is forwarded to you by it."
_CONFIRMED = "Done: mail will be forwarded to this inbox."
_STOPPED = (
    "Done: nobody forwards to this inbox or asks it again, "
    "but for accounts that you sign in to with this address."
)


# Both work across accounts: whoever reads the inbox need not have one. The signed link is what they show.
@router.get("/destinations/{token}")
async def show_question(token: str, runtime: Runtime) -> HTMLResponse:
    async with runtime.database.session() as session:
        asked = await confirmations.question(session, runtime.keyring, runtime.clock, token)
        return _page(asked)


@router.post("/destinations/{token}")
async def answer_question(
    token: str, answer: Annotated[Literal["confirm", "stop"], Form()], runtime: Runtime
) -> HTMLResponse:
    async with runtime.database.session() as session:
        asked = await confirmations.question(session, runtime.keyring, runtime.clock, token)
        if asked is None:
            return _page(None)
        if answer == "stop":
            await stops.stop(session, runtime.clock, runtime.keyring, asked.destination)
        elif asked.may_confirm:
            await confirmations.confirm(session, runtime.clock, asked.destination)
        await session.flush()
        return _page(asked, done=True)


def _page(asked: Question | None, *, done: bool = False) -> HTMLResponse:
    if asked is None:
        return page("message.html", status=404, title="This link is over", lines=[_OVER], link=None)
    state = destinations.state_of(asked.destination)
    return page(
        "destination.html",
        title="Your inbox",
        address=asked.destination.address,
        said=_said(state) if done or state == "stopped" else "",
        may_confirm=asked.may_confirm and state == "unconfirmed",
        may_stop=state != "stopped",
    )


def _said(state: destinations.State) -> str:
    if state == "stopped":
        return _STOPPED
    return "" if state == "unconfirmed" else _CONFIRMED
