"""A machine that says anything at all to a live receiver: it is answered, in time, and never by a fault.

The model knows only this: one well-formed reply to each line, ten protocol errors end the connection,
content ends at CRLF.CRLF. Where the receiver says 354, 221 or 421 it must mean it.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.destination import Destination
from tests.support.stack import service

STEP_SECONDS = 2.0
MOST_ERRORS = 10
END = b"\r\n.\r\n"
WELL_FORMED = re.compile(rb"[2345][0-9]{2}[ -][\x20-\x7e]*\r\n")
ENHANCED = re.compile(rb"([245])[0-9]{2} \1\.[0-9]{1,3}\.[0-9]{1,3} ")
PLAIN = re.compile(rb"220 mx\.|250[ -](mx\.|SIZE|PIPELINING|8BITMIME|SMTPUTF8|ENHANCED|STARTTLS)|354 ")

mailboxes = st.sampled_from(
    [
        *(
            "hello@shop.test",
            "HELLO@SHOP.test",
            "hello+tag@shop.test",
            "nobody@shop.test",
            "paused@shop.test",
        ),
        *(
            "postmaster",
            "postmaster@shop.test",
            "a@elsewhere.test",
            "a@b@shop.test",
            '"a b"@shop.test',
            "",
            "@",
        ),
        *(
            "x" * 65 + "@shop.test",
            "a@" + "x." * 130 + "test",
            "é@shop.test",
            "a@[127.0.0.1]",
            "SRS0=a=b=c=d@x",
        ),
        *("=?utf-8?q?hello?=@shop.test", "a\\@shop.test", "<hello@shop.test>", "@relay.test:hello@shop.test"),
    ]
)
parameters = st.sampled_from(
    [
        "",
        " SIZE=10",
        " SIZE=99999999999",
        " SIZE=²",
        " SIZE=",
        " BODY=8BITMIME",
        " SMTPUTF8",
        " X=1",
        " =",
        " A= B",
    ]
)
paths = st.tuples(st.sampled_from(["<{}>", "{}", "<{}", "{}>", " <{}>", "<{}> "]), mailboxes, parameters).map(
    lambda t: t[0].format(t[1]) + t[2]
)
verbs = st.sampled_from(
    [
        *(
            "HELO",
            "EHLO",
            "RSET",
            "NOOP",
            "VRFY",
            "EXPN",
            "HELP",
            "AUTH",
            "MAIL",
            "RCPT",
            "MAIL FROM:",
            "RCPT TO:",
        ),
        *(
            "helo",
            "Ehlo",
            "mail from:",
            "Rcpt To:",
            "BDAT",
            "XCLIENT",
            "TURN",
            "",
            " ",
            "\t",
            "NO OP",
            "MAILFROM:",
        ),
    ]
)
noise = st.binary(max_size=60).map(lambda octets: octets.replace(b"\n", b""))
words = st.one_of(paths.map(lambda text: text.encode()), noise, st.just(b""), st.just(b"client.test"))
ENDING = re.compile(
    rb"(QUIT|DATA|STARTTLS|GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH)\r*( |\Z)", re.IGNORECASE
)
lines = st.one_of(
    st.tuples(verbs, st.sampled_from([b"", b" "]), words).map(lambda t: t[0].encode() + t[1] + t[2]),
    paths.map(lambda path: f"MAIL FROM:{path}".encode()),
    paths.map(lambda path: f"RCPT TO:{path}".encode()),
    st.just(b"RCPT TO:<hello@shop.test>"),
    st.just(b"EHLO client.test"),
    noise,
    st.integers(2040, 2060).map(lambda length: b"NOOP " + b"x" * (length - 5)),
    st.just(200_000).map(lambda length: b"y" * length),
).filter(lambda line: not ENDING.match(line))  # what changes or ends the dialogue has rules of its own
pieces = st.one_of(
    st.sampled_from(
        [
            b"Subject: hi\r\n\r\n",
            b"\r\n",
            b".",
            b"..\r\n",
            b"\r",
            b"\n",
            b"\0",
            b"\r\n.",
            b"Received: y\r\n",
        ]
    ),
    st.binary(max_size=200),
    st.just(70_000).map(lambda length: b"x" * length),
)
ends = st.sampled_from([b"\r\n", b"\n"])


class Dialogue(RuleBasedStateMachine):
    """One connection after another. `content` is what was sent since 354; None between transactions."""

    port: ClassVar[int] = 0

    @initialize()
    def connect(self) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", self.port), STEP_SECONDS)
        self.socket.settimeout(STEP_SECONDS)
        self.read = b""
        self.errors = 0
        self.may_end = False
        self.tls = False
        self.content: bytes | None = None
        assert self.reply().startswith(b"220 mx.")

    def teardown(self) -> None:
        if hasattr(self, "socket"):
            self.socket.close()

    # --- what a client does ---

    @precondition(lambda self: self.content is None)
    @rule(line=lines, end=ends)
    def one_command(self, line: bytes, end: bytes) -> None:
        self.send(line + end)
        self.expect([line])

    @precondition(lambda self: self.content is None)
    @rule(batch=st.lists(lines, min_size=2, max_size=12))
    def pipelined_commands(self, batch: list[bytes]) -> None:
        self.may_end = self.errors + len(batch) >= MOST_ERRORS
        self.send(b"".join(line + b"\r\n" for line in batch))
        self.expect(batch)

    @precondition(lambda self: self.content is None)
    @rule(line=lines, at=st.integers(0, 60))
    def a_command_in_two_halves(self, line: bytes, at: int) -> None:
        self.send(line[:at])
        self.send(line[at:] + b"\r\n")
        self.expect([line])

    @precondition(lambda self: self.content is None)
    @rule(polite=st.booleans())
    def a_transaction_up_to_data(self, polite: bool) -> None:
        greeting = [b"EHLO client.test"] if polite else []
        batch = [*greeting, b"MAIL FROM:<ann@sender.test>", b"RCPT TO:<hello@shop.test>"]
        self.send(b"".join(line + b"\r\n" for line in batch))
        if self.expect(batch):
            self.data()

    @precondition(lambda self: self.content is None)
    @rule()
    def data(self) -> None:
        self.send(b"DATA\r\n")
        self.expect([b"DATA"])

    @precondition(lambda self: self.content is not None)
    @rule(piece=pieces)
    def some_content(self, piece: bytes) -> None:
        if END in b"\r\n" + (self.content or b"") + piece:
            return
        self.content = (self.content or b"") + piece
        self.send(piece)

    @precondition(lambda self: self.content is not None)
    @rule(pipelined=st.lists(lines, max_size=3))
    def end_of_content(self, pipelined: list[bytes]) -> None:
        """What follows the first CRLF.CRLF is commands, a stray dot of our own ending too."""
        sent = END + b"".join(line + b"\r\n" for line in pipelined)
        _, _, rest = (b"\r\n" + (self.content or b"") + sent).partition(END)
        self.content = None
        self.may_end = self.errors + rest.count(b"\n") >= MOST_ERRORS
        self.send(sent)
        assert self.reply()[:1] in b"245"
        self.expect(rest.split(b"\n")[:-1])

    @precondition(lambda self: self.content is None)
    @rule()
    def starttls(self) -> None:
        self.send(b"STARTTLS\r\n")
        if not self.expect([b"STARTTLS"]) or self.tls:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.tls = True

    @precondition(lambda self: self.content is None)
    @rule(line=st.sampled_from([b"QUIT", b"GET / HTTP/1.1", b"post /"]))
    def a_command_that_ends_it(self, line: bytes) -> None:
        self.send(line + b"\r\n")
        assert self.reply()[:3] in (b"221", b"500")
        self.is_closed()

    @rule(half=st.sampled_from([b"", b"MAIL FROM:<a", b"DATA\r", b"\r\n.\r"]), abortive=st.booleans())
    def disconnect(self, half: bytes, abortive: bool) -> None:
        self.send(half)
        if not abortive and not self.tls:
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(65536):
                pass
        self.connect_anew()

    # --- what must hold ---

    def expect(self, batch: list[bytes]) -> bool:
        """A reply to each line, until the errors are too many. False when the connection is a new one."""
        for line in batch:
            try:
                reply = self.reply()
            except TimeoutError:
                raise
            except OSError:  # the last replies are lost when the server closes before it has read all
                assert self.may_end
                self.connect_anew()
                return False
            code = int(reply[:3])
            if code == 354:
                assert line.strip().upper() == b"DATA", line
                self.content = b""
            self.errors += 500 <= code <= 503
            if self.errors >= MOST_ERRORS:
                assert self.reply().startswith(b"421 4.7.0 ")
                self.is_closed()
                return False
        return True

    def reply(self) -> bytes:
        """All lines of the next reply. It is well-formed, has its enhanced code, and is no fault of ours."""
        lines: list[bytes] = []
        while not lines or lines[-1][3:4] == b"-":
            lines.append(self.line())
        for line in lines:
            assert WELL_FORMED.fullmatch(line), line
            assert line[:3] == lines[0][:3]
            assert ENHANCED.match(line) or PLAIN.match(line), line
            assert not line.startswith((b"451 4.3.0", b"421 4.3.0")), line
        return b"".join(lines)

    def line(self) -> bytes:
        while b"\n" not in self.read:
            chunk = self.socket.recv(65536)
            assert chunk, "closed where a reply was due"
            self.read += chunk
        line, _, self.read = self.read.partition(b"\n")
        return line + b"\n"

    def send(self, octets: bytes) -> None:
        try:
            self.socket.sendall(octets)
        except TimeoutError:
            raise
        except OSError:
            assert self.may_end

    def connect_anew(self) -> None:
        self.socket.close()
        self.connect()

    def is_closed(self) -> None:
        """By the server, which says nothing more; then we come again."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            assert self.read + self.socket.recv(65536) == b""
        self.connect_anew()


async def test_any_dialogue_is_answered_in_time_and_without_a_fault(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with Destination() as inbox:
        routes = {"inbox.test": inbox}
        async with service(database_url, redis_url, tmp_path, routes, **PATIENT) as stack:
            await stack.alias("hello", "you@inbox.test")
            await stack.alias("paused", "you@inbox.test", enabled=False)
            await stack.spawn("mx")
            Dialogue.port = stack.settings.mx_port
            await asyncio.to_thread(run_state_machine_as_test, Dialogue, settings=EFFORT)
            said = stack.log.read_text()
            assert "command_failed" not in said
            assert "data_failed" not in said
            assert "Traceback" not in said


PATIENT: dict[str, Any] = {
    "max_idle_commands": 10**6,
    "max_unknown_recipients": 10**6,
    "unknown_recipient_pause": timedelta(0),
}
EFFORT = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # a hang takes its time in each step of shrinking
    suppress_health_check=list(HealthCheck),
)
