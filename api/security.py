"""Who asks, what they may, and the request's one transaction.

Must never accept a key from anywhere but the Authorization header, nor say why one was refused; nor let a
browser's cookie count where there is such a header, or where another site's page sent it.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel.ext.asyncio.session import AsyncSession

from api import rate_limits
from api.browser_sessions import NAME, read_cookie, refuse_other_sites
from api.runtime import ApiRuntime
from customers import api_keys, browser_sessions, oauth_grants
from customers.audit import Actor
from customers.browser_sessions import SignedIn
from customers.callers import Caller, Role, Scope
from customers.oauth_secrets import Secret
from mailcore.clock import Clock
from mailcore.errors import Forbidden, Unauthorized

_FRESH: Final = timedelta(minutes=10)
_bearer = HTTPBearer(
    auto_error=False, bearerFormat="cp_live_...", description="An API key of the account, or an app's token."
)
_cookie = APIKeyCookie(
    name=NAME,
    scheme_name="BrowserSession",
    auto_error=False,
    description="A person who is signed in in their browser; `__Host-` stands before the name on https.",
)


def runtime(request: Request) -> ApiRuntime:
    found = request.app.state.runtime
    assert isinstance(found, ApiRuntime)
    return found


async def _runtime(request: Request) -> ApiRuntime:
    """A coroutine: for each request FastAPI sends what is none to a thread."""
    return runtime(request)


Runtime = Annotated[ApiRuntime, Depends(_runtime)]


async def caller(
    request: Request,
    runtime: Runtime,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """Who is behind the key, or else the person behind the cookie. Read by itself: a resource may wait for
    DNS without a transaction.
    """
    try:
        if "authorization" in request.headers:
            found = await _by_secret(runtime, credentials.credentials if credentials else "")
        else:
            found = await _by_cookie(request, runtime)
    except Unauthorized:
        await rate_limits.count_failure(request, runtime)
        raise
    request.state.caller = found
    await rate_limits.take(request, runtime, found)
    return found


async def _by_secret(runtime: ApiRuntime, secret: str) -> Caller:
    authenticate = oauth_grants.authenticate if secret.startswith(Secret.ACCESS) else api_keys.authenticate
    found = await authenticate(runtime.database, runtime.keyring, runtime.clock.now(), secret)
    if found is None:
        raise _unknown()
    return found


async def _by_cookie(request: Request, runtime: ApiRuntime) -> Caller:
    person = await signed_in(request, runtime)
    if person is None:
        raise _unknown()
    if person.caller is None:
        raise Forbidden("Choose an account first: POST /v1/me/account.", code="account_needed")
    return person.caller


def _unknown() -> Unauthorized:
    return Unauthorized("Send a valid API key: Authorization: Bearer cp_...")


async def signed_in(request: Request, runtime: Runtime) -> SignedIn | None:
    """The person whose browser this is, in an account or in none; read once for each request.

    Raises Forbidden for other sites.
    """
    if not hasattr(request.state, "signed_in"):
        request.state.signed_in = await _read_cookie(request, runtime)
    found: SignedIn | None = request.state.signed_in
    return found


async def _read_cookie(request: Request, runtime: ApiRuntime) -> SignedIn | None:
    if not (secret := read_cookie(request, runtime.settings)):
        return None
    refuse_other_sites(request, runtime.settings)
    now, idle = runtime.clock.now(), runtime.settings.session_idle
    return await browser_sessions.read(runtime.database, runtime.keyring, now, secret, idle=idle)


async def person(
    request: Request,
    runtime: Runtime,
    found: Annotated[SignedIn | None, Depends(signed_in)],
    _: Annotated[str | None, Depends(_cookie)],
) -> SignedIn:
    """For what is a person's own and needs no account. Raises Unauthorized, Forbidden for a key or an app."""
    if "authorization" in request.headers:
        await caller(request, runtime, await _bearer(request))
        raise _person_needed()
    if found is None:
        raise Unauthorized("Sign in first.")
    return found


def _person_needed() -> Forbidden:
    return Forbidden("This is for a person who is signed in, not for a key.", code="person_needed")


def fresh_until(who: SignedIn) -> datetime:
    """A sign-in of a moment ago counts until then: for what a browser left open must not do."""
    return who.created_at + _FRESH


def is_fresh(who: SignedIn, clock: Clock) -> bool:
    return clock.now() < fresh_until(who)


async def fresh_person(me: Annotated[SignedIn, Depends(person)], runtime: Runtime) -> SignedIn:
    """Raises Unauthorized, Forbidden."""
    if not is_fresh(me, runtime.clock):
        raise Forbidden("Sign in again for this.", code="sign_in_again")
    return me


async def open_own_session(
    request: Request, runtime: Runtime, _: Annotated[SignedIn, Depends(person)]
) -> AsyncIterator[AsyncSession]:
    """One transaction as the service: how people sign in belongs to no account. The queries it is used for
    name the person.
    """
    async with runtime.database.session() as session:
        request.state.session = session
        yield session


