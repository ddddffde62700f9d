"""One SMTP connection to a next hop: greeting, EHLO, STARTTLS, then commands and content.

Whatever the server does comes back as an `Answer` or an `Outcome`. Must never go on with less TLS than the
next hop needs (opportunistic TLS alone falls back to clear text, RFC 7435), and never speak to ourselves.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import replace

from mailcore.next_hop_protocol import NextHopProtocol, peer_ip, tls_version
from mailcore.next_hop_replies import NO_ANSWER, Answer, extensions_in
from mailcore.next_hops import NextHop
from mailcore.outcome import Outcome, from_reply, ours
from mailcore.outgoing_tls import NOT_OFFERED, Missing, OutgoingTls, handshake_failed, in_words
from mailcore.settings import Settings
from mailcore.tls_need import TlsNeed

DATA = b"DATA"


class Connection:
    """A connection past EHLO.

    `messages` counts transactions begun; `is_kept`: it lay idle since; `needs_reset`: the last transaction
    ended before the dot was accepted, which alone clears the server's buffers (RFC 5321 section 4.1.1.4);
    `in_data`: DATA was said in this transaction, and whatever is said now may be content. `tls` is its
    version, or None; `tls_words` say the same and what was proven, as it is told to the owner.
    """

    def __init__(self, protocol: NextHopProtocol, extensions: dict[str, str], need: TlsNeed) -> None:
        self._protocol = protocol
        self.extensions = extensions
        self.messages = 0
        self.is_kept = False
        self.needs_reset = False
        self.in_data = False
        self.ip = peer_ip(protocol)
        self.tls = tls_version(protocol)
        self.tls_words = in_words(self.tls, need)

    @property
    def is_clean(self) -> bool:
        return self._protocol.is_clean

    def begin(self) -> None:
        """A transaction."""
        self.messages += 1
        self.needs_reset, self.in_data = True, False

    async def commands(self, lines: Sequence[tuple[bytes, float]]) -> list[Answer]:
        """Says command lines (without CRLF, each with the seconds its reply may take), DATA the last of them.

        The answers end with the first that does not grant its command. In one write where the server takes
        that (RFC 2920): then replies to what comes behind a refused one are read, and mean nothing.
        """
        if not self._protocol.is_clean:
            return [self.early_answer()]
        if "pipelining" in self.extensions:
            return await self._in_one_write(lines)
        answers: list[Answer] = []
        for line, seconds in lines:
            self.in_data = line == DATA
            answers.append(await self.command(line, seconds))
            if not answers[-1].is_positive:
                break
        self._note_data(answers[-1])
        return answers

    async def _in_one_write(self, lines: Sequence[tuple[bytes, float]]) -> list[Answer]:
        self.in_data = True
        self._protocol.write(b"\r\n".join([line for line, _ in lines]) + b"\r\n", len(lines))
        answers: list[Answer] = []
        is_refused = False
        for _, seconds in lines:
            answer = await self._protocol.answer(seconds)
            if not is_refused:
                answers.append(answer)
            is_refused = is_refused or not answer.is_positive
            if answer.code == NO_ANSWER:
                break
        self._note_data(answer)
        return answers

    def _note_data(self, last: Answer) -> None:
        """A server that has refused DATA takes nothing more for content."""
        if last.is_refusal:
            self.in_data = False

    async def command(self, line: bytes, seconds: float) -> Answer:
        """One line, without CRLF, and the reply to it."""
        if not self._protocol.is_clean:
            return self.early_answer()
        return await _ask(self._protocol, line, seconds)

    async def write(self, piece: bytes, seconds: float) -> Answer | None:
        """Send a piece of content; an answer comes back only when the server will not take more."""
        if not self._protocol.is_clean:
            return self.early_answer()
        self._protocol.write(piece)
        if not await self._protocol.drain(seconds):
            return Answer(NO_ANSWER, "Server stopped reading")
        return None if self._protocol.is_clean else self.early_answer()

    async def end(self, octets: bytes, seconds: float) -> Answer:
        """The last octets of content with the final dot, and the verdict."""
        self._protocol.write(octets, 1)
        return await self._protocol.answer(seconds)

    def early_answer(self) -> Answer:
        return self._protocol.early_answer()

    def abort(self) -> None:
        """Drop the connection now; what is not sent yet never will be."""
        self._protocol.abort()

    def quit(self) -> None:
        """Say QUIT and close, without waiting for the reply."""
        self._protocol.write(b"QUIT\r\n")
        self._protocol.close()

    def reset_and_quit(self) -> None:
        """Amid a transaction that ends here: the server may forget it, and is to close the connection.

        Said at once, whatever reply is still owed, as in a pipelined group (RFC 2920 section 3.1): a process
        that ends has no time to wait, and a server that minds hangs up, which comes to the same.
        """
        self._protocol.write(b"RSET\r\nQUIT\r\n")

    async def closed(self) -> None:
        await self._protocol.lost.wait()


async def connect(
    hop: NextHop, settings: Settings, source_address: str, tls: OutgoingTls
) -> Connection | Outcome:
    """A connection past EHLO, or an outcome: transient (try the next host) or permanent (it is ourselves)."""
    protocol = await _dial(hop, settings.connect_timeout.total_seconds(), source_address)
    if isinstance(protocol, Outcome):
        return protocol
    try:
        made = await _introduce(protocol, hop, settings, tls)
    except BaseException:
        protocol.abort()
        raise
    if isinstance(made, Connection):
        return made
    ip, secured = peer_ip(protocol), tls_version(protocol)
    protocol.abort()
    if isinstance(made, Missing):
        less = hop.tls.without(made.words)
        if less is not None:
            return await connect(replace(hop, tls=less), settings, source_address, tls)
        made = made.outcome(hop.tls)
    return replace(made, server_ip=ip, tls=secured)


async def _dial(hop: NextHop, timeout: float, source_address: str) -> NextHopProtocol | Outcome:
    local = (source_address, 0) if source_address else None
    try:
        async with asyncio.timeout(timeout):
            _, protocol = await asyncio.get_running_loop().create_connection(
                NextHopProtocol, hop.address, hop.port, local_addr=local
            )
    except OSError as error:
        return ours("transient", 451, "4.4.1", _dial_failure(error), "connect")
    return protocol


def _dial_failure(error: OSError) -> str:
    """In words without addresses: asyncio's own text holds them."""
    if isinstance(error, TimeoutError):
        return "Connection timed out"
    if isinstance(error, socket.gaierror) or error.errno is None:
        return "Connection failed"
    return os.strerror(error.errno)


