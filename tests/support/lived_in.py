"""An account that is in use: domains well and unwell, aliases, inboxes, a week of mail, people, keys, an app.

So that no screen is empty. Must never be what is under test.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx

from customers import browser_sessions, staff
from customers.audit import Actor
from mailcore.plans import Plan
from tests.support import sender
from tests.support.site import Customer, Site, running_site
from tests.support.stack import until
from tests.support.week import lived
from tests.support.world import AliasRow, DomainRow

GREYLISTED = "451 4.7.1 Greylisted, please try again in a while"
_NAMES = ("hello", "orders", "press", "returns", "jobs", "kim", "billing", "newsletter", "shop", "events")


@dataclass(frozen=True, slots=True)
class LivedIn:
    """Its owner is one of our staff as well; `staff_secret` is what their staff cookie holds."""

    customer: Customer
    domain: DomainRow
    alias: AliasRow
    message_id: UUID
    staff_secret: str


@asynccontextmanager
async def patient_site(database_url: str, redis_url: str, folder: Path) -> AsyncIterator[Site]:
    """Tries again after twenty minutes, so that what waits is there for whoever looks."""
    ladder = (timedelta(minutes=20),)
    async with running_site(
        database_url, redis_url, folder, standard_ladder=ladder, fast_ladder=ladder
    ) as running:
        yield running


async def lived_in(site: Site) -> LivedIn:
    customer = await site.customer(Plan.PREMIUM)
    number, http = customer.number, customer.owner.http
    domain = await customer.domain(f"paperlantern{number}.test")
    old = await customer.domain(f"paperlantern-events{number}.test")
    await customer.domain(f"lantern-archive{number}.test", verified=False)
    aliases = [await customer.alias(domain, name, f"mei{number}@inbox.test") for name in _NAMES]
    await customer.alias(old, "hi", f"mei{number}@inbox.test", f"jonas{number}@inbox.test")
    await _published(customer, domain, "10 mx.clearpost.test.")
    await _published(customer, old, "5 mail.oldhost.test.", "10 mx.clearpost.test.")
    _good(await http.patch(f"/v1/aliases/{aliases[2].id}", json={"enabled": False}))
    _good(await http.post("/v1/destinations", json={"address": f"late{number}@inbox.test"}))
    await lived(customer, domain, *_NAMES[:4])
    await customer.colleague("admin", "ines")
    await customer.colleague("viewer", "jonas")
    _good(await http.post("/v1/invitations", json={"email": f"kim{number}@people.test", "role": "member"}))
    await _developed(http, domain)
    await _waits(customer, domain)
    consent = {
        "reason": "Mail from Ines is missing since Monday",
        "domain_ids": [str(domain.id)],
        "hours": 24,
    }
    _good(await http.post("/v1/support/requests", json=consent))
    listed = _good(await http.get("/v1/logs/messages")).json()["data"]
    return LivedIn(customer, domain, aliases[0], UUID(listed[0]["id"]), await _be_staff(customer))


async def _published(customer: Customer, domain: DomainRow, *mx: str) -> None:
    zone = customer.site.stack.zone
    zone.put_txt(f"_clearpost.{domain.name}", f"clearpost-verification={customer.tenant.token}")
    zone.put(domain.name, "MX", *mx)
    _good(await customer.owner.http.post(f"/v1/domains/{domain.id}/check"))


async def _developed(http: httpx.AsyncClient, domain: DomainRow) -> None:
    key = {"name": "Shop backend", "scopes": ["aliases:read"], "domain_ids": [str(domain.id)]}
    secret = _good(await http.post("/v1/keys", json=key)).json()["secret"]
    for path in ("/v1/aliases", f"/v1/domains/{domain.id}"):
        await http.get(path, headers={"Authorization": f"Bearer {secret}"})
    app = {
        "name": "Lantern sync",
        "homepage": "https://sync.test/",
        "redirect_uris": ["https://sync.test/callback"],
        "scopes": ["aliases:read"],
    }
    _good(await http.post("/v1/oauth/apps", json=app))


async def _waits(customer: Customer, domain: DomainRow) -> None:
    """One message that its inbox puts off."""
    inbox = f"slow{customer.number}@inbox.test"
    customer.site.inbox.script[f"<{inbox}>"] = [GREYLISTED]
    alias = await customer.alias(domain, "slow", inbox)
    async with sender.sender_at(customer.site.stack.settings.mx_port) as connection:
        reply = await connection.mail("ann@sender.test", [alias.address], sender.letter("Spring order"))
        assert reply.startswith("250"), reply

    async def is_put_off() -> bool:
        return bool((await customer.owner.http.get("/v1/queue")).json()["data"])

    await until(is_put_off)


async def _be_staff(customer: Customer) -> str:
    runtime = customer.site.world.runtime
    async with runtime.database.session() as session:
        await staff.add(session, runtime.clock, customer.owner.email, Actor("service", "operator"))
        return await browser_sessions.create(
            session,
            runtime.clock,
            runtime.keyring,
            person_id=customer.owner.id,
            account_id=None,
            method="passkey",
            device="Firefox on Linux",
            lasts=staff.LASTS,
            staff=True,
        )


def _good(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, answer.text
    return answer
