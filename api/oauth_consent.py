"""The authorization server for people: which app asks for what, and their yes or no. As a page and as JSON.

Must never say yes for a person: a code is made by their own click in a page of ours, which nobody frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import quote
from uuid import UUID

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.errors import responses
from api.fields import Body
from api.oauth_requests import Asked, Parameters, check_authorization, form_in, redirection, refusal
from api.oauth_server import issuer_of
from api.pages import page
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import MaybePerson, Me, Runtime
from customers import oauth_apps, oauth_grants, people
from customers.audit import Actor
from customers.browser_sessions import SignedIn
from customers.callers import IN_WORDS, OF_ROLE, Role, Scope
from customers.oauth_grants import Consent
from customers.people import Belonging
from mailcore.errors import Invalid

router = APIRouter(route_class=Route, tags=["OAuth"], responses=responses())
pages = APIRouter(include_in_schema=False)

Decision = Literal["allow", "deny"]
_PAGE_HEADERS: Final = {"X-Frame-Options": "DENY"}  # for browsers older than frame-ancestors


class AskingApp(BaseModel):
    name: str = Field(examples=["Mail sorter"])
    homepage: str = Field(examples=["https://sorter.example"])
    homepage_host: str = Field(examples=["sorter.example"])
    redirect_host: str = Field(description="Where the browser goes next", examples=["sorter.example"])


class AskedScope(BaseModel):
    scope: Scope
    words: str = Field(description="After: this app may", examples=["see your domains and their DNS"])


class ConsentAccount(BaseModel):
    id: UUID
    name: str = Field(examples=["Demo"])
    role: Role
    current: bool = Field(description="Whether the browser works in it now", examples=[True])


class ConsentOut(BaseModel):
    """What to ask the person. An app never gets more than their role in the account allows."""

    app: AskingApp
    scopes: list[AskedScope]
    accounts: list[ConsentAccount]
    email: str = Field(description="Who is signed in", examples=["you@example.net"])


class ConsentAnswer(Body):
    query: str = Field(description="The query of /oauth/authorize, as it came", max_length=2000)
    decision: Decision
    account_id: UUID | None = Field(None, description="For which account; the current one if left out")


class ConsentResult(BaseModel):
    redirect_to: str = Field(
        description="Send the browser there", examples=["https://sorter.example/cb?code=..."]
    )


@pages.get("/oauth/authorize")
async def ask_consent(request: Request, runtime: Runtime, who: MaybePerson) -> Response:
    query = request.url.query
    try:
        async with runtime.database.session() as session:
            asked = await _asked(session, query)
            if who is None:
                return _sign_in_first(query)
            shown = _shown(asked, who, await people.belongings(session, who.person_id))
    except OAuth2Error as error:
        return _refused(runtime, query, error)
    return _guarded(page("consent.html", title="An app asks", shown=shown, query=query))


@pages.post("/oauth/authorize")
async def answer_consent(request: Request, runtime: Runtime, who: MaybePerson) -> Response:
    """The form of the page. A request of another site's page never comes this far (api/security.py)."""
    query = ""
    try:
        form = form_in(request.headers.get("content-type", ""), request.url.query, await request.body())
        query = form.need("query")
        if who is None:
            return _sign_in_first(query)
        answer = Answer(query, _account_in(form), form.get("decision") == "allow")
        to = await _decide(runtime, who, answer, request.state.request_id)
    except OAuth2Error as error:
        return _refused(runtime, query, error)
    return RedirectResponse(to, 303)  # RFC 9700 section 4.12: never 307, which would send this form along


@router.get("/v1/oauth/consent", summary="Show what an app asks for")
async def show_consent(
    query: Annotated[str, Query(description="The query of /oauth/authorize, as it came", max_length=2000)],
    runtime: Runtime,
    who: Me,
) -> ConsentOut:
    """For our own portal: /oauth/authorize is the same as a page.

    422 `oauth_request_invalid` for what no person need be asked; `redirect_to`, where there is one, is where
    the app hears of it.
    """
    try:
        async with runtime.database.session() as session:
            asked = await _asked(session, query)
            return _shown(asked, who, await people.belongings(session, who.person_id))
    except OAuth2Error as error:
        raise _invalid(runtime, query, error) from None


