"""The examples of the reference page, run as their reader would: in a shell, against an API on a socket."""

import asyncio
import os
import re
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import quote

import httpx
from sqlmodel import SQLModel

from customers import accounts, api_keys, statements
from customers.api_keys import NewKey
from mailcore.attestation import Signer
from mailcore.plans import Plan
from tests.support import rows
from tests.support.api import SignedInPerson, Tenant, World
from tests.support.logged import write
from tests.support.oauth import App, decide, register
from tests.support.stripe import RunningStripe

PATIENCE = 20.0
_EXAMPLE = re.compile(r'<code class="(curl|python)" data-operation="(\w+)">(.*?)</code>', re.DOTALL)
_VARIABLE = re.compile(r"\$(\w+)|os\.environ\[['\"](\w+)['\"]\]")
_ASKED = re.compile(r"status=(\d{3})$")


@dataclass(frozen=True, slots=True)
class Example:
    language: str
    operation: str
    text: str

    @property
    def variables(self) -> set[str]:
        return {first or second for first, second in _VARIABLE.findall(self.text)}

    @property
    def streams(self) -> bool:
        return "--no-buffer" in self.text or "api.stream" in self.text


def examples_of(page: str) -> list[Example]:
    return [Example(lang, operation, unescape(text)) for lang, operation, text in _EXAMPLE.findall(page)]


@dataclass(slots=True)
class Stage:
    """A fresh account for one example, with its owner in a browser, and what else the example names."""

    world: World
    url: str
    number: int
    tenant: Tenant
    owner: SignedInPerson
    stripe: RunningStripe
    made: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def set_up(cls, world: World, url: str, number: int, stripe: RunningStripe) -> "Stage":
        runtime = world.runtime
        email = f"owner{number}@owners.test"
        async with runtime.database.session() as session:
            account = await accounts.create(
                session, world.clock, name="Demo", owner_email=email, plan=Plan.PREMIUM, told=True
            )
            _, secret = await api_keys.create(
                session, world.clock, runtime.keyring, account_id=account.id, new=NewKey("test"), live=False
            )
        http = world.client(Authorization=f"Bearer {secret}")
        tenant = Tenant(account.id, account.verification_token, secret, http)
        return cls(world, url, number, tenant, await world.person(tenant, email=email), stripe)

    async def environment(self, example: Example) -> Mapping[str, str]:
        """What the example reads. Each thing it names is made for it."""
        await self.prepare(example.operation)
        (cookie,) = self.owner.http.cookies.jar
        known = {
            "CLEARPOST_URL": self.url,
            "CLEARPOST_API_KEY": self.tenant.secret,
            "CLEARPOST_COOKIE": f"{cookie.name}={cookie.value}",
        }
        for name in sorted(example.variables - known.keys()):
            known[name] = await MAKERS[name](self)
        if example.operation == "show_consent":
            known["QUERY"] = quote(known["QUERY"])
        return known

    async def domain(self) -> str:
        return str((await self.tenant.claim(f"domain{self.number}.test"))["id"])

    async def alias(self) -> str:
        domain = await self.tenant.claim(f"alias{self.number}.test")
        alias = await self.tenant.alias(domain)
        await self.world.confirm()
        self.world.publish(domain["name"], self.tenant)
        await self.tenant.http.post(f"/v1/domains/{domain['id']}/check")
        return str(alias["id"])

    async def destination(self) -> str:
        return await self._made("/v1/destinations", address="waiting@inbox.test")

    async def key(self) -> str:
        return await self._made("/v1/keys", name="Old script", scopes=["aliases:read"])

    async def member(self) -> str:
        await self.world.person(self.tenant, role="member", email=f"member{self.number}@people.test")
        members = (await self.tenant.http.get("/v1/members")).json()["data"]
        return str(next(each["id"] for each in members if each["email"].startswith("member")))

    async def invitation(self) -> str:
        answer = await self.owner.http.post("/v1/invitations", json={"email": "invited@people.test"})
        return str(answer.json()["id"])

    async def message(self) -> str:
        return str((await write(self.world, self.tenant)).id)

    async def app(self) -> str:
        return str((await register(self.tenant, confidential=True))["id"])

    async def query(self) -> str:
        return (await App.registered(self.world, self.tenant)).query()

    async def grant(self) -> str:
        await decide(self.owner, await self.query())
        return str((await self.tenant.http.get("/v1/oauth/grants")).json()["data"][0]["id"])

    async def support_request(self) -> str:
        return await self._made("/v1/support/requests", reason="Mail is missing")

    async def account(self) -> str:
        return str(self.tenant.id)

    async def session(self) -> str:
        other = await self.world.person(None, email=self.owner.email)
        return str((await other.http.get("/v1/me")).json()["session_id"])

    async def delivery(self) -> str:
        return await self._row("node", "message", "delivery")

    async def identity(self) -> str:
        return await self._row("identity")

    async def passkey(self) -> str:
        return await self._row("passkey")

    async def statement(self) -> str:
        runtime = self.world.runtime
        signer = Signer(runtime.keyring)
        await statements.issue(runtime.database, signer, self.world.clock, self.url)
        return "1"

    async def _row(self, *tables: str) -> str:
        """The id of a row in the last of these tables, and one in each before it."""
        parents = {"account": self.tenant.id, "person": self.owner.id}
        for table in (SQLModel.metadata.tables[name] for name in tables):
            row = rows.made_up(table, parents, self.world.clock)
            statement, arguments = rows.insert(table, row)
            async with self.world.runtime.database.transaction() as tx:
                await tx.execute(statement, *arguments)
            parents[table.name] = row["id"]
        return str(row["id"])

    async def prepare(self, operation: str) -> None:
        """What must have happened before."""
        http = self.owner.http
        match operation:
            case "get_newest_statement":
                await self.statement()
            case "delete_account":
                await http.get("/v1/account/export")
            case "delete_me":
                await self.world.person(self.tenant, email=f"second{self.number}@people.test")
            case "create_claim":
                await self._become_admin()
            case "get_claim" | "delete_claim":
                admin = await self.world.person(self.tenant, role="admin", email=f"adam{self.number}@p.test")
                assert (await admin.http.post("/v1/account/claim")).status_code == 201
            case "open_portal" | "change_subscription":
                page = await http.post("/v1/billing/checkout", json={"plan": "premium"})
                await self.stripe.pay(page.json()["url"])

    async def _become_admin(self) -> None:
        other = f"adam{self.number}@people.test"
        self.owner = await self.world.person(self.tenant, role="admin", email=other)

    async def _made(self, path: str, **body: object) -> str:
        answer = await self.tenant.http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


