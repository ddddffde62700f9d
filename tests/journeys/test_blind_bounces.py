"""A sender never learns where an alias leads, whatever the destination's server says at whatever moment."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.journeys.conftest import Opener
from tests.support.blind import Words, disguises
from tests.support.destination import CAPABILITIES, Act, Destination, Received, Reply, Script
from tests.support.sender import letter
from tests.support.stack import trust

ADDRESS, HOST, IP = "zorilla.quagga@okapi-house.test", "front-desk.okapi-house.test", "127.0.0.77"
SECRETS = Words(ADDRESS, more=("okapi", "zorilla", "quagga", IP, "front-desk"))
EAI = "größe.quagga@dünnschicht.test"
EAI_SECRETS = Words(EAI, more=("quagga", "127.0.0.77"))


def replies(code: str, address: str = ADDRESS) -> list[Reply]:
    """A server that says it in every dress, in one line and in several, and once in its status code."""
    said: list[Reply] = []
    for text in disguises(address).values():
        lines = [f"{code} {line} {HOST} [{IP}]" for line in text.split("\n")]
        said.append("\r\n".join([f"{line[:3]}-{line[4:]}" for line in lines[:-1]] + lines[-1:]))
    return [*said, f"{code[:3]} {code[4:5]}.127.077 {address}"]


def gossip(script: Script) -> Destination:
    """The destination's server: its banner and its EHLO name it as well."""
    capabilities = (*CAPABILITIES, f"XCLIENT {ADDRESS}", f"X-WE-ARE {HOST}")
    banner = {"CONNECT": f"220 {HOST} for {ADDRESS}"}
    return Destination({**banner, **script}, capabilities=capabilities, name=HOST, host=IP)


def show_nothing(theirs: Destination, said: Sequence[str], words: Words = SECRETS) -> None:
    """Whatever reached the sender: replies in the session, commands of ours, notifications."""
    for message in theirs.messages:
        assert not words.seen_in(message.wire), f"{words.seen_in(message.wire)} in {message.content!r}"
    for text in (*said, *(line for _, line in theirs.commands)):
        assert not words.seen_in(text.encode()), text


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT", "DOT"])
async def test_no_notification_shows_what_the_server_said(opened: Opener, step: str) -> None:
    script = replies("550 5.1.1")
    async with (
        gossip(
            {step: [Act(str(each), drop=True) for each in script] if step == "CONTENT" else script}
        ) as inbox,
        Destination() as theirs,
        opened({"okapi-house.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", ADDRESS)
        await stack.start("mx", "worker")
        said = [await stack.send("hello@shop.test", long_letter()) for _ in script]
        await theirs.wait_for(len(script), timeout=30)
        await stack.idle()
        assert not inbox.messages
    assert all(reply.startswith("250 2.0.0") for reply in said)
    show_nothing(theirs, said)


def long_letter() -> bytes:
    """The server's word comes while content is still on its way."""
    return letter(text="All work and no play makes Jack a dull boy.\r\n" * 40_000)


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "DOT"])
async def test_nor_does_the_one_after_we_have_given_up(opened: Opener, step: str) -> None:
    script: dict[str, Reply] = dict.fromkeys((step, "HELO"), f"451 4.7.1 {ADDRESS} later at {HOST}")
    async with (
        gossip(script) as inbox,
        Destination() as theirs,
        opened(
            {"okapi-house.test": inbox, "sender.test": theirs}, give_up_after=timedelta(seconds=0.1)
        ) as stack,
    ):
        if step == "STARTTLS":
            inbox.capabilities = (*inbox.capabilities, "STARTTLS")
            inbox.script["RCPT"] = f"451 4.7.1 {ADDRESS}"
        await stack.alias("hello", ADDRESS)
        await stack.start("mx", "worker")
        said = [await stack.send("hello@shop.test")]
        await theirs.wait_for(1)
        await stack.idle()
    show_nothing(theirs, said)