class Needs:
    """A dependency: the caller, if they have this scope, and this role where people are asked.

    `person`: only somebody in their browser, never a key or an app. `whole_account`: not a key that is
    limited to some domains. `apps` False: no app, since what it begins outlasts its grant.
    `even_suspended`: changes what somebody may change whose account is suspended: to take out, close, end.
    """

    def __init__(
        self,
        scope: Scope,
        *,
        role: Role | None = None,
        person: bool = False,
        whole_account: bool = False,
        apps: bool = True,
        even_suspended: bool = False,
    ) -> None:
        self.scope = scope
        self.role = role
        self.person = person
        self.whole_account = whole_account
        self.apps = apps and not person
        self.reads = scope.endswith(":read") or even_suspended

    async def __call__(self, who: Annotated[Caller, Depends(caller)]) -> Caller:
        if self.scope not in who.scopes:
            raise Forbidden(
                f"This needs the scope {self.scope}, which this caller lacks.",
                code="scope_missing",
                scope=self.scope,
            )
        if who.is_suspended and not self.reads:
            raise Forbidden("This account is suspended: nothing of it changes now.", code="account_suspended")
        if self.person and who.person_id is None:
            raise _person_needed()
        if not self.apps and who.kind == "app":
            detail = "No app begins what outlasts that which a person let it do: use a key, or sign in."
            raise Forbidden(detail, code="outlives_caller")
        if self.role is not None and who.person_id is not None and not _reaches(who.role, self.role):
            raise Forbidden(f"This needs the role {self.role}.", code="role_missing", role=self.role)
        if self.whole_account and who.domain_ids is not None:
            raise Forbidden("This key is limited to some domains.", code="domain_limited")
        return who


_ORDER = (Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)


def _reaches(role: Role | None, wanted: Role) -> bool:
    return role is not None and _ORDER.index(role) >= _ORDER.index(wanted)


async def actor(request: Request, who: Annotated[Caller, Depends(caller)]) -> Actor:
    """The caller as the audit log shows them."""
    return Actor.of(who, request.state.request_id)


async def open_session(
    request: Request, runtime: Runtime, who: Annotated[Caller, Depends(caller)]
) -> AsyncIterator[AsyncSession]:
    """One transaction that sees the caller's rows only, committed before the answer: see `Session`."""
    async with runtime.database.session(who.tenant) as session:
        request.state.session = session
        yield session


Who = Annotated[Caller, Depends(caller)]
MaybePerson = Annotated[SignedIn | None, Depends(signed_in)]
Me = Annotated[SignedIn, Depends(person)]
FreshMe = Annotated[SignedIn, Depends(fresh_person)]
writes_account = Needs(Scope.ACCOUNT_WRITE, role=Role.ADMIN, whole_account=True)
closes_doors = Needs(Scope.ACCOUNT_WRITE, role=Role.ADMIN, whole_account=True, even_suspended=True)
# Who belongs to the account is for people to say: whom a key or an app lets in stays when it has ended.
as_admin = Needs(Scope.ACCOUNT_WRITE, role=Role.ADMIN, person=True)
ReadsDomains = Annotated[Caller, Depends(Needs(Scope.DOMAINS_READ))]
ClaimsDomains = Annotated[Caller, Depends(Needs(Scope.DOMAINS_WRITE, whole_account=True))]
WritesDomains = Annotated[Caller, Depends(Needs(Scope.DOMAINS_WRITE))]
ReadsAliases = Annotated[Caller, Depends(Needs(Scope.ALIASES_READ))]
ReadsDestinations = Annotated[Caller, Depends(Needs(Scope.ALIASES_READ, whole_account=True))]
WritesDestinations = Annotated[Caller, Depends(Needs(Scope.ALIASES_WRITE, whole_account=True))]
WritesAliases = Annotated[Caller, Depends(Needs(Scope.ALIASES_WRITE))]
ReadsLogs = Annotated[Caller, Depends(Needs(Scope.LOGS_READ))]
ReadsAccount = Annotated[Caller, Depends(Needs(Scope.ACCOUNT_READ, whole_account=True))]
WritesAccount = Annotated[Caller, Depends(writes_account)]
ClosesDoors = Annotated[Caller, Depends(closes_doors)]
MakesSecrets = Annotated[
    Caller, Depends(Needs(Scope.ACCOUNT_WRITE, role=Role.ADMIN, whole_account=True, apps=False))
]
ReadsBilling = Annotated[Caller, Depends(Needs(Scope.BILLING_READ, whole_account=True))]
WritesBilling = Annotated[
    Caller,
    Depends(Needs(Scope.BILLING_WRITE, role=Role.OWNER, whole_account=True, even_suspended=True)),
]
_owner_in_person = Needs(Scope.ACCOUNT_WRITE, role=Role.OWNER, person=True, even_suspended=True)


async def fresh_owner(who: Annotated[Caller, Depends(_owner_in_person)], _: FreshMe) -> Caller:
    """Raises Forbidden where the browser was left open."""
    return who


# What only somebody who owns the account may do, in person, and who signed in a moment ago.
OwnsAccount = Annotated[Caller, Depends(fresh_owner)]
AsAdmin = Annotated[Caller, Depends(as_admin)]
AsMember = Annotated[Caller, Depends(Needs(Scope.ACCOUNT_READ, person=True))]
Doer = Annotated[Actor, Depends(actor)]
# Without scope="function" FastAPI would commit after the response: a failing commit would have answered 200.
Session = Annotated[AsyncSession, Depends(open_session, scope="function")]
OwnSession = Annotated[AsyncSession, Depends(open_own_session, scope="function")]
