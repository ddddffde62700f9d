"""Postfix -> us -> Postfix, as mail goes every day. Written with swaks; STARTTLS on both hops."""

import re

import pytest

from tests.interop.between import SERVICE, Between
from tests.interop.swaks import swaks
from tests.support.sender import letter
from tests.support.second_opinion import signs, verifies
from tests.support.signed_mail import rsa_key

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN = "ann@sender.test"


def signed(content: bytes, domain: str = "sender.test") -> bytes:
    """With the DKIM-Signature of dkimpy on top."""
    field = signs(content, rsa_key(), ("relaxed", "relaxed"), domain=domain)
    assert field
    return field + content


async def test_a_signed_message_arrives_once_with_its_bytes_and_its_signature(between: Between) -> None:
    sent = signed(letter())
    async with between.neighbour(ANN) as sender, between.neighbour("you@inbox.test") as inbox:
        alias = await between.stack.alias("hello", "you@inbox.test")
        await swaks(sender, ANN, alias.address, sent)
        await inbox.wait_for("you@inbox.test")
        await between.settled(sender, inbox)
        (arrived,) = inbox.letters("you@inbox.test")
        assert sender.letters(ANN) == []
    assert arrived.content.endswith(sent)
    assert verifies(arrived.content, between.keys)
    assert re.fullmatch(rf"SRS0=\w+=\w\w=sender\.test=ann@{SERVICE}", arrived.return_path)
