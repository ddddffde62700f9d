"""Signing in by an identity provider: to it, and back from it.

An identity that nobody is known by signs in whom its verified address names only after that person has shown,
in this browser and another way, that they are that person. Must never link by an address alone.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import HTMLResponse

from api import sign_in_flow
from api.browser_sessions import origin, refuse_other_sites
from api.pages import page
from api.providers import Fault, Provider
from api.security import Runtime, is_fresh, signed_in
from api.sign_in import closed
from api.sign_in_flow import begin, go, local_path, remember_next, too_often, wait_for_proof
from customers import identities, people
from customers.identities import Vouched
from mailcore.errors import NotFound

router = APIRouter(prefix="/auth/providers", include_in_schema=False)

Name = Annotated[str, Path(max_length=50)]
_AGAIN: Final = ("/auth/sign-in", "Sign in another way")


@router.post("/{name}")
async def ask_provider(
    request: Request,
    runtime: Runtime,
    name: Name,
    there: Annotated[str, Form(alias="next")] = "",
    link: Annotated[bool, Form()] = False,
) -> Response:
    """`link`: whoever is signed in here adds this identity to theirs."""
    refuse_other_sites(request, runtime.settings)
    provider = _provider(runtime, name)
    if not (taken := await sign_in_flow.take(request, runtime)).allowed:
        return too_often(taken)
    request.session.pop("link", None)
    if link:
        who = await signed_in(request, runtime)
        if who is None or not is_fresh(who, runtime.clock):
            return _said(403, "Sign in again", "To add a way of signing in, sign in again first.")
        request.session["link"] = str(who.session_id)
    remember_next(request, there)
    try:
        return await runtime.providers.redirect(request, provider, _callback(runtime, name))
    except Fault:
        return _failed(provider)


@router.get("/{name}/callback")
async def hear_provider(request: Request, runtime: Runtime, name: Name) -> Response:
    provider = _provider(runtime, name)
    try:
        seen = await runtime.providers.read(request, provider)
    except Fault:
        return _failed(provider)
    if (session_id := request.session.pop("link", None)) is not None:
        return await _link(request, runtime, provider, seen, str(session_id))
    return await _sign_in(request, runtime, provider, seen)


async def _sign_in(request: Request, runtime: Runtime, provider: Provider, seen: Vouched) -> Response:
    before = await signed_in(request, runtime)
    # The service's own transaction, here and below: who signs in has no account yet.
    async with runtime.database.session() as session:
        found = await identities.resolve(session, runtime.clock, runtime.settings.sign_up_rule, seen)
        if isinstance(found, str):
            return _unknown(request, provider, seen, found)
        secret = await begin(session, request, runtime, before, found, "provider")
    return go(request, runtime, found.email, secret)


async def _link(
    request: Request, runtime: Runtime, provider: Provider, seen: Vouched, session_id: str
) -> Response:
    """For the session that asked, and no other that this browser may have by now."""
    who = await signed_in(request, runtime)
    if who is None or str(who.session_id) != session_id:
        return _said(403, "Sign in again", "To add a way of signing in, sign in again first.")
    async with runtime.database.session() as session:
        person = await people.get(session, who.person_id)
        done = await identities.link(session, runtime.clock, person, seen.issuer, seen.subject)
    if not done:
        return _said(409, "Linked already", f"This account at {provider.label} signs somebody in already.")
    there = local_path(str(request.session.get("next", "")))
    title, line = "Linked", f"You can sign in with {provider.label} from now on."
    return page("message.html", title=title, lines=[line], link=(there, "Go on"))


def _unknown(request: Request, provider: Provider, seen: Vouched, why: identities.Unknown) -> HTMLResponse:
    if why == "confirm":
        wait_for_proof(request, seen)
        return page(
            "confirm_identity.html",
            title="Is it you?",
            email=seen.email,
            label=provider.label,
            next=local_path(str(request.session.get("next", ""))),
        )
    if why == "unverified":
        line = f"{provider.label} does not say that your address is verified: sign in by mail."
        return _said(403, "Not verified", line)
    return closed(why)


def _provider(runtime: Runtime, name: str) -> Provider:
    if (provider := runtime.providers[name]) is None:
        raise NotFound("There is no such provider.")
    return provider


def _callback(runtime: Runtime, name: str) -> str:
    """Registered at the provider, and never made from what a request says of its host."""
    return f"{origin(runtime.settings)}/auth/providers/{name}/callback"


def _failed(provider: Provider) -> HTMLResponse:
    line = f"{provider.label} did not sign you in. Try again, or sign in another way."
    return _said(400, "That did not work", line)


def _said(status: int, title: str, line: str) -> HTMLResponse:
    return page("message.html", status=status, title=title, lines=[line], link=_AGAIN)
