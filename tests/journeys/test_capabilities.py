"""What a next hop can take (SIZE, 8BITMIME, SMTPUTF8): never more is asked of it than a message needs, never
less is said, and what it cannot take is a clear failure (RFC 1870, 6152, 6531).
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import pytest

from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import letter, send
from tests.support.stack import Stack

SIZE, EIGHT, UTF8 = "SIZE 60000000", "8BITMIME", "SMTPUTF8"
HOPS = {
    "full": (SIZE, EIGHT, UTF8),
    "eight": (SIZE, EIGHT),
    "utf8": (SIZE, UTF8),  # RFC 6531 section 3.1 asks for 8BITMIME as well
    "seven": (SIZE,),
    "bare": (),
    "old": None,  # knows HELO alone
}
PLAIN = letter()
BODY = letter(text="Grüße aus dem Text")
HEADER = letter("Grüße aus dem Kopf")
EAI = "jürgen@sender.test"


@dataclass(frozen=True, slots=True)
class Case:
    """A message, and what MAIL says of it (`needs`, of what is announced), or the code of its failure."""

    content: bytes
    said: Sequence[str] = ()
    sender: str = "ann@sender.test"
    local_part: str = "you"
    needs: Sequence[str] = ()


CASES = {
    "ascii": Case(PLAIN),
    "ascii said to be 8-bit": Case(PLAIN, ["BODY=8BITMIME"]),
    "ascii said to need SMTPUTF8": Case(PLAIN, ["SMTPUTF8"]),
    "8-bit body": Case(BODY, ["BODY=8BITMIME"], needs=["BODY=8BITMIME"]),
    "8-bit body, not said": Case(BODY, needs=["BODY=8BITMIME"]),
    "8-bit body said to need SMTPUTF8": Case(BODY, ["BODY=8BITMIME", "SMTPUTF8"], needs=["BODY=8BITMIME"]),
    "UTF-8 header": Case(HEADER, ["SMTPUTF8"], needs=["BODY=8BITMIME", "SMTPUTF8"]),
    "raw 8-bit header": Case(HEADER, needs=["BODY=8BITMIME"]),
    "UTF-8 sender": Case(PLAIN, ["SMTPUTF8"], sender=EAI),
    "UTF-8 destination": Case(PLAIN, local_part="größe", needs=["SMTPUTF8"]),
}


def failure(case: Case, capabilities: Sequence[str]) -> str:
    """The code of FAULTS where the next hop lacks something, in the order in which that matters."""
    if "SMTPUTF8" in case.needs and UTF8 not in capabilities:
        return "5.6.9" if case.local_part.isascii() else "5.6.7"
    return "5.6.3" if "BODY=8BITMIME" in case.needs and EIGHT not in capabilities else ""


@asynccontextmanager
async def hops(**capabilities: Sequence[str] | None) -> AsyncIterator[dict[str, Destination]]:
    """A destination for each, by its domain."""
    async with AsyncExitStack() as stack:
        made = {}
        for name, known in capabilities.items():
            script = {"EHLO": "502 5.5.1 what?"} if known is None else {}
            made[f"{name}.test"] = await stack.enter_async_context(
                Destination(script, capabilities=known or ())
            )
        yield made


async def alias_for(stack: Stack, domain: str, local_part: str) -> str:
    name = f"{local_part}.{domain}" if local_part.isascii() else f"other.{domain}"
    await stack.alias(name, f"{local_part}@{domain}")
    return f"{name}@shop.test"


async def ending(stack: Stack, message_id: UUID) -> tuple[str, str]:
    await stack.idle()
    last = (await stack.timeline(message_id))[-1]
    return last.type, last.code


@pytest.mark.parametrize("name", CASES)
async def test_each_message_at_each_next_hop(opened: Opener, name: str) -> None:
    case = CASES[name]
    async with (
        hops(**HOPS) as destinations,
        Destination() as theirs,
        opened(destinations | {"sender.test": theirs}) as stack,
    ):
        await stack.start("mx", "worker")
        for hop, known in HOPS.items():
            capabilities = known or ()
            alias = await alias_for(stack, f"{hop}.test", case.local_part)
            reply = await send(stack.settings.mx_port, case.sender, alias, case.content, *case.said)
            assert reply.startswith("250 2.0.0 Queued as "), reply
            ended = await ending(stack, UUID(reply.rpartition(" ")[2]))
            inbox = destinations[f"{hop}.test"]
            if code := failure(case, capabilities):
                assert ended == ("hard-bounced", code), hop
                assert not [line for _, line in inbox.commands if line.startswith("MAIL")], hop
                continue
            assert ended[0] == "delivered", (hop, ended)
            (message,) = inbox.messages
            assert message.content.endswith(case.content), hop
            top = message.content.removesuffix(case.content)
            assert top.isascii(), f"{hop}: what we put on top is ASCII"
            path, _, parameters = message.mail.partition("> ")
            assert path.isascii(), f"{hop}: and so is our reverse-path"
            size = [f"SIZE={len(message.content)}"] if SIZE in capabilities else []
            assert parameters.split() == [*size, *case.needs], hop


async def test_a_failure_is_told_to_an_internationalised_sender_in_their_own_letters(opened: Opener) -> None:
    async with (
        hops(seven=HOPS["seven"]) as destinations,
        Destination() as theirs,
        opened(destinations | {"sender.test": theirs}) as stack,
    ):
        alias = await alias_for(stack, "seven.test", "you")
        await stack.start("mx", "worker")
        assert (await send(stack.settings.mx_port, EAI, alias, HEADER, "SMTPUTF8")).startswith("250")
        (told,) = await theirs.wait_for(1)
        await stack.idle()
    assert told.mail.endswith(" SMTPUTF8")
    assert told.rcpt == (f"RCPT TO:<{EAI}>",)
    assert b"Status: 5.6.9\r\n" in told.content


async def test_a_destination_in_u_labels_is_written_in_a_labels_and_needs_no_smtputf8(opened: Opener) -> None:
    """However the alias was written to; the destination's own domain is A-labels since it was confirmed."""
    async with (
        Destination(capabilities=HOPS["seven"] or ()) as inbox,
        opened({"xn--bcher-kva.test": inbox}) as stack,
    ):
        domain = await stack.world.domain(stack.account, "xn--mnchen-3ya.test")
        await stack.world.alias(domain, "hello", "you@xn--bcher-kva.test")
        await stack.start("mx")
        for alias in ("hello@xn--mnchen-3ya.test", "hello@münchen.test", "hello@MÜNCHEN.test"):
            parameters = [] if alias.isascii() else ["SMTPUTF8"]
            reply = await send(stack.settings.mx_port, "ann@sender.test", alias, PLAIN, *parameters)
            assert reply.startswith("250"), reply
        messages = await inbox.wait_for(3)
        await stack.idle()
    assert {message.rcpt for message in messages} == {("RCPT TO:<you@xn--bcher-kva.test>",)}
    assert not [message for message in messages if "SMTPUTF8" in message.mail]


