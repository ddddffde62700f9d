"""What a next hop says: octets to answers, and the words after EHLO to extensions (RFC 5321 section 4.2).

Pure. Must never take the octets of one reply for those of another.
"""

import re
from typing import Final

from mailcore.values import value

NO_ANSWER: Final = -1
_WHOLE: Final = re.compile(rb"(?:[0-9]{3}-[^\n]*\n)*+([0-9]{3})(?:[^-\n][^\n]*)?\n")
_MALFORMED: Final = re.compile(rb"(?:[0-9]{3}-[^\n]*\n)*+(?![0-9]{3})([^\n]*)\n")


@value
class Answer:
    """A reply, or NO_ANSWER with the reason in words."""

    code: int
    text: str

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code <= 299

    @property
    def is_refusal(self) -> bool:
        """One after which the session goes on: 421 closes it (RFC 5321 section 4.2.3)."""
        return 400 <= self.code <= 599 and self.code != 421

    @property
    def leaves_connection(self) -> bool:
        """Whether the session goes on after this reply."""
        return self.is_positive or self.is_refusal


def take(octets: bytearray) -> Answer | None:
    """The first reply, cut off the octets, its lines joined by line ends; None before all of it has come."""
    if not octets:
        return None
    whole = _WHOLE.match(octets)
    if whole is None:
        malformed = _MALFORMED.match(octets)
        return Answer(NO_ANSWER, f"Malformed reply: {_text(malformed[1])}") if malformed else None
    code, lines = int(whole[1]), whole[0].split(b"\n")[:-1]
    text = "\n".join([_text(line[4:]) for line in lines])
    del octets[: whole.end()]
    return Answer(code, text) if 200 <= code <= 599 else Answer(NO_ANSWER, f"Unexpected reply: {text}")


def refusal_in(octets: bytearray) -> Answer | None:
    """A refusal (4yz, 5yz) that begins there, even if it is not whole yet."""
    refused = re.match(rb"[45][0-9]{2}[ -]", octets)
    return Answer(int(refused[0][:3]), _text(octets[4:])) if refused else None


def extensions_in(text: str) -> dict[str, str]:
    """What the server announced behind its greeting: keywords in lower case, and their parameters."""
    lines = (line.strip().partition(" ") for line in text.split("\n")[1:])
    return {keyword.lower(): parameters for keyword, _, parameters in lines if keyword}


def _text(octets: bytes | bytearray) -> str:
    return octets.strip(b" \t\r\n").decode("utf-8", "surrogateescape")