async def _introduce(
    protocol: NextHopProtocol, hop: NextHop, settings: Settings, tls: OutgoingTls
) -> Connection | Outcome | Missing:
    """Greeting, EHLO, STARTTLS, EHLO."""
    timeout = settings.connect_timeout.total_seconds()
    greeting = await protocol.answer(timeout)
    if greeting.code != 220:
        return _turned_away(greeting)
    if _names(greeting, settings.hostname):
        return _ourselves()
    offered = await _hello(protocol, settings)
    if isinstance(offered, Outcome):
        return offered
    if hop.tls.level == "clear" or (hop.tls.level == "opportunistic" and "starttls" not in offered):
        return Connection(protocol, offered, hop.tls)
    if "starttls" not in offered:
        return NOT_OFFERED
    if missing := await tls.start(protocol, hop.host, hop.tls, timeout):
        return missing
    offered = await _hello(protocol, settings)
    if isinstance(offered, Outcome):  # a server may fail the handshake after we think it is done (TLS 1.3)
        return offered if protocol.is_connected else handshake_failed(None)
    return Connection(protocol, offered, hop.tls)


async def _hello(protocol: NextHopProtocol, settings: Settings) -> dict[str, str] | Outcome:
    """The extensions of EHLO, keys in lower case; none from a server that only knows HELO (RFC 5321 3.2)."""
    name, timeout = settings.hostname.encode("ascii"), settings.command_timeout.total_seconds()
    answer = await _ask(protocol, b"EHLO " + name, timeout)
    if answer.is_positive:
        return _ourselves() if _names(answer, settings.hostname) else extensions_in(answer.text)
    if answer.code in range(500, 600):
        answer = await _ask(protocol, b"HELO " + name, timeout)
    return {} if answer.is_positive else _turned_away(answer)


async def _ask(protocol: NextHopProtocol, line: bytes, seconds: float) -> Answer:
    protocol.write(line + b"\r\n", 1)
    return await protocol.answer(seconds)


def _turned_away(answer: Answer) -> Outcome:
    """Refused before MAIL: the host's state, not a verdict on the message.

    5yz too is transient (RFC 7504 asks to try the other hosts first; a host that turns all away for four days
    ends by our own give-up), which is why the enhanced code is ours.
    """
    outcome = from_reply(answer.code, answer.text)
    enhanced = outcome.enhanced if outcome.kind == "transient" and answer.code != NO_ANSWER else "4.4.1"
    return replace(outcome, kind="transient", enhanced=enhanced, reason="connect")


def _ourselves() -> Outcome:
    return ours("permanent", 554, "5.4.6", "The next hop is this server itself: mail would loop", "loop")


def _names(answer: Answer, hostname: str) -> bool:
    return answer.text.lower().split()[:1] == [hostname.lower()]
