"""Every signature that is valid before us is valid after us: 100 % of them, for dkimpy and for us; and dkimpy
believes each of our seals.
"""

from collections.abc import Mapping

from mailcore.authenticity import dkim
from mailcore.authenticity.signing_keys import KeyFolder
from mailcore.clock import Clock
from tests.corpus.signed import KINDS, ODD, holds, is_sealed, records, signed, valid
from tests.corpus.test_corpus import mail_of_dkimpy
from tests.corpus.through import is_ours_and
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import send
from tests.support.signed_mail import Records
from tests.support.stack import Stack


async def test_mail_signed_in_every_way_verifies_after_us(opened: Opener) -> None:
    messages = {**dict(valid(ODD)), **dict(valid(mail_of_dkimpy()))}
    assert len(messages) == len(ODD) * len(KINDS) + 12 * len(KINDS)  # one of dkimpy's own has no From
    assert await broken_by_us(opened, messages) == []


def test_a_changed_octet_is_seen() -> None:
    """Or the test above could not fail."""
    for kind in KINDS:
        message = signed(ODD["plain"], kind)
        assert holds(message)
        assert not holds(message.replace(b"Bob", b"Rob"))
        assert not holds(message.replace(b"plain", b"plane"))


async def broken_by_us(opened: Opener, messages: Mapping[str, bytes]) -> list[str]:
    """Sends them one by one; those that came out with other octets, or with a signature that fails."""
    broken = []
    async with Destination() as inbox, opened({"inbox.test": inbox}, client_rate=0, sender_rate=0) as stack:
        for name, record in records().items():
            stack.zone.put_txt(name, record)
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        for count, (name, content) in enumerate(messages.items(), 1):
            parameters = [] if content.partition(b"\r\n\r\n")[0].isascii() else ["SMTPUTF8"]
            reply = await send(
                stack.settings.mx_port, "ann@sender.test", "hello@shop.test", content, *parameters
            )
            assert reply.startswith("250 2.0.0 Queued as "), f"{name}: {reply}"
            arrived = (await inbox.wait_for(count))[-1].content
            is_whole = is_ours_and(content, arrived) and is_sealed(arrived, ours(stack))
            if not (is_whole and holds(arrived) and await passes(arrived)):
                broken.append(name)
        await stack.idle()
    return broken


def ours(stack: Stack) -> dict[str, str]:
    """The record of the key that seals what passes us."""
    domain = stack.settings.service_domain
    return {key.record_name: key.record for key in KeyFolder(stack.settings.key_dir).keys(domain)}


async def passes(message: bytes) -> bool:
    """For our own verifier, as far as the signature on top is concerned."""
    header, _, body = message.partition(b"\r\n\r\n")
    found = await dkim.verify(header + b"\r\n", [body], Records(records()), now=Clock().now())
    return found[0].passed