MAKERS: Mapping[str, Callable[[Stage], Awaitable[str]]] = {
    "DOMAIN_ID": Stage.domain,
    "ALIAS_ID": Stage.alias,
    "DESTINATION_ID": Stage.destination,
    "KEY_ID": Stage.key,
    "MEMBER_ID": Stage.member,
    "INVITATION_ID": Stage.invitation,
    "MESSAGE_ID": Stage.message,
    "APP_ID": Stage.app,
    "QUERY": Stage.query,
    "GRANT_ID": Stage.grant,
    "SUPPORT_REQUEST_ID": Stage.support_request,
    "ACCOUNT_ID": Stage.account,
    "SESSION_ID": Stage.session,
    "DELIVERY_ID": Stage.delivery,
    "IDENTITY_ID": Stage.identity,
    "PASSKEY_ID": Stage.passkey,
    "NUMBER": Stage.statement,
}


def prepare_curl(folder: Path) -> None:
    """It says the status after each answer; an example need not."""
    (folder / ".curlrc").write_text('silent\nshow-error\nwrite-out = "\\nstatus=%{http_code}"\n')


async def run(example: Example, known: Mapping[str, str], folder: Path) -> str:
    """The status it was answered with, or what it said instead."""
    if example.language == "curl" and not shutil.which("curl"):
        return await send(example, known)
    argv = (["bash", "-c"] if example.language == "curl" else [sys.executable, "-c"]) + [example.text]
    environment = {**os.environ, **known, "CURL_HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        *argv, env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        if example.streams:
            line = await process.stdout.readline()
            process.kill()
            await process.communicate()
            return "200" if line.startswith((b"event:", b"id:", b"data:", b"retry:", b":")) else line.decode()
        said = (await process.communicate())[0].decode("utf-8", "replace")
    if example.language == "python":
        return "2xx" if process.returncode == 0 else said
    found = _ASKED.search(said)
    return found[1] if found and process.returncode == 0 and found[1] < "3" else said


async def send(example: Example, known: Mapping[str, str]) -> str:
    """What curl would send, where there is no curl: the words of the shell, read by its own rules."""
    text = re.sub(r"\$(\w+)", lambda match: known[match[1]], example.text.replace("\\\n", " "))
    words = iter(shlex.split(text)[1:])
    method, url, body, headers = "", "", None, {}
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d" | "--data-binary":
                body = next(words)
            case "--no-buffer":
                continue
            case _:
                url = word
    method = method or ("GET" if body is None else "POST")
    async with (
        httpx.AsyncClient() as client,
        client.stream(method, url, content=body, headers=headers) as answer,
    ):
        return str(answer.status_code)