# --- SIZE ---


async def test_a_limit_counts_what_we_put_on_top(opened: Opener) -> None:
    large = letter(text="x" * 60 + "\r\n" + "All work and no play makes Jack a dull boy.\r\n" * 2000)
    limits = {
        "above": (f"SIZE {len(large) + 20_000}",),
        "between": (f"SIZE {len(large) + 20}",),  # room for what came, not for what goes
        "below": (f"SIZE {len(large) - 1}",),
    }
    async with (
        hops(**limits) as destinations,
        Destination() as theirs,
        opened(destinations | {"sender.test": theirs}) as stack,
    ):
        await stack.start("mx", "worker")
        for name, wanted in {
            "above": ("delivered", "2.0.0"),
            "between": ("hard-bounced", "5.3.4"),
            "below": ("hard-bounced", "5.3.4"),
        }.items():
            alias = await alias_for(stack, f"{name}.test", "you")
            assert await ending(stack, await stack.accepted(alias, large)) == wanted, name
        for name in ("between", "below"):
            said = [line.split(" ")[0] for _, line in destinations[f"{name}.test"].commands]
            assert not {"MAIL", "RCPT", "DATA"} & set(said), name
        (message,) = destinations["above.test"].messages
        declared = re.findall(r" SIZE=(\d+)", message.mail)
        assert declared == [str(len(message.content))]
        assert message.content.endswith(large)


@pytest.mark.parametrize(
    "size", ["SIZE", "SIZE 0", "SIZE unlimited", "SIZE -1", "SIZE 1e3", "SIZE " + "9" * 40]
)
async def test_a_limit_that_is_none_stops_nothing(opened: Opener, size: str) -> None:
    async with Destination(capabilities=(size,)) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        assert await ending(stack, await stack.accepted("hello@shop.test")) == ("delivered", "2.0.0")
    assert re.search(r" SIZE=\d+$", inbox.messages[0].mail)


async def test_what_a_server_announces_before_tls_is_forgotten_after_it(opened: Opener) -> None:
    """RFC 3207 section 4.2: a limit that only somebody in between has put there counts nothing."""
    ehlo = "250-destination.test\r\n250-SIZE 10\r\n250 STARTTLS"
    async with (
        Destination({"EHLO": [ehlo]}, tls="self-signed") as inbox,
        opened({"inbox.test": inbox}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        await stack.accepted("hello@shop.test", BODY)
        (message,) = await inbox.wait_for(1)
        await stack.idle()
    assert message.tls
    assert "BODY=8BITMIME" in message.mail


async def test_a_limit_of_the_moment_is_tried_again(opened: Opener) -> None:
    """452 4.3.1 at MAIL is the server's own word and temporary, whatever it announces."""
    async with Destination({"MAIL": ["452 4.3.1 no room"]}) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced", "delivered")
        await stack.idle()
