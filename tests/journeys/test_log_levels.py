"""What a domain's log level forbids is nowhere once the mail is gone: no table, no Redis key, no log line."""

import pytest

from mailcore.database import Tenant
from mailcore.log_reader import LogFilter
from mailcore.mail_rules import LogLevel
from tests.journeys.conftest import Opener
from tests.support import everything
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.stack import Stack

SENDER = "wilhelmina.gruber@sender.test"
SUBJECT = "Zebrafink 4711 nach Wuppertal"
LETTER = letter(SUBJECT, sender=SENDER).replace(b"From: Ann ", b"From: Wilhelmina Gruber ")
# What servers say who repeat all they were told, in letters of their own.
REPEATS = (
    f"zebrafink 4711 NACH wuppertal from <{SENDER}> (Gruber, Wilhelmina; SRS0=AB=CD=sender.test=wilhelmina)"
)
OF_SUBJECT = ("zebrafink", "wuppertal", "4711")
OF_SENDER = ("wilhelmina", "gruber", "@sender.test", "=sender.test")


async def choose(stack: Stack, level: LogLevel) -> None:
    await stack.world.execute("update domain set log_level = $1", level.value)


async def live_through_everything(stack: Stack) -> None:
    """Delivered; put off and delivered; bounced, with a notification; refused at RCPT and after the dot."""
    for local_part in ("hello", "later", "never"):
        await stack.alias(local_part, f"you@{local_part}.test")
        await stack.accepted(f"{local_part}@shop.test", LETTER, by=SENDER)
    assert (await stack.send("nobody@shop.test", LETTER, by=SENDER)).startswith("550 5.1.1 ")
    assert (await stack.send("hello@shop.test", LETTER + b"bare\nbreak\r\n", by=SENDER)).startswith(
        "550 5.5.2 "
    )
    await stack.idle()


async def lived(opened: Opener, level: LogLevel, capfd: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """All that is kept afterwards, in lower case, and the events that the owner's log shows."""
    said = f"{{}} {REPEATS}"
    async with (
        Destination({"DOT": said.format("250 2.0.0 taken:")}) as inbox,
        Destination({"DOT": [said.format("451 4.7.1 later:")]}) as later,
        Destination({"RCPT": said.format("550 5.1.1 no:")}) as never,
        Destination({"DOT": said.format("250 2.0.0 taken:")}) as theirs,
        opened(
            {"hello.test": inbox, "later.test": later, "never.test": never, "sender.test": theirs}
        ) as stack,
    ):
        await choose(stack, level)
        mx = await stack.start("mx", "worker")
        await live_through_everything(stack)
        await theirs.wait_for(1)
        await stack.idle()
        await stack.stop(mx)
        shown = await stack.reader().messages(Tenant(stack.account.id), LogFilter(), None, 100)
        kept = await everything.kept(stack)
    logged = "".join(capfd.readouterr())
    return (kept + logged).lower(), sorted(each.last_event for each in shown.rows)


async def test_full_keeps_what_the_policy_says(opened: Opener, capfd: pytest.CaptureFixture[str]) -> None:
    """And so the words that the other tests look for would be found."""
    kept, shown = await lived(opened, LogLevel.FULL, capfd)
    for word in (*OF_SUBJECT, *OF_SENDER):
        assert word in kept
    assert shown == ["delivered", "delivered", "delivered", "hard-bounced", "refused", "refused"]


async def test_no_subject_keeps_none(opened: Opener, capfd: pytest.CaptureFixture[str]) -> None:
    kept, _ = await lived(opened, LogLevel.NO_SUBJECT, capfd)
    assert not [word for word in OF_SUBJECT if word in kept]
    assert "wilhelmina" in kept


async def test_no_sender_keeps_none(opened: Opener, capfd: pytest.CaptureFixture[str]) -> None:
    kept, _ = await lived(opened, LogLevel.NO_SENDER, capfd)
    assert not [word for word in OF_SENDER if word in kept]
    assert "zebrafink" in kept


async def test_failures_shows_only_what_failed_and_that_whole(
    opened: Opener, capfd: pytest.CaptureFixture[str]
) -> None:
    kept, shown = await lived(opened, LogLevel.FAILURES, capfd)
    assert shown == ["delivered", "hard-bounced", "refused", "refused"]
    assert "zebrafink" in kept


async def test_failures_keeps_nothing_of_mail_that_is_delivered(
    opened: Opener, capfd: pytest.CaptureFixture[str]
) -> None:
    said = f"250 2.0.0 taken: {REPEATS}"
    async with Destination({"DOT": said}) as inbox, opened({"inbox.test": inbox}) as stack:
        await choose(stack, LogLevel.FAILURES)
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test", LETTER, by=SENDER)
        await stack.has_event(message_id, "received", "delivered")
        await stack.idle()
        tenant, reader = Tenant(stack.account.id), stack.reader()
        (row,) = (await reader.messages(tenant, LogFilter(silent=True), None, 10)).rows
        assert (await reader.messages(tenant, LogFilter(), None, 10)).rows == []
        volume = await reader.volume(tenant, "hour", stack.domain.id)
        events = await stack.timeline(message_id)
        kept = (await everything.kept(stack) + "".join(capfd.readouterr())).lower()
    m = row.message
    assert (m.client_ip, m.client_name, m.subject, m.sender, m.alias) == ("", "", "", "", "")
    assert {(e.response, e.server_ip) for e in events} == {("", "")}
    assert sum(step.delivered for step in volume) == 1
    assert not [word for word in (*OF_SUBJECT, *OF_SENDER) if word in kept]


async def test_a_message_that_fails_is_told_from_then_on_as_it_came(opened: Opener) -> None:
    async with (
        Destination({"DOT": ["451 4.7.1 later"]}) as inbox,
        opened({"inbox.test": inbox}) as stack,
    ):
        await choose(stack, LogLevel.FAILURES)
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test", LETTER, by=SENDER)
        await stack.has_event(message_id, "received", "soft-bounced", "delivered")
        await stack.idle()
        m = await stack.reader().message(Tenant(stack.account.id), message_id)
    assert m is not None
    assert (m.subject, m.alias, m.client_ip) == (SUBJECT, "hello@shop.test", "127.0.0.1")
    assert m.sender == f"Wilhelmina Gruber <{SENDER}>"
    assert m.verdicts.startswith("spf=pass ")


async def test_the_level_counts_for_attempts_that_begin_after_it_was_chosen(opened: Opener) -> None:
    async with (
        Destination({"DOT": [f"451 4.7.1 {REPEATS}", f"250 2.0.0 {REPEATS}"]}) as inbox,
        opened({"inbox.test": inbox}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test", LETTER, by=SENDER)
        await stack.has_event(message_id, "received", "soft-bounced")
        await choose(stack, LogLevel.NO_SENDER)
        await stack.start("worker")
        await stack.has_event(message_id, "received", "soft-bounced", "delivered")
        await stack.idle()
        _, before, after = await stack.timeline(message_id)
    assert "wilhelmina" in before.response.lower()
    assert not [word for word in OF_SENDER if word in after.response.lower()]