@router.post("/v1/oauth/consent", summary="Answer an app", responses=responses(404))
async def decide_consent(body: ConsentAnswer, request: Request, runtime: Runtime, who: Me) -> ConsentResult:
    """A person's yes or no, in their browser. `redirect_to` carries the answer to the app: a code of 60
    seconds, or `access_denied`.
    """
    answer = Answer(body.query, body.account_id, body.decision == "allow")
    try:
        return ConsentResult(redirect_to=await _decide(runtime, who, answer, request.state.request_id))
    except OAuth2Error as error:
        raise _invalid(runtime, body.query, error) from None


@dataclass(frozen=True, slots=True)
class Answer:
    """To the request that came as `query`; for the current account where none is named."""

    query: str
    account_id: UUID | None
    allowed: bool


async def _asked(session: AsyncSession, query: str) -> Asked:
    given = Parameters(query)
    client_id = given.need("client_id")
    return check_authorization(given, await oauth_apps.by_client_id(session, client_id))


async def _decide(runtime: ApiRuntime, who: SignedIn, answer: Answer, request_id: str) -> str:
    """Where the browser goes next. Raises OAuth2Error."""
    # As the service: codes belong to no tenant, and the app to another. The account is one of the person's.
    async with runtime.database.session() as session:
        asked = await _asked(session, answer.query)
        place = _chosen(await people.belongings(session, who.person_id), answer.account_id or who.account_id)
        scopes = [scope for scope in asked.scopes if place is not None and scope in OF_ROLE[place.role]]
        if place is None or not scopes or not answer.allowed:
            raise AccessDeniedError(_why_not(answer, place), redirect_uri=asked.redirect_uri)
        given = Consent(place.account_id, who.person_id, scopes, asked.redirect_uri, asked.code_challenge)
        actor = Actor("person", who.email, who.person_id, request_id)
        code = await oauth_grants.allow(session, runtime.clock, runtime.keyring, asked.app, actor, given)
    return redirection(asked.redirect_uri, issuer_of(runtime.settings), asked.state, code=code)


def _chosen(places: Sequence[Belonging], account_id: UUID | None) -> Belonging | None:
    return next((place for place in places if place.account_id == account_id), None)


def _why_not(answer: Answer, place: Belonging | None) -> str:
    if not answer.allowed:
        return "The person said no."
    if place is None:
        return "The person chose no account of theirs."
    return "The person may do none of this in that account."


def _shown(asked: Asked, who: SignedIn, places: Sequence[Belonging]) -> ConsentOut:
    app = asked.app
    return ConsentOut(
        app=AskingApp(
            name=app.name,
            homepage=app.homepage,
            homepage_host=oauth_apps.host_of(app.homepage),
            redirect_host=oauth_apps.host_of(asked.redirect_uri),
        ),
        scopes=[AskedScope(scope=scope, words=IN_WORDS[scope]) for scope in asked.scopes],
        accounts=[
            ConsentAccount(
                id=place.account_id,
                name=place.name,
                role=place.role,
                current=place.account_id == who.account_id,
            )
            for place in places
        ],
        email=who.email,
    )


def _invalid(runtime: ApiRuntime, query: str, error: OAuth2Error) -> Invalid:
    told = {"redirect_to": _back(runtime, query, error)} if error.redirect_uri else {}
    return Invalid(str(error.get_error_description()), code="oauth_request_invalid", **told)


def _refused(runtime: ApiRuntime, query: str, error: OAuth2Error) -> Response:
    """To the app where client and address are known to be good; else to the person, and nowhere else."""
    if error.redirect_uri:
        return RedirectResponse(_back(runtime, query, error), 303)
    lines = [
        "An app sent you here with a request that we cannot answer. Nothing was allowed.",
        str(error.get_error_description()),
    ]
    return _guarded(page("message.html", status=400, title="This did not work", lines=lines, link=None))


def _back(runtime: ApiRuntime, query: str, error: OAuth2Error) -> str:
    return refusal(error, Parameters(query), issuer_of(runtime.settings))


def _sign_in_first(query: str) -> Response:
    here = quote(f"/oauth/authorize?{query}", safe="")
    return RedirectResponse(f"/auth/sign-in?next={here}", 303)


def _account_in(form: Parameters) -> UUID | None:
    try:
        return UUID(form.get("account_id")) if form.get("account_id") else None
    except ValueError:
        raise InvalidRequestError("That is no account.") from None


def _guarded(answer: Response) -> Response:
    answer.headers.update(_PAGE_HEADERS)
    return answer
