"""Dialogue files: a conversation with our mx as a person reads it, and the replay of one over a real socket.

    # The first line says the rule.        `# lane: fast`, `# settings: max_errors=2` say what is special;
    # start: connect                       else it begins after the greeting and EHLO.
    # spam: 15.2                           a spam filter is asked, and gives every message this score
    c: MAIL FROM:<someone@sender.test>     sent with CRLF
    s: 250 2.1.0 Sender OK                 the next line of the server, exactly; {id} is any identifier
    c> half a line                         sent as it is
    s! / c! / c+tls / c=eof                the server closes; the client leaves; TLS handshake; half-close

Escapes in client lines: \\r \\n \\0 \\\\ \\xNN, and {{text*3}} for text three times.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.smtp_client import SmtpClient

FOLDER = Path(__file__).parent
_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_REPEAT = re.compile(rb"\{\{(.*?)\*([0-9]+)\}\}", re.DOTALL)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[rn0\\])")
_PLAIN = {b"r": b"\r", b"n": b"\n", b"0": b"\0", b"\\": b"\\"}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a file: who acts, and with what."""

    mark: str
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A parsed file. `headers` are its `# name: value` lines."""

    name: str
    headers: dict[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()

    @property
    def expected(self) -> list[str]:
        return [step.text for step in self.steps if step.mark == "s:"]


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.txt"))


def parse(path: Path) -> Dialogue:
    headers: dict[str, str] = {}
    steps: list[Step] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if header := re.fullmatch(r"# (lane|settings|start|spam): (.*)", line):
            headers[header[1]] = header[2]
        elif line and not line.startswith("#"):
            mark, _, text = line.partition(" ")
            assert mark in ("c:", "c>", "s:", "s!", "c!", "c+tls", "c=eof"), f"{path.name}:{number}: {line}"
            steps.append(Step(mark, text, number))
    return Dialogue(path.stem, headers, steps)


def octets(text: str) -> bytes:
    """What a client line stands for."""
    unescaped = _ESCAPE.sub(_unescape, text.encode())
    return _REPEAT.sub(lambda match: match[1] * int(match[2]), unescaped)


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1][1:].decode()) if match[1][:1] == b"x" else _PLAIN[match[1]]


async def replay(dialogue: Dialogue, client: SmtpClient) -> None:
    """Raises AssertionError with file and line where the server says something else."""
    if dialogue.headers.get("start") != "connect":
        await client.hello()
    for step in dialogue.steps:
        await _act(dialogue, step, client)


async def _act(dialogue: Dialogue, step: Step, client: SmtpClient) -> None:
    where = f"{dialogue.name}.txt:{step.number}"
    match step.mark:
        case "c:":
            await client.send(octets(step.text) + b"\r\n")
        case "c>":
            await client.send(octets(step.text))
        case "s:":
            said = await client.line()
            expected = re.escape(step.text).replace(r"\{id\}", _ID)
            assert re.fullmatch(expected, said), f"{where}: expected {step.text!r}, got {said!r}"
        case "s!":
            rest = await client.rest()
            assert rest == b"", f"{where}: expected the end, got {rest!r}"
        case "c+tls":
            await client.handshake()
        case "c=eof":
            client.writer.write_eof()
        case _:
            await client.close()
