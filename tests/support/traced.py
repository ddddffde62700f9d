"""A service of which every file is known, run at debug level, and mail whose every word can be found again.

Must never share a server with another test: PostgreSQL and Valkey are its own, so that all that they write is
about this mail.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import redis

from api import staff as staff_api
from api.browser_sessions import cookie_name
from clearpost.ports import free_port
from customers import api_keys, browser_sessions, staff
from customers.api_keys import NewKey
from customers.audit import Actor
from mailcore.database import Database
from mailcore.keyring import Keyring
from tests.faults.ground import Ground
from tests.support.byte_search import Hit, Words, files_in
from tests.support.destination import Destination
from tests.support.relations import Relations, relations_of
from tests.support.sender import sender_at
from tests.support.stack import QUICK_DEATH, Stack, service, trust

_SERVER: Final = (
    "log_min_messages = 'debug5'", "log_duration = on", "log_lock_waits = on", "log_connections = on",
    "log_disconnections = on", "log_checkpoints = on", "wal_keep_size = '4GB'",
)  # fmt: skip
_BOUNDARY: Final = "cut-here"


@dataclass(frozen=True, slots=True)
class House:
    """All of it below `folder`. `http` asks as the account, `sam` as staff."""

    folder: Path
    ground: Ground
    stack: Stack
    http: httpx.AsyncClient
    sam: httpx.AsyncClient
    words: Words

    def alias(self, number: int) -> str:
        return f"{self.words.word('a', number)}+{self.words.word('t', number)}@shop.test"

    async def send(self, number: int, to: str = "", size: int = 0, by: str = "sender.test") -> str:
        """The reply that ended it; as a 421 where nobody answered. Without `by` it
        is a notification from the null reverse-path.
        """
        helo = f"{self.words.word('h', number)}.sender.test"
        content = letter(self.words, number, size) if by else returned(self.words, number)
        sender = f"{self.words.word('f', number)}@{by}" if by else ""
        try:
            async with sender_at(self.stack.settings.mx_port, helo) as door:
                return await door.mail(sender, [to or self.alias(number)], content)
        except OSError:
            return "421 nobody answered"

    async def accepted(self, number: int, to: str = "", size: int = 0, by: str = "sender.test") -> None:
        """Sent again until it is taken, as any sender does while we have a fault."""
        async with asyncio.timeout(30):
            while not (reply := await self.send(number, to, size, by)).startswith("250"):
                assert reply.startswith("4"), reply
                await asyncio.sleep(0.1)

    def files(self) -> list[Path]:
        return files_in(self.folder, (self.ground.postgres.home / "data").resolve())

    async def look(self) -> tuple[list[Hit], Relations]:
        """Every place of every word, once PostgreSQL has written all that it holds."""
        await self.ground.administer("checkpoint")
        hits = await asyncio.to_thread(self.words.find, self.files())
        url = self.stack.settings.database_url.get_secret_value()
        return hits, await relations_of(self.ground.postgres, url)


def letter(words: Words, number: int, size: int = 0) -> bytes:
    """Its body says the same in plain text, quoted-printable and base64, `size` octets apart."""
    body, name, sender = (words.word(kind, number) for kind in "bnf")
    attached = base64.encodebytes(f"{body} {'.' * size} {body}".encode()).replace(b"\n", b"\r\n").decode()
    lines = (
        f"From: {sender} <{sender}@sender.test>",
        "To: you@shop.test",
        f"Subject: =?utf-8?q?caf=C3=A9_{words.word('s', number)}?= {words.word('s', number)}",
        f"Message-ID: <{body}@sender.test>",
        "Date: Mon, 1 Jun 2026 12:00:00 +0000",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"',
        "",
        f"--{_BOUNDARY}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        f"caf=C3=A9 {body}=",
        body,
        f"--{_BOUNDARY}",
        f"Content-Type: application/pdf; name={name}.pdf",
        f"Content-Disposition: attachment; filename={name}.pdf",
        "Content-Transfer-Encoding: base64",
        "",
        attached,
        f"--{_BOUNDARY}--",
        "",
    )
    return "\r\n".join(lines).encode()


def returned(words: Words, number: int) -> bytes:
    """A notification (RFC 3464) that an inbox could not keep what it took, with the message itself."""
    inbox = f"{words.word('r', number)}@inbox.test"
    lines = (
        "From: MAILER-DAEMON@inbox.test",
        f"Subject: Undelivered {words.word('s', number)}",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="back"',
        "",
        "--back",
        "Content-Type: text/plain",
        "",
        f"Sorry, {inbox} is full: {words.word('b', number)}",
        "--back",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; inbox.test",
        "",
        f"Final-Recipient: rfc822; {inbox}",
        "Action: failed",
        "Status: 5.2.2",
        f"Diagnostic-Code: smtp; 552 5.2.2 {inbox} is full",
        "",
        "--back",
        "Content-Type: message/rfc822",
        "",
        letter(words, number).decode(),
        "--back--",
        "",
    )
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def house(folder: Path, words: Words, **routes: Destination) -> AsyncIterator[House]:
    """`routes`: the destinations of inbox.test and others, by their first label. Nothing runs yet."""
    folder = folder / "house"
    ground = Ground(folder)
    await ground.start()
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool tells of each Postgres we kill
    try:
        await _speak_up(ground)
        hops = {f"{name}.test": destination for name, destination in routes.items()}
        changes = {
            "process_log": "debug",
            "api_port": free_port(),
            "first_attempts": 0,
            "standard_ladder": (timedelta(seconds=0.5),),
            **QUICK_DEATH,
        }
        url = await ground.database()
        async with service(url, ground.valkey.url, folder, hops, **changes) as stack:
            trust(stack, "sender.test")
            async with _asking(stack) as (http, sam):
                yield House(folder, ground, stack, http, sam, words)
    finally:
        await ground.stop()


async def _speak_up(ground: Ground) -> None:
    """Both servers say whatever they can say; the write-ahead log is kept from its first octet on."""
    for setting in _SERVER:
        await ground.administer(f"alter system set {setting}")
    await ground.administer("select pg_reload_conf()")
    with redis.Redis.from_url(ground.valkey.url) as client:
        client.config_set("loglevel", "debug")
        client.config_set("rdbcompression", "no")  # what is packed is not found


@asynccontextmanager
async def _asking(stack: Stack) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Over the network: the API is a process of its own."""
    base, keyring = f"http://127.0.0.1:{stack.settings.api_port}", Keyring(stack.settings.key_dir)
    secret, cookie = await _let_in(stack, keyring)
    name = cookie_name(stack.settings, staff_api.COOKIE)
    own = {"Sec-Fetch-Site": "same-origin", "Cookie": f"{name}={cookie}"}
    async with (
        httpx.AsyncClient(base_url=base, headers={"Authorization": f"Bearer {secret}"}, timeout=20) as http,
        httpx.AsyncClient(base_url=base, headers=own, timeout=20) as sam,
    ):
        yield http, sam


async def _let_in(stack: Stack, keyring: Keyring) -> tuple[str, str]:
    """A key of the account, and the cookie of one of our staff."""
    clock = stack.world.clock
    database = await Database.open(stack.settings.database_url.get_secret_value(), size=2)
    try:
        async with database.session() as session:
            new = NewKey("k")
            _, secret = await api_keys.create(
                session, clock, keyring, account_id=stack.account.id, new=new, live=False
            )
            person = await staff.add(session, clock, "sam@staff.test", Actor("service", "operator"))
            cookie = await browser_sessions.create(
                session, clock, keyring, person_id=person.id, account_id=None, method="passkey",
                device="Firefox on Linux", lasts=staff.LASTS, staff=True,
            )  # fmt: skip
    finally:
        await database.close()
    return secret, cookie
