"""An API in this process with a real database and DNS stand-in, and accounts to ask it as."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute

import api.main
from api.app import create_app
from api.browser_sessions import cookie_name
from api.runtime import ApiRuntime
from clearpost.ports import free_port
from clearpost.standins.dns import DnsStandin, Zone
from customers import accounts, api_keys, browser_sessions, people
from customers.api_keys import NewKey
from customers.callers import ALL, Role, Scope
from mailcore.clock import ShiftedClock
from mailcore.database import LaneOfNode, Tell
from mailcore.plans import Plan
from mailcore.settings import Settings

_routes: list[BaseRoute] = []


def app_around(runtime: ApiRuntime) -> FastAPI:
    """As it is served, but with the routes of the first one made here: the framework prepares them when they
    are first asked, which takes longer than most tests, and they know of no runtime.
    """
    app = create_app(runtime)
    if not _routes:
        _routes.extend(app.router.routes)
    app.router.routes = _routes
    return app


class StepClock(ShiftedClock):
    """A clock that `step` moves on, both of its faces: caches expire without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._stepped = 0.0

    def step(self, by: timedelta) -> None:
        self.shift += by
        self._stepped += by.total_seconds()

    def monotonic(self) -> float:
        return super().monotonic() + self._stepped


@dataclass(slots=True)
class Tenant:
    """An account and a client that asks with its key."""

    id: UUID
    token: str
    secret: str
    http: httpx.AsyncClient

    async def claim(self, name: str = "example.test") -> dict[str, Any]:
        answer = await self.http.post("/v1/domains", json={"name": name})
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def alias(
        self, domain: dict[str, Any], local_part: str = "hello", **fields: object
    ) -> dict[str, Any]:
        body = {"local_part": local_part, "destinations": ["you@inbox.test"], **fields}
        answer = await self.http.post(f"/v1/domains/{domain['id']}/aliases", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]


@dataclass(slots=True)
class SignedInPerson:
    """A person in their browser: a client that asks with its session cookie, as pages of ours do."""

    id: UUID
    email: str
    secret: str
    http: httpx.AsyncClient


class World:
    """One API with all that stands around it."""

    def __init__(self, runtime: ApiRuntime, clock: StepClock, dns: DnsStandin) -> None:
        self.runtime = runtime
        self.clock = clock
        self.zone: Zone = dns.zone
        self.dns = dns
        self.woken: list[frozenset[LaneOfNode]] = []
        self.app = app_around(runtime)
        self.anonymous = self.client()
        self._clients = [self.anonymous]

    def client(self, **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers)

    async def tenant(self, name: str = "one", plan: Plan = Plan.FREE) -> Tenant:
        runtime = self.runtime
        async with runtime.database.session() as session:
            email = f"{name}@owners.test"
            account = await accounts.create(
                session, self.clock, name=name, owner_email=email, plan=plan, told=True
            )
            _, secret = await api_keys.create(
                session, self.clock, runtime.keyring, account_id=account.id, new=NewKey("test"), live=False
            )
        client = self.client(Authorization=f"Bearer {secret}")
        self._clients.append(client)
        return Tenant(account.id, account.verification_token, secret, client)

    async def key(self, tenant: Tenant, *scopes: Scope, domain_ids: Iterable[str] = ()) -> httpx.AsyncClient:
        """A client with another key of the account: with these scopes, for these domains; for all if none."""
        limited = frozenset(map(UUID, domain_ids)) or None
        new = NewKey("narrow", frozenset(scopes) or ALL, limited)
        async with self.runtime.database.session() as session:
            _, secret = await api_keys.create(
                session, self.clock, self.runtime.keyring, account_id=tenant.id, new=new, live=False
            )
        client = self.client(Authorization=f"Bearer {secret}")
        self._clients.append(client)
        return client

    async def person(
        self, tenant: Tenant | None = None, role: str = "owner", email: str = "person@people.test"
    ) -> SignedInPerson:
        """Somebody signed in by a link; in this account with this role, or in none."""
        runtime = self.runtime
        account_id = tenant.id if tenant else None
        async with runtime.database.session() as session:
            found = await people.ensure(session, self.clock, email)
            if account_id is not None:
                await people.join(
                    session, self.clock, account_id=account_id, person_id=found.id, role=Role(role)
                )
            secret = await browser_sessions.create(
                session,
                self.clock,
                runtime.keyring,
                person_id=found.id,
                account_id=account_id,
                method="link",
                device="Firefox on Linux",
                lasts=runtime.settings.session_lasts,
            )
        client = self.browser()
        client.cookies.set(cookie_name(runtime.settings), secret, domain="api.test")
        return SignedInPerson(found.id, email, secret, client)

    def browser(self) -> httpx.AsyncClient:
        """A browser with cookies of its own that shows our pages; closed with the world."""
        client = self.client(**{"Sec-Fetch-Site": "same-origin"})
        self._clients.append(client)
        return client

    async def confirm(self) -> None:
        """Every destination there is has said yes to mail."""
        async with self.runtime.database.transaction() as tx:
            await tx.execute("update destination set confirmed_at = now() where confirmed_at is null")

    def publish(self, name: str, *tenants: Tenant) -> None:
        """These accounts' tokens, and nobody else's, are in the DNS of the name; caches have expired."""
        if tenants:
            self.zone.put_txt(f"_clearpost.{name}", *(f"clearpost-verification={t.token}" for t in tenants))
        else:
            self.zone.remove(f"_clearpost.{name}")
        self.clock.step(timedelta(minutes=2))

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
        await self.runtime.close()


@asynccontextmanager
async def running_api(
    database_url: str, folder: Path, *, tell: Tell = lambda: None, **changes: Any
) -> AsyncIterator[World]:
    async with DnsStandin() as dns:
        values: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "dns_servers": (dns.address,),
            "key_dir": folder / "keys",
            "spool_dir": folder / "spool",
        }
        clock = StepClock()
        woken: list[frozenset[LaneOfNode]] = []
        settings = Settings(**(values | changes))
        runtime = await ApiRuntime.open(settings, clock=clock, wake=woken.append, tell=tell)
        world = World(runtime, clock, dns)
        world.woken = woken
        try:
            yield world
        finally:
            await world.close()


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[str]:
    """The URL of the API as it is served to customers: uvicorn, on the world's database."""
    port = free_port()
    ready = asyncio.Event()
    served = world.runtime.settings.model_copy(update={"api_port": port})
    serving = asyncio.create_task(api.main.serve(served, on_ready=ready.set))
    try:
        async with asyncio.timeout(10):
            await ready.wait()
        yield f"http://127.0.0.1:{port}"
    finally:
        serving.cancel()
        await asyncio.wait({serving})
