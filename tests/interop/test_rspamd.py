"""A real rspamd beside our mx: its score refuses, its silence does not, and it keeps nothing of the mail."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from clearpost.embedded.valkey import EmbeddedValkey
from tests.interop.rspamd import Rspamd, running_rspamd
from tests.support.mx import Mx, Surroundings, running_mx, surroundings
from tests.support.services import TestPostgres

pytestmark = pytest.mark.asyncio(loop_scope="module")
# What every spam filter takes for spam, so that it can be tried.
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
QUEUED = "250 2.0.0 Queued as"


def message(body: bytes) -> bytes:
    head = (
        b"From: Ada <ada@sender.test>",
        b"To: hello@shop.test",
        b"Subject: the secret subject",
        b"Date: Mon, 05 Jan 2026 10:00:00 +0000",
        b"Message-ID: <secret-id@sender.test>",
    )
    return b"\r\n".join((*head, b"", body, b""))


def multipart(*parts: bytes) -> bytes:
    head, _, _ = message(b"").partition(b"\r\n\r\n")
    kind = b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    body = b"".join(b"\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + part for part in parts)
    return head + kind + body + b"\r\n--b--\r\n"


HAM, SPAM = message(b"See you tomorrow at nine."), message(GTUBE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def around(
    migrated_postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Surroundings]:
    url = await migrated_postgres.create_database()
    async with surroundings(url, valkey.url, tmp_path_factory.mktemp("around")) as made:
        account = await made.world.account("free")
        await made.world.alias(await made.world.domain(account, "shop.test"), "hello", "you@inbox.test")
        calm = await made.world.domain(account, "calm.test")
        await made.world.alias(calm, "hello", "you@inbox.test")
        await made.world.execute("update domain set spam_threshold = null where id = $1", calm.id)
        yield made
    await migrated_postgres.drop_database(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rspamd(around: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rspamd]:
    async with running_rspamd(tmp_path_factory.mktemp("rspamd"), around.dns.address) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mx(around: Surroundings, rspamd: Rspamd) -> AsyncIterator[Mx]:
    async with running_mx(around.changed(rspamd_url=rspamd.url).settings) as running:
        yield running


async def send(mx: Mx, content: bytes, to: str = "hello@shop.test") -> str:
    async with mx.client() as client:
        await client.hello()
        await client.envelope(to)
        return await client.content(content)


async def test_spam_is_refused_with_its_score(mx: Mx) -> None:
    said = await send(mx, SPAM)
    assert said == "550 5.7.1 Message looks like spam: score 15.0, this recipient takes less than 15"


async def test_mail_between_people_is_taken(mx: Mx) -> None:
    assert (await send(mx, HAM)).startswith(QUEUED)


async def test_a_message_that_waits_on_disk_is_shown_whole(mx: Mx) -> None:
    """Its last part tells: rspamd looks for this text in short ones only."""
    lines = [b"nothing to see in this line"] * 20_000
    said = await send(mx, multipart(b"\r\n".join(lines), GTUBE))
    assert said.startswith("550 5.7.1 Message looks like spam")


async def test_whose_owner_wants_no_filter_gets_all(mx: Mx) -> None:
    assert (await send(mx, SPAM, "hello@calm.test")).startswith(QUEUED)


async def test_it_keeps_nothing_of_a_message_and_mail_flows_without_it(mx: Mx, rspamd: Rspamd) -> None:
    """The last of all: it is stopped, and writes down what it would keep."""
    await send(mx, SPAM)
    await send(mx, HAM)
    await rspamd.stop()
    for secret in ("secret", "sender.test", "shop.test", "inbox.test", "client.test"):
        assert secret not in rspamd.written()
    assert (await send(mx, SPAM)).startswith(QUEUED)
