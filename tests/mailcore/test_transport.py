"""The transport against real, scripted destinations: what each answer comes to, what goes over the wire."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clearpost.standins.dns import DnsStandin
from mailcore.clock import Clock
from mailcore.connection_pool import CLOSE_SECONDS
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.transport import Outcome, Parcel, Transport
from tests.support.destination import CAPABILITIES, DROP, ENDLESS, SILENT, Act, Destination, Script

CONTENT = b"Subject: hello\r\n\r\nHello there.\r\n"
PARCEL = Parcel(
    "sender@origin.test", "jo@inbox.test", [CONTENT], len(CONTENT), smtputf8=False, eight_bit=False
)
LARGE = replace(PARCEL, content=[b"x" * 998 + b"\r\n"] * 20_000, size=20_000_000)
QUICK: dict[str, Any] = {
    "hostname": "mx.clearpost.test",
    "connect_timeout": timedelta(seconds=5),
    "command_timeout": timedelta(seconds=5),
    "data_start_timeout": timedelta(seconds=5),
    "data_block_timeout": timedelta(seconds=5),
    "after_dot_timeout": timedelta(seconds=5),
    "dns_timeout": timedelta(seconds=1),
}
SHORT = timedelta(seconds=0.1)
ONE_BY_ONE = [each for each in CAPABILITIES if each != "PIPELINING"]


@asynccontextmanager
async def transport_to(route: str, **changes: Any) -> AsyncIterator[Transport]:
    settings = Settings(**{**QUICK, "routes": {"*": route}, **changes})
    resolver = Resolver(settings=settings, clock=Clock())
    transport = Transport(settings=settings, resolver=resolver, clock=Clock())
    try:
        yield transport
    finally:
        await transport.close()
        await resolver.close()


def yes() -> bool:
    return True


async def attempt(
    script: Script | None = None, *, parcel: Parcel = PARCEL, **changes: Any
) -> tuple[Outcome, Destination]:
    """One attempt at one destination."""
    async with Destination(script) as destination:
        return await attempt_at(destination, parcel, **changes), destination


async def attempt_at(destination: Destination, parcel: Parcel = PARCEL, **changes: Any) -> Outcome:
    return await attempt_at_route(destination.route, parcel, **changes)


async def attempt_at_route(route: str, parcel: Parcel = PARCEL, **changes: Any) -> Outcome:
    async with transport_to(route, **changes) as transport:
        return await transport.send(parcel, may_commit=yes)


# What arrives


async def test_accepted_message_is_delivered_with_the_servers_words() -> None:
    outcome, destination = await attempt({"DOT": "250 2.6.0 queued as 4711"})
    assert (outcome.kind, outcome.code, outcome.enhanced) == ("delivered", 250, "2.6.0")
    assert outcome.response == "250 2.6.0 queued as 4711 [no TLS]"
    assert (outcome.server_ip, outcome.server_name, outcome.tls) == ("127.0.0.1", "127.0.0.1", None)
    assert outcome.duration > timedelta(0)
    (message,) = destination.messages
    assert message.content == CONTENT
    assert message.mail == f"MAIL FROM:<sender@origin.test> SIZE={len(CONTENT)}"
    assert message.rcpt == ("RCPT TO:<jo@inbox.test>",)


async def test_null_reverse_path_is_sent_as_such() -> None:
    _, destination = await attempt(parcel=replace(PARCEL, reverse_path=""))
    assert destination.messages[0].mail.startswith("MAIL FROM:<> ")


async def test_quoted_local_part_is_not_rewritten() -> None:
    _, destination = await attempt(parcel=replace(PARCEL, forward_path='"a <b> c"@inbox.test'))
    assert destination.messages[0].rcpt == ('RCPT TO:<"a <b> c"@inbox.test>',)


@pytest.mark.parametrize(
    "path",
    ["jo@inbox.test> SIZE=1", "jo\r\nDATA@inbox.test", "jo\x00@inbox.test", "jo\udc80@inbox.test", "jo"],
)
async def test_path_that_could_say_more_than_an_address_is_never_sent(path: str) -> None:
    outcome, destination = await attempt(parcel=replace(PARCEL, reverse_path=path))
    assert (outcome.kind, outcome.reason) == ("permanent", "bad-path")
    assert path not in outcome.response
    assert not any(line.startswith("MAIL") for _, line in destination.commands)


async def test_large_content_arrives_byte_for_byte() -> None:
    buffers: list[bytes | memoryview] = [
        b".starts with a dot\r\n",
        memoryview(b"..two\r\n.\r\nline\r\n" * 100_000),
        b"no line end",
    ]
    parcel = replace(PARCEL, content=buffers, size=sum(map(len, buffers)))
    _, destination = await attempt(parcel=parcel)
    assert destination.messages[0].content == b"".join(buffers) + b"\r\n"


async def test_empty_content_is_just_the_dot() -> None:
    _, destination = await attempt(parcel=replace(PARCEL, content=[], size=0))
    assert destination.messages[0].wire == b".\r\n"


# What each answer comes to


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize(
    ("reply", "kind", "enhanced"),
    [
        ("450 4.7.1 greylisted", "transient", "4.7.1"),
        ("421 too busy", "transient", "4.0.0"),
        ("550 5.1.1 no such user", "permanent", "5.1.1"),
        ("554 4.1.1 class does not match", "permanent", "5.0.0"),
    ],
)
async def test_refusal_at_any_verb_is_the_servers_verdict(
    step: str, reply: str, kind: str, enhanced: str
) -> None:
    outcome, destination = await attempt({step: reply})
    told = f"{reply} [no TLS]"
    assert (outcome.kind, outcome.enhanced, outcome.response, outcome.reason) == (kind, enhanced, told, "")
    assert outcome.code == int(reply[:3])
    assert not destination.messages


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("act", [DROP, SILENT, ENDLESS, b"\x1b[2Jgarbage\r\n", b"999 what\r\n", b"\r\n"])
async def test_loss_silence_and_garbage_before_the_dot_are_transient(step: str, act: Any) -> None:
    timeouts: dict[str, Any] = dict.fromkeys(
        ("connect_timeout", "command_timeout", "data_start_timeout", "after_dot_timeout"), SHORT
    )
    outcome, destination = await attempt({step: act}, **timeouts)
    assert outcome.kind == "transient"
    assert outcome.reason == ("connect" if step in ("CONNECT", "EHLO") else "no-reply")
    assert outcome.response.isprintable()
    assert not destination.messages


@pytest.mark.parametrize("act", [DROP, SILENT, ENDLESS, b"garbage\r\n", "354 go on"])
async def test_no_clear_answer_after_the_dot_is_ambiguous(act: Any) -> None:
    outcome, destination = await attempt({"DOT": act}, after_dot_timeout=timedelta(seconds=0.2))
    assert (outcome.kind, outcome.reason) == ("transient", "ambiguous")
    assert len(destination.messages) == 1


@pytest.mark.parametrize(("step", "reply"), [("DATA", "250 ok"), ("MAIL", "354 go"), ("RCPT", "354 go")])
async def test_positive_reply_at_the_wrong_place_delivers_nothing(step: str, reply: str) -> None:
    outcome, _ = await attempt({step: reply})
    assert (outcome.kind, outcome.reason) == ("transient", "no-reply")
    assert reply in outcome.response


async def test_early_250_is_not_taken_for_the_answer_to_the_dot() -> None:
    async with Destination({"DATA": b"354 go\r\n250 2.0.0 queued\r\n", "DOT": DROP}) as destination:
        outcome = await attempt_at(destination)
    assert outcome.kind == "transient"


async def test_loss_in_the_middle_of_content_is_not_ambiguous() -> None:
    outcome, destination = await attempt({"CONTENT": DROP}, parcel=LARGE)
    assert (outcome.kind, outcome.reason) == ("transient", "no-reply")
    assert not destination.messages


@pytest.mark.parametrize("drop", [False, True])
async def test_refusal_in_the_middle_of_content_is_believed(drop: bool) -> None:
    outcome, destination = await attempt({"CONTENT": Act("552 5.3.4 too much", drop=drop)}, parcel=LARGE)
    assert (outcome.kind, outcome.enhanced) == ("permanent", "5.3.4")
    assert not destination.messages


async def test_server_that_stops_reading_is_given_up() -> None:
    outcome, _ = await attempt({"CONTENT": SILENT}, parcel=LARGE, data_block_timeout=timedelta(seconds=0.2))
    assert (outcome.kind, outcome.reason) == ("transient", "no-reply")


async def test_late_answer_after_the_dot_is_waited_for() -> None:
    outcome, _ = await attempt({"DOT": Act("250 2.0.0 at last", seconds=0.3)}, command_timeout=SHORT)
    assert outcome.kind == "delivered"


async def test_tarpit_banner_is_bounded() -> None:
    tarpit = Act("220 " + "welcome " * 100, seconds_per_octet=0.01)
    outcome, _ = await attempt({"CONNECT": tarpit}, connect_timeout=timedelta(seconds=0.2))
    assert (outcome.kind, outcome.reason, outcome.server_ip) == ("transient", "connect", "127.0.0.1")


async def test_reply_text_is_stored_safe_and_short() -> None:
    reply = b"550-5.1.1 \x1b]0;owned\x07 \xff\x00\r\n550 5.1.1 " + b"long " * 500 + b"\r\n"
    outcome, _ = await attempt({"RCPT": reply})
    assert outcome.response.startswith(r"550 5.1.1 \x1b]0;owned\x07 \xff\x00 5.1.1 long")
    assert len(outcome.response) <= 500
    assert outcome.response.isprintable()
    assert outcome.enhanced == "5.1.1"


# Turned away before MAIL


@pytest.mark.parametrize("step", ["CONNECT", "EHLO"])
@pytest.mark.parametrize("reply", ["554 5.7.1 go away", "421 4.7.0 later", "521 no mail here"])
async def test_greeting_and_ehlo_refusals_are_transient(step: str, reply: str) -> None:
    outcome, _ = await attempt({step: reply, "HELO": reply})
    assert (outcome.kind, outcome.reason, outcome.response) == ("transient", "connect", reply)
    assert outcome.enhanced.startswith("4.")


async def test_refused_connection_is_transient_4_4_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with transport_to(f"127.0.0.1:{taken.getsockname()[1]}") as transport:
            outcome = await transport.send(PARCEL, may_commit=yes)
    assert (outcome.kind, outcome.reason, outcome.server_ip) == ("transient", "connect", "127.0.0.1")
    assert outcome.response == "451 4.4.1 Connection refused"


async def test_route_may_name_a_host() -> None:
    async with Destination() as destination:
        outcome = await attempt_at_route(f"localhost:{destination.port}")
    assert (outcome.kind, outcome.server_ip, outcome.server_name) == ("delivered", "127.0.0.1", "localhost")
    outcome = await attempt_at_route(f"localhost:{destination.port}")
    assert (outcome.kind, outcome.server_ip, outcome.server_name) == ("transient", "::1", "localhost")


async def test_host_of_a_route_is_asked_of_our_name_servers() -> None:
    async with DnsStandin() as dns, Destination() as destination:
        dns.zone.put("relay.test", "A", destination.host)
        outcome = await attempt_at_route(f"relay.test:{destination.port}", dns_servers=(dns.address,))
        assert (outcome.kind, outcome.server_ip, outcome.server_name) == (
            "delivered",
            "127.0.0.1",
            "relay.test",
        )
        outcome = await attempt_at_route(f"gone.test:{destination.port}", dns_servers=(dns.address,))
    assert (outcome.kind, outcome.reason) == ("transient", "dns-failure")


async def test_old_server_is_greeted_with_helo() -> None:
    outcome, destination = await attempt({"EHLO": "502 what?"})
    assert outcome.kind == "delivered"
    assert destination.messages[0].mail == "MAIL FROM:<sender@origin.test>"


@pytest.mark.parametrize("step", ["CONNECT", "EHLO"])
async def test_mail_never_goes_to_ourselves(step: str) -> None:
    code = {"CONNECT": "220", "EHLO": "250"}[step]
    outcome, destination = await attempt({step: f"{code} MX.clearpost.test hello"})
    assert (outcome.kind, outcome.enhanced, outcome.reason) == ("permanent", "5.4.6", "loop")
    assert not destination.messages


# What the server has announced


async def test_size_below_the_message_is_hard_5_3_4_without_sending() -> None:
    async with Destination(capabilities=["SIZE 10"]) as destination:
        outcome = await attempt_at(destination)
    assert (outcome.kind, outcome.enhanced, outcome.reason) == ("permanent", "5.3.4", "too-large")
    assert [line for _, line in destination.commands if line.startswith("MAIL")] == []


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE \u00b2", "SIZE " + "9" * 5000, "SIZE -1"])
async def test_odd_size_announcements_are_no_limit(size: str) -> None:
    async with Destination(capabilities=[size]) as destination:
        assert (await attempt_at(destination)).kind == "delivered"


@pytest.mark.parametrize(
    ("changes", "enhanced", "reason"),
    [
        ({"eight_bit": True}, "5.6.3", "no-8bitmime"),
        ({"smtputf8": True}, "5.6.9", "no-smtputf8"),
        ({"smtputf8": True, "reverse_path": "jürgen@origin.test"}, "5.6.7", "no-smtputf8"),
        ({"forward_path": "jürgen@inbox.test"}, "5.6.7", "no-smtputf8"),
    ],
)
async def test_missing_extension_is_hard(changes: dict[str, Any], enhanced: str, reason: str) -> None:
    async with Destination(capabilities=["SIZE 1000"]) as destination:
        outcome = await attempt_at(destination, replace(PARCEL, **changes))
    assert (outcome.kind, outcome.enhanced, outcome.reason) == ("permanent", enhanced, reason)
    assert not destination.messages


async def test_parameters_are_sent_when_needed_and_announced() -> None:
    parcel = replace(PARCEL, forward_path="jürgen@inbox.test", smtputf8=True, eight_bit=True)
    _, destination = await attempt(parcel=parcel)
    (message,) = destination.messages
    assert message.mail == f"MAIL FROM:<sender@origin.test> SIZE={len(CONTENT)} BODY=8BITMIME SMTPUTF8"
    assert message.rcpt == ("RCPT TO:<jürgen@inbox.test>",)


# STARTTLS


async def test_offered_tls_is_used_whatever_the_certificate() -> None:
    async with Destination(tls="self-signed") as destination:
        outcome = await attempt_at(
            destination, replace(PARCEL, content=[CONTENT * 20_000], size=20_000 * len(CONTENT))
        )
    assert (outcome.kind, outcome.tls) == ("delivered", "TLSv1.3")
    (message,) = destination.messages
    assert message.tls
    assert message.content == CONTENT * 20_000


@pytest.mark.parametrize("tls", ["broken", "refused", "dies"])
async def test_failing_tls_goes_on_in_clear(tls: Any) -> None:
    async with Destination(tls=tls) as destination:
        outcome = await attempt_at(destination)
    assert (outcome.kind, outcome.tls) == ("delivered", None)
    assert (destination.connections, destination.messages[0].tls) == (2, False)


async def test_plaintext_injected_before_the_handshake_is_discarded() -> None:
    async with Destination({"STARTTLS": b"220 go\r\n250 injected\r\n"}, tls="self-signed") as destination:
        outcome = await attempt_at(destination)
    assert outcome.kind == "delivered"
    assert len(destination.messages) == 1


# Before the dot


async def test_withheld_commit_sends_no_dot() -> None:
    async with Destination() as destination, transport_to(destination.route) as transport:
        outcome = await transport.send(PARCEL, may_commit=lambda: False)
        assert (outcome.kind, outcome.enhanced, outcome.reason) == ("transient", "4.3.0", "aborted")
        assert transport.stats.idle == 0
    assert not destination.messages


async def test_commit_is_asked_after_all_content_has_left_us() -> None:
    let_go, asked = asyncio.Event(), []

    def may_commit() -> bool:
        asked.append(let_go.is_set())
        return True

    async with (
        Destination({"CONTENT": Act(until=let_go)}) as destination,
        transport_to(destination.route) as transport,
    ):
        sending = asyncio.create_task(transport.send(LARGE, may_commit=may_commit))
        await destination.reach("CONTENT")
        assert asked == []
        let_go.set()
        assert (await sending).kind == "delivered"
    assert asked == [True]


async def test_cancelled_attempt_leaves_no_connection_and_no_slot() -> None:
    async with Destination({"DOT": SILENT}) as destination, transport_to(destination.route) as transport:
        sending = asyncio.create_task(transport.send(PARCEL, may_commit=yes))
        await destination.reach("DOT")
        assert transport.stats.in_use == 1
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert (transport.stats.in_use, transport.stats.idle, transport.stats.waiting) == (0, 0, 0)


@pytest.mark.parametrize(("step", "said"), [("MAIL", "MAIL"), ("RCPT", "MAIL RCPT")])
async def test_attempt_cancelled_before_data_is_reset_and_nobody_waits_for_it(step: str, said: str) -> None:
    let_go = asyncio.Event()
    script = {step: Act("250 2.1.0 OK", until=let_go)}
    async with (
        Destination(script, capabilities=ONE_BY_ONE) as destination,
        transport_to(destination.route) as transport,
    ):
        sending = asyncio.create_task(transport.send(PARCEL, may_commit=yes))
        await destination.reach(step)
        sending.cancel()
        await asyncio.wait({sending})
        assert transport.stats.in_use == 0
        let_go.set()
        await destination.reach("QUIT")
    verbs = [line.split(" ")[0] for _, line in destination.commands]
    assert " ".join(verbs) == f"EHLO {said} RSET QUIT"


async def test_server_that_is_silent_at_a_reset_is_left_in_a_moment() -> None:
    async with Destination({"RCPT": SILENT}, capabilities=ONE_BY_ONE) as destination:
        async with transport_to(destination.route) as transport:
            sending = asyncio.create_task(transport.send(PARCEL, may_commit=yes))
            await destination.reach("RCPT")
            sending.cancel()
            await asyncio.wait({sending})
            started = asyncio.get_running_loop().time()
        assert CLOSE_SECONDS - 0.1 <= asyncio.get_running_loop().time() - started < CLOSE_SECONDS + 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT"])
async def test_attempt_cancelled_once_data_is_said_says_nothing_that_could_be_content(step: str) -> None:
    let_go = asyncio.Event()
    replies: dict[str, str | bytes] = {
        "MAIL": "250 2.1.0 OK",
        "RCPT": "250 2.1.5 OK",
        "DATA": "354 Go ahead",
        "CONTENT": b"",
    }
    script = {step: Act(replies[step], until=let_go)}
    async with Destination(script) as destination, transport_to(destination.route) as transport:
        sending = asyncio.create_task(transport.send(LARGE, may_commit=yes))
        await destination.reach(step)
        sending.cancel()
        await asyncio.wait({sending})
        let_go.set()
        await until_left(destination)
    assert not destination.messages
    assert not destination.reached["RSET"].is_set()


async def until_left(destination: Destination) -> None:
    """The destination has seen the end of every connection. Raises TimeoutError."""
    async with asyncio.timeout(5):
        while destination.open:  # noqa: ASYNC110  it sends no event
            await asyncio.sleep(0.01)


# Pipelining


@pytest.mark.parametrize(
    ("announced", "bursts"), [("PIPELINING", ["MAIL RCPT DATA", "content ."]), ("SIZE", ["MAIL"])]
)
async def test_commands_go_together_only_where_the_server_takes_them_so(
    announced: str, bursts: list[str]
) -> None:
    """Each burst: what came before the server, which answers all of it, said anything."""
    said: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 destination.test\r\n")
        await reader.readline()
        writer.write(f"250-destination.test\r\n250 {announced}\r\n".encode())
        for replies in (b"250 ok\r\n250 ok\r\n354 go\r\n", b"250 ok\r\n")[: len(bursts)]:
            lines = (await reader.read(65536)).split(b"\r\n")
            said.append(" ".join(line.split(b" ")[0].decode() for line in lines).strip())
            writer.write(replies)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        outcome = await attempt_at_route(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert said == [burst.replace("content", "Subject:  Hello") for burst in bursts]
    assert outcome.kind == ("delivered" if len(bursts) > 1 else "transient")


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
@pytest.mark.parametrize("reply", ["550 5.1.1 no", "450 4.2.1 not now"])
async def test_server_that_waits_for_the_content_of_a_refused_message_gets_none(
    step: str, reply: str
) -> None:
    """Not even the dot of an empty one: some would deliver that."""
    async with (
        Destination({step: [reply]}, careless=True) as destination,
        transport_to(destination.route) as transport,
    ):
        refused = await transport.send(PARCEL, may_commit=yes)
        sent = await transport.send(PARCEL, may_commit=yes)
    assert (refused.code, refused.response) == (int(reply[:3]), f"{reply} [no TLS]")
    assert (sent.kind, destination.connections, len(destination.messages)) == ("delivered", 2, 1)
    assert not destination.refused
    assert [message.content for message in destination.messages] == [CONTENT]


@pytest.mark.parametrize("behind", [DROP, SILENT, b"what\r\n", "421 4.3.2 closing"])
async def test_refusal_stands_whatever_becomes_of_the_commands_behind_it(behind: Any) -> None:
    """Those it has read already may get no reply any more."""
    async with Destination({"RCPT": "550 5.1.1 no", "DATA": behind}, careless=True) as destination:
        outcome = await attempt_at(destination, data_start_timeout=SHORT)
    assert (outcome.kind, outcome.enhanced) == ("permanent", "5.1.1")
    assert not destination.messages


# Kept connections


@pytest.mark.parametrize(
    ("capabilities", "said"),
    [
        (ONE_BY_ONE, "EHLO MAIL RCPT RSET MAIL RCPT DATA MAIL RCPT DATA QUIT"),
        (CAPABILITIES, "EHLO MAIL RCPT DATA RSET MAIL RCPT DATA MAIL RCPT DATA QUIT"),
    ],
)
async def test_connection_is_kept_and_reset_where_a_transaction_was_left_open(
    capabilities: list[str], said: str
) -> None:
    async with (
        Destination({"RCPT": ["550 5.1.1 no"]}, capabilities=capabilities) as destination,
        transport_to(destination.route) as transport,
    ):
        outcomes = [await transport.send(PARCEL, may_commit=yes) for _ in range(3)]
        assert transport.stats.idle == 1
    assert [outcome.kind for outcome in outcomes] == ["permanent", "delivered", "delivered"]
    verbs = [line.split(" ")[0] for _, line in destination.commands]
    assert destination.connections == 1
    assert " ".join(verbs) == said


@pytest.mark.parametrize(
    "script",
    [
        {"RCPT": ["550 no"], "RSET": [DROP]},
        {"RCPT": ["550 no"], "RSET": ["421 4.4.2 idle"]},
        {"MAIL": ["250 ok", DROP]},
        {"MAIL": ["250 ok", "421 enough"]},
    ],
)
async def test_kept_connection_found_dead_is_replaced_silently(script: Script) -> None:
    async with Destination(script) as destination, transport_to(destination.route) as transport:
        outcomes = [await transport.send(PARCEL, may_commit=yes) for _ in range(2)]
    assert outcomes[1].kind == "delivered"
    assert destination.connections == 2
    assert [message.connection for message in destination.messages][-1] == 2


async def test_fresh_connection_that_dies_is_not_tried_twice() -> None:
    _, destination = await attempt({"MAIL": DROP})
    assert destination.connections == 1


async def test_cut_idle_connection_costs_nothing() -> None:
    async with Destination() as destination, transport_to(destination.route) as transport:
        await transport.send(PARCEL, may_commit=yes)
        await destination.cut()
        assert (await transport.send(PARCEL, may_commit=yes)).kind == "delivered"
    assert len(destination.messages) == 2


async def test_connection_that_spoke_unasked_is_not_used_again() -> None:
    async with (
        Destination({"DOT": [b"250 ok\r\n550 5.0.0 second thoughts\r\n"]}) as destination,
        transport_to(destination.route) as transport,
    ):
        outcomes = [await transport.send(PARCEL, may_commit=yes) for _ in range(2)]
    assert [outcome.kind for outcome in outcomes] == ["delivered", "delivered"]
    assert destination.connections == 2


async def test_connection_is_closed_after_its_share_of_messages() -> None:
    async with (
        Destination() as destination,
        transport_to(destination.route, messages_per_connection=2) as transport,
    ):
        for _ in range(4):
            await transport.send(PARCEL, may_commit=yes)
    assert [message.connection for message in destination.messages] == [1, 1, 2, 2]


async def test_idle_connection_is_closed_with_quit() -> None:
    async with (
        Destination() as destination,
        transport_to(destination.route, connection_idle=SHORT) as transport,
    ):
        await transport.send(PARCEL, may_commit=yes)
        await destination.reach("QUIT")
        assert transport.stats.idle == 0


async def test_connections_to_one_host_are_capped_and_served_in_order() -> None:
    hold = asyncio.Event()
    parcels = [replace(PARCEL, reverse_path=f"s{number}@origin.test") for number in range(8)]
    async with (
        Destination({"DOT": [Act("250 ok", until=hold), Act("250 ok", until=hold)]}) as destination,
        transport_to(destination.route, connections_per_next_hop=2) as transport,
    ):
        sending = [asyncio.create_task(transport.send(parcel, may_commit=yes)) for parcel in parcels]
        await destination.wait_for(2)
        assert (transport.stats.in_use, transport.stats.waiting) == (2, 6)
        hold.set()
        await asyncio.gather(*sending)
    assert destination.most_open == 2
    order = [int(message.mail[len("MAIL FROM:<s")]) for message in destination.messages]
    assert sorted(order) == list(range(8))
    assert all(abs(place - number) <= 2 for place, number in enumerate(order))


async def test_waiting_for_a_busy_host_is_bounded() -> None:
    hold = asyncio.Event()
    async with (
        Destination({"DOT": [Act("250 ok", until=hold)]}) as destination,
        transport_to(destination.route, connections_per_next_hop=1, next_hop_wait=SHORT) as transport,
    ):
        first = asyncio.create_task(transport.send(PARCEL, may_commit=yes))
        await destination.reach("DOT")
        outcome = await transport.send(PARCEL, may_commit=yes)
        hold.set()
        assert (await first).kind == "delivered"
    assert (outcome.kind, outcome.enhanced, outcome.reason) == ("transient", "4.4.5", "put-off")
