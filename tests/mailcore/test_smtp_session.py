"""The dialogue: a fault of ours is 451, and TLS is offered and told. Each command: tests/dialogues."""

from pathlib import Path

import pytest

from mailcore import replies
from tests.support.small_receiver import SMUGGLED, BrokenContent, SmallReceiver, at_data, serving
from tests.support.smtp_client import connected


@pytest.fixture
def receiver() -> SmallReceiver:
    return SmallReceiver()


async def test_a_fault_of_ours_is_451_and_tells_nothing(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await client.hello()
        assert (await client.envelope("broken@b.test"))[1] == replies.TRY_LATER.line()
        assert await client.say("RCPT TO:<a@b.test>") == replies.RECIPIENT_OK.line()


async def test_after_a_fault_within_data_the_rest_is_not_read_as_commands(tmp_path: Path) -> None:
    receiver = SmallReceiver(BrokenContent)
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(b"Subject: one\r\n\r\n" + SMUGGLED)
        assert await client.rest() == replies.FAULT_IN_DATA.line().encode() + b"\r\n"
    assert receiver.senders == ["someone@sender.test"]
    assert len(receiver.dropped) == 1


async def test_without_a_certificate_starttls_is_454(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        assert "STARTTLS" not in await client.hello()
        assert await client.say("STARTTLS") == replies.TLS_UNAVAILABLE.line()


async def test_the_protocol_of_the_received_field_knows_tls(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path, tls=True) as server, connected(server.port) as client:
        await client.hello()
        await client.starttls()
        await client.say("EHLO client.test")
        await client.envelope("a@b.test")
        assert receiver.peers[0].protocol == "ESMTPS"
        await client.say("HELO client.test")
        assert receiver.peers[0].protocol == "SMTP"
