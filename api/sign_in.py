"""Pages of signing in by mail, and of signing out; server-rendered, whole without JavaScript.

Must never tell whether somebody has an account, nor act on GET: programs open the links of mail first.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from api import known_browsers, sign_in_flow
from api.browser_sessions import clear_cookie, read_cookie, refuse_other_sites
from api.pages import TEMPLATES, page
from api.security import MaybePerson, Runtime
from api.sign_in_flow import begin, browser_of, go, local_path, remember_next, too_often
from customers import browser_sessions, letter_rates, people, sign_in_addresses, sign_in_links, sign_up
from customers.sign_in_links import Unusable

router = APIRouter(prefix="/auth", include_in_schema=False)

Token = Annotated[str, Path(max_length=100)]
_OVER: Final = "This link was used, or its 15 minutes are over."
_ELSEWHERE: Final = (
    "This link works in the browser that asked for it, and this is another one.",
    "Open it there: copy its address from the mail. Or ask for a new link here.",
)


@router.get("/sign-in")
async def show_sign_in(
    runtime: Runtime, who: MaybePerson, there: Annotated[str, Query(alias="next")] = ""
) -> HTMLResponse:
    """`next`: a path of ours to go to afterwards."""
    return _form(runtime, who.email if who else "", local_path(there))


@router.get("/passkey.js")
async def show_script() -> FileResponse:
    return FileResponse(TEMPLATES / "passkey.js", media_type="text/javascript")


@router.post("/link")
async def ask_for_link(
    request: Request,
    runtime: Runtime,
    email: Annotated[str, Form()] = "",
    there: Annotated[str, Form(alias="next")] = "",
) -> HTMLResponse:
    """The same for everybody: the same looks, one row, one letter."""
    refuse_other_sites(request, runtime.settings)
    address = people.address_of(email)
    if address is None or address.endswith(f"@{runtime.settings.srs_domain}"):
        return _form(runtime, "", local_path(there), "This is not an address that takes mail.", 422)
    for taken in (
        await sign_in_flow.take(request, runtime),
        await letter_rates.to_sign_in(
            runtime.rates, address, known=known_browsers.knows(request, runtime, address)
        ),
    ):
        if not taken.allowed:
            return too_often(taken)
    remember_next(request, there)
    # The service's own transaction, here and below: who signs in has no account yet.
    async with runtime.database.session() as session:
        known = await people.by_email(session, address)
        undo = await sign_in_addresses.undo_of(session, runtime.clock.now(), address)
        await sign_in_links.ask(
            session,
            runtime.clock,
            runtime.keyring,
            email=address,
            browser=browser_of(request),
            welcome=known is not None or runtime.settings.sign_up_rule == "open",
            undo=undo if known is None else None,
        )
    return page("link_sent.html", title="Look into your inbox", email=address)


@router.get("/link/{token}")
async def show_link(request: Request, runtime: Runtime, token: Token) -> HTMLResponse:
    async with runtime.database.session() as session:
        link = await sign_in_links.look(
            session, runtime.keyring, runtime.clock.now(), token, _browser(request)
        )
    if isinstance(link, Unusable):
        return _unusable(link)
    return page("link.html", title="Sign in", email=link.email, token=token)


@router.post("/link/{token}")
async def use_link(request: Request, runtime: Runtime, who: MaybePerson, token: Token) -> Response:
    refuse_other_sites(request, runtime.settings)
    clock = runtime.clock
    async with runtime.database.session() as session:
        link = await sign_in_links.use(session, runtime.keyring, clock.now(), token, _browser(request))
        if isinstance(link, Unusable):
            return _unusable(link)
        person = await sign_up.admit(session, clock, runtime.settings.sign_up_rule, email=link.email)
        if person is None:
            return closed(await sign_in_addresses.refusal(session, clock.now(), link.email))
        secret = await begin(session, request, runtime, who, person, "link")
    return go(request, runtime, link.email, secret)


@router.post("/sign-out")
async def sign_out(request: Request, runtime: Runtime) -> Response:
    """The session is over for whoever holds its cookie; no error where there is none."""
    refuse_other_sites(request, runtime.settings)
    async with runtime.database.session() as session:
        secret = read_cookie(request, runtime.settings)
        await browser_sessions.revoke_secret(session, runtime.keyring, secret)
    response = RedirectResponse("/auth/sign-in", 303)
    clear_cookie(response, runtime.settings)
    request.session.clear()
    return response


def closed(why: str | None) -> HTMLResponse:
    """Said to somebody who has shown that the address is theirs."""
    lines = [_WHY.get(why or "closed", _WHY["closed"])]
    return page("message.html", status=403, title="No account", lines=lines, link=_AGAIN)


_WHY: Final = {
    "closed": "There is no account with this address, and a new one takes an invitation here.",
    "hosted": sign_in_addresses.HOSTED,
    "left": "Whoever signed in with this address has left it, and may take it back for some days.",
}
_AGAIN: Final = ("/auth/sign-in", "Sign in another way")


def _form(runtime: Runtime, email: str, there: str, error: str = "", status: int = 200) -> HTMLResponse:
    return page(
        "sign_in.html",
        status=status,
        scripts=True,
        title="Sign in",
        providers=runtime.providers.known.values(),
        rule=runtime.settings.sign_up_rule,
        email=email,
        next=there,
        error=error,
    )


def _browser(request: Request) -> str:
    """Of a browser that has asked for something; nothing for any other."""
    return str(request.session.get("browser", ""))


def _unusable(why: Unusable) -> HTMLResponse:
    if why is Unusable.ELSEWHERE:
        return page("message.html", status=403, title="Another browser asked", lines=_ELSEWHERE, link=_AGAIN)
    return page("message.html", status=410, title="This link is over", lines=[_OVER], link=_AGAIN)