async def test_an_internationalised_destination_is_hidden_as_well(opened: Opener) -> None:
    script = replies("550 5.1.1", EAI)
    async with (
        gossip({"RCPT": script}) as inbox,
        Destination() as theirs,
        opened({"xn--dnnschicht-thb.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "größe.quagga@xn--dnnschicht-thb.test")
        await stack.start("mx", "worker")
        said = [await stack.send("hello@shop.test") for _ in script]
        await theirs.wait_for(len(script), timeout=30)
        await stack.idle()
    show_nothing(theirs, said, EAI_SECRETS)


@pytest.mark.parametrize("alias", ["hello", "*"])
async def test_what_a_destination_returns_is_never_passed_on(opened: Opener, alias: str) -> None:
    """By SRS address and, for a catch-all, by an opaque token: a server that names itself in each field."""
    async with (
        gossip({}) as inbox,
        Destination() as theirs,
        opened({"okapi-house.test": inbox, "sender.test": theirs, "two.test": theirs}) as stack,
    ):
        senders = [f"ann@{number}.sender.test" for number in range(len(disguises(ADDRESS)))]
        trust(stack, *(sender.partition("@")[2] for sender in senders))
        await stack.alias(alias, ADDRESS)
        await stack.start("mx", "worker", routes=stack.settings.routes | routes_to(theirs, senders))
        said = []
        for number, (name, text) in enumerate(disguises(ADDRESS).items()):
            said.append(await stack.send("hello@shop.test", by=senders[number]))
            (message,) = (await inbox.wait_for(number + 1))[number:]
            return_path = re.findall(r"<([^>]*)>", message.mail)[0]
            said.append(await stack.send(return_path, returned(text), by=""))
            said.append(await stack.send(return_path, letter(text=text.replace("\n", "\r\n")), by=""))
            assert said[-2].startswith("250 2.0.0"), name
            assert said[-1].startswith("554 5.6.0"), name
        await theirs.wait_for(len(senders), timeout=30)
        await stack.idle()
    show_nothing(theirs, said)


def routes_to(theirs: Destination, senders: Sequence[str]) -> dict[str, str]:
    return {sender.partition("@")[2]: theirs.route for sender in senders}


def returned(text: str) -> bytes:
    """Its words are in every field and part."""
    line = text.replace("\n", "\r\n ")
    return "\r\n".join(
        [
            f"From: {line} <mailer-daemon@{HOST}>",
            f"Subject: {line}",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            f"X-Failed-Recipients: {line}",
            "",
            "--b",
            "Content-Type: text/plain",
            "",
            line,
            "--b",
            "Content-Type: message/delivery-status",
            "",
            f"Reporting-MTA: dns; {HOST}",
            f"Original-Envelope-Id: {line}",
            "",
            f"Original-Recipient: rfc822; {line}",
            f"Final-Recipient: rfc822; {ADDRESS}",
            f"Remote-MTA: dns; {HOST} ({IP})",
            f"Action: failed ({line})",
            f"Status: 5.1.1 ({line})",
            f"Diagnostic-Code: smtp; 550 5.1.1 {line}",
            "",
            "--b",
            "Content-Type: message/rfc822",
            "",
            f"To: {line}",
            f"Delivered-To: {ADDRESS}",
            "",
            line,
            "--b--",
            "",
        ]
    ).encode()


async def test_two_aliases_in_a_row_hide_each_others_destination(opened: Opener) -> None:
    """The first tenant's alias leads to the second's: the sender hears of the first only."""
    async with (
        gossip({"RCPT": f"550 5.1.1 {ADDRESS}"}) as inbox,
        Destination() as theirs,
        opened({"okapi-house.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "secret@inner.test")
        inner = await stack.world.domain(await stack.world.account("inner"), "inner.test")
        await stack.world.alias(inner, "secret", ADDRESS)
        second: dict[str, Any] = {"mx_port": stack.settings.fast_mx_port, "hostname": "mx2.clearpost.test"}
        routes = {
            "inner.test": f"127.0.0.1:{stack.settings.fast_mx_port}",
            "clearpost.test": f"127.0.0.1:{stack.settings.mx_port}",
        }
        trust(stack, "clearpost.test")
        await stack.start("mx", "worker", routes=stack.settings.routes | routes)
        await stack.start("mx", routes=stack.settings.routes | routes, **second)
        said = [await stack.send("hello@shop.test")]
        (told,) = await theirs.wait_for(1)
        await stack.idle()
    show_nothing(theirs, said)
    show_nothing(theirs, said, Words("secret@inner.test", more=("inner.test",)))
    assert b"Final-Recipient: rfc822; hello@shop.test\r\n" in told.content


def status_of(message: Received) -> str:
    found = re.search(rb"\r\nStatus: (\S+)\r\n", message.content)
    assert found
    return found[1].decode()


async def test_no_digits_of_an_address_hide_in_a_status_code(opened: Opener) -> None:
    codes = ["5.127.77", "5.12.7", "5.0.077", "5.7.127", "5.1.1", "5.7.25"]
    async with (
        gossip({"RCPT": [f"550 {code} no" for code in codes]}) as inbox,
        Destination() as theirs,
        opened({"okapi-house.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", ADDRESS)
        await stack.start("mx", "worker")
        for number, _ in enumerate(codes, start=1):
            await stack.accepted("hello@shop.test")
            await theirs.wait_for(number)
        await stack.idle()
    assert [status_of(message) for message in theirs.messages] == [
        "5.0.0",
        "5.0.0",
        "5.0.0",
        "5.7.0",
        "5.1.1",
        "5.7.25",
    ]
