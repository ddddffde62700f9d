"""F51 to F64: destinations that stall, refuse, drop, or take only little. Of TLS see cases_tls.py."""

import asyncio
from datetime import timedelta

from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.support.destination import CAPABILITIES, DEFAULTS, DROP, SILENT, Act

VERBS = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT")


async def _told(run: Run, letter: Letter, kind: str, code: str) -> None:
    """The timeline shows server, code, text and duration of the attempt."""
    await run.rig.until_event(letter.id, kind, code)
    ids = await run.rig.message_ids(letter.id)
    events = await run.rig.world.logged_events(f"type = '{kind}'")
    event = next(each for each in events if each.message_id in ids)
    assert event.server_ip.startswith("127.0.0."), f"no server in {event}"
    assert event.response, "no text"
    assert event.duration >= timedelta(0)
    assert event.attempt >= 1


@case("F51", "a tarpit holds back its banner; others are unharmed")
async def tarpit(run: Run) -> None:
    rig = run.rig
    rig.sinks["d1"].script["CONNECT"] = SILENT
    stuck = [await run.load.accepted(run.load.letter("d1")) for _ in range(20)]
    run.fault()
    quick = [await run.load.accepted(run.load.letter("d2")) for _ in range(20)]
    await rig.sinks["d2"].wait_for(20, timeout=3)
    run.recovered()
    await _told(run, stuck[0], "soft-bounced", "4.4.1")
    rig.sinks["d1"].script = {}
    await rig.sinks["d1"].cut()
    await rig.sinks["d1"].wait_for(20, timeout=60)
    assert all(run.load.arrived(letter) == 1 for letter in (*stuck, *quick))


@case("F53", "4yz at each verb: tried again, nothing lost")
async def temporary_at_each_verb(run: Run) -> None:
    sink = run.rig.sinks["d1"]
    for verb in VERBS:
        await sink.cut()
        sink.script = {verb: ["450 4.2.0 Not just now"]}
        if verb == "EHLO":
            sink.script["HELO"] = ["450 4.2.0 Not just now"]
        letter = await run.load.accepted(run.load.letter("d1"))
        await _told(run, letter, "soft-bounced", "Not just now")
        await run.rig.until_event(letter.id, "delivered")


@case("F54", "5yz at each verb: hard after MAIL, the next host's turn before", reduced=True)
async def permanent_at_each_verb(run: Run) -> None:
    sink = run.rig.sinks["d1"]
    for verb in VERBS:
        await sink.cut()
        sink.script = {verb: ["554 5.7.1 No"]}
        if verb == "EHLO":
            sink.script["HELO"] = ["554 5.7.1 No"]
        letter = await run.load.accepted(run.load.letter("d1"))
        if verb in ("CONNECT", "EHLO"):  # the host's state, not a verdict on the message (RFC 7504)
            await _told(run, letter, "soft-bounced", "No")
            await run.rig.until_event(letter.id, "delivered")
        else:
            await _told(run, letter, "hard-bounced", "5.7.1")
            assert not run.load.arrived(letter)


@case("F55", "two destinations, one refuses: each ends on its own", reduced=True)
async def mixed_recipients(run: Run) -> None:
    rig = run.rig
    rig.sinks["d1"].script["RCPT"] = ["550 5.1.1 No such user"]
    rig.sinks["d2"].script["RCPT"] = ["450 4.2.2 Full for now"]
    letter = await run.load.accepted(run.load.letter("both"))
    await rig.until_event(letter.id, "hard-bounced", "5.1.1")
    await rig.until_event(letter.id, "soft-bounced", "4.2.2")
    await rig.until_event(letter.id, "delivered")
    assert run.load.arrived(letter) == 1


@case("F56", "dropped at 354")
async def dropped_at_354(run: Run) -> None:
    run.rig.sinks["d1"].script["DATA"] = [DROP]
    letter = await run.load.accepted(run.load.letter("d1"))
    await _told(run, letter, "soft-bounced", "4.4.2")
    await run.rig.until_event(letter.id, "delivered")
    assert run.load.arrived(letter) == 1


@case("F57", "dropped in the middle of DATA")
async def dropped_in_data(run: Run) -> None:
    run.rig.sinks["d1"].script["CONTENT"] = [DROP]
    letter = await run.load.accepted(run.load.letter("d1", size=3_000_000))
    await _told(run, letter, "soft-bounced", "4.4.2")
    await run.rig.until_event(letter.id, "delivered")
    assert run.load.arrived(letter) == 1


@case("F58", "dropped after the dot: not known, so tried again", duplicates=1, reduced=True)
async def dropped_after_dot(run: Run) -> None:
    run.rig.sinks["d1"].script["DOT"] = [DROP]
    letter = await run.load.accepted(run.load.letter("d1"))
    await _told(run, letter, "soft-bounced", "4.4.2")
    await run.rig.until_event(letter.id, "delivered")
    assert run.load.arrived(letter) == 2


async def _late(run: Run, seconds: float) -> None:
    run.rig.sinks["d1"].script["DOT"] = [Act(DEFAULTS["DOT"], seconds=seconds)]
    letter = await run.load.accepted(run.load.letter("d1"))
    await run.rig.until_event(letter.id, "delivered", seconds=seconds + 20)
    assert run.load.arrived(letter) == 1, "it was not waited for"


@case("F59", "the reply to the dot comes after 8 s, longer than a death verdict")
async def late_reply(run: Run) -> None:
    await _late(run, 8)


@case("F59 min", "the reply to the dot comes after two minutes", timing="real", seconds=240)
async def reply_after_minutes(run: Run) -> None:
    await _late(run, 130)


@case("F64", "the destination's SIZE is smaller: hard without sending", reduced=True)
async def too_large(run: Run) -> None:
    sink = run.rig.sinks["d1"]
    sink.capabilities = ("PIPELINING", "SIZE 1000", "8BITMIME")
    try:
        await sink.cut()
        before = len(sink.commands)
        letter = await run.load.accepted(run.load.letter("d1", size=5000))
        await run.rig.until_event(letter.id, "hard-bounced", "5.3.4")
        assert not any(line.startswith("DATA") for _, line in sink.commands[before:]), (
            "it was sent all the same"
        )
    finally:
        sink.capabilities = CAPABILITIES
        await sink.cut()


@case("F57 odd", "endless replies, garbage, octet by octet: one bad destination holds back nobody")
async def hostile_servers(run: Run) -> None:
    rig = run.rig
    rig.sinks["d1"].script["MAIL"] = [Act(endless=b"250-and so on\r\n" * 64)]
    rig.sinks["d2"].script["MAIL"] = [b"\x1b[2Jwhat is this\r\n"]
    rig.sinks["d3"].script["EHLO"] = [Act("250 d3.test", seconds_per_octet=0.3)]
    bad = [await run.load.accepted(run.load.letter(name)) for name in ("d1", "d2", "d3")]
    run.fault()
    good = [await run.load.accepted(run.load.letter("d4")) for _ in range(20)]
    await rig.sinks["d4"].wait_for(20, timeout=5)
    run.recovered()
    await asyncio.gather(*(rig.until_event(letter.id, "delivered", seconds=60) for letter in bad))
    assert all(run.load.arrived(letter) == 1 for letter in good)
    events = await rig.world.logged_events()
    assert all(event.response.isprintable() for event in events), "control characters in the log"
