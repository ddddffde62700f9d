"""Postfix -> us -> Postfix, as mail goes every day: whatever the shape of a message, its bytes arrive.

Handed in with swaks; STARTTLS on both hops.
"""

import re

import pytest

from mailcore.plans import Plan
from tests.interop.between import SERVICE, Between, signed
from tests.interop.swaks import swaks
from tests.support.second_opinion import verifies
from tests.support.sender import PRIVATE, letter

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN = "ann@sender.test"
LONG = b"x" * 3000


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
    assert re.fullmatch(rf"SRS0=\w+=\w\w=sender\.test=ann@{re.escape(SERVICE)}", arrived.return_path)
    (received, taken, handed_in) = re.findall(
        rb"^Received: .*\n(?:[ \t].*\n)*", arrived.content, re.MULTILINE
    )
    assert b"using TLSv1.3" in received
    assert b"by mx.clearpost.test with ESMTPS" in taken
    assert b"from laptop.test" in handed_in
    assert [kind for kind, _, _ in await between.history(alias.address)] == ["received", "delivered"]


async def test_recipients_of_one_transaction_get_one_copy_each(between: Between) -> None:
    boxes = ("one@several.test", "two@several.test", "three@several.test")
    async with between.neighbour(ANN) as sender, between.neighbour(*boxes) as inbox:
        first = await between.stack.alias("first", boxes[0], boxes[1])
        second = await between.stack.alias("second", boxes[2])
        await swaks(sender, ANN, [first.address, second.address], letter(), "--pipeline")
        for box in boxes:
            await inbox.wait_for(box)
        await between.settled(sender, inbox)
        copies = {box: [each.content for each in inbox.letters(box)] for box in boxes}
    assert [len(contents) for contents in copies.values()] == [1, 1, 1]
    contents = [content for (content,) in copies.values()]
    assert len({ours(content) for content in contents}) == 1, "Postfix sent it pipelined, in one transaction"
    assert all(content.endswith(letter()) for content in contents)
    assert first.address.encode() not in contents[2], "nobody is told who else got it"
    assert second.address.encode() not in contents[0] + contents[1]


def ours(content: bytes) -> bytes:
    """The id in our Received field."""
    found = re.search(rb"by mx\.clearpost\.test with ESMTPS\s+id ([0-9a-f-]{36})", content)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dots", ".\n..\n.hidden\nnot.this\n.\n."),
        ("blanks", "\n\n  \n\ttab at both ends\t\n\n\n"),
        ("headerlike", "From me to you\nReceived: by nobody\n\n--\n"),
    ],
    ids=("dots", "blanks", "headerlike"),
)
async def test_a_body_is_not_touched(between: Between, name: str, text: str) -> None:
    sent = signed(letter(text=text.replace("\n", "\r\n")))
    assert (await through(between, name, sent)).endswith(sent)


async def test_bare_line_feeds_that_postfix_mends_reach_us_as_lines(between: Between) -> None:
    sent = letter(text="one\r\ntwo\r\nthree")
    arrived = await through(between, "bare", sent.replace(b"one\r\ntwo\r\n", b"one\ntwo\n"))
    assert arrived.endswith(sent)


async def test_lines_that_postfix_folds_arrive_folded_and_others_whole(between: Between) -> None:
    sent = signed(letter(text=LONG.decode()))
    folded = await through(between, "folded", sent)
    whole = await through(between, "long", sent, smtp_line_length_limit="0")
    assert whole.endswith(sent)
    assert verifies(whole, between.keys)
    pieces = (
        LONG[:998] + b"\r\n " + LONG[:997] + b"\r\n " + LONG[:997] + b"\r\n " + LONG[: 3000 - 998 - 2 * 997]
    )
    assert folded.endswith(sent.replace(LONG, pieces)), "as Postfix folds: a line of 998, then a space each"


async def test_twenty_megabytes_arrive_whole(between: Between) -> None:
    line = b"0123456789abcdef" * 4 + b"\r\n"
    part = b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment\r\n\r\n"
    body = b"--b\r\n" + part + line * (20_000_000 // len(line)) + b"--b--\r\n"
    head = letter().partition(b"\r\n\r\n")[0] + b'\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    premium = await between.stack.world.account("premium", Plan.PREMIUM)
    domain = await between.stack.world.domain(premium, "large.test")
    async with between.neighbour(ANN) as sender, between.neighbour("you@vault.test") as inbox:
        await between.stack.world.alias(domain, "hello", "you@vault.test")
        await swaks(sender, ANN, "hello@large.test", head + body)
        (arrived,) = await inbox.wait_for("you@vault.test")
        await between.settled(sender, inbox)
    assert arrived.content.endswith(head + body)


async def test_mail_of_a_list_passes_with_its_fields_and_its_own_return_path(between: Between) -> None:
    lines = [
        "From: Ann <ann@elsewhere.test>",
        "To: friends@lists.test",
        "Subject: [friends] Lunch",
        "Message-ID: <2@elsewhere.test>",
        "Sender: friends-bounces@lists.test",
        "List-Id: Friends <friends.lists.test>",
        "List-Unsubscribe: <mailto:friends-leave@lists.test>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Precedence: list",
        "",
        PRIVATE,
        "_______________",
        "friends mailing list",
        "",
    ]
    sent = signed("\r\n".join(lines).encode(), "lists.test")
    bounces = "friends-bounces+you=shop.test@lists.test"
    async with between.neighbour(bounces) as sender, between.neighbour("you@reader.test") as inbox:
        alias = await between.stack.alias("friends", "you@reader.test")
        await swaks(sender, bounces, alias.address, sent)
        (arrived,) = await inbox.wait_for("you@reader.test")
        await between.settled(sender, inbox)
    assert arrived.content.endswith(sent)
    assert verifies(arrived.content, between.keys)
    assert arrived.return_path.endswith(f"@{SERVICE}")
    assert len(arrived.return_path.partition("@")[0]) <= 64


async def through(between: Between, name: str, sent: bytes, **main: str) -> bytes:
    """The message as it arrives where `name`@shop.test leads; `main`: main.cf of the sending Postfix."""
    box = f"you@{name}.test"
    async with between.neighbour(ANN, **main) as sender, between.neighbour(box) as inbox:
        alias = await between.stack.alias(name, box)
        await swaks(sender, ANN, alias.address, sent)
        (arrived,) = await inbox.wait_for(box)
        await between.settled(sender, inbox)
    return arrived.content
