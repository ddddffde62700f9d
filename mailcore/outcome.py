"""What one attempt came to: delivered, transient or permanent, with what the server said made safe to store.

Pure. Must never keep a control character of a server's reply, and never name an address of ours.
"""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from mailcore.values import value

Kind = Literal["delivered", "transient", "permanent"]
Reason = Literal[
    "",  # the server's own answer
    "no-domain",  # the domain, or every host its MX names, does not exist
    "null-mx",  # RFC 7505
    "dns-failure",
    "private-address",  # DNS leads to addresses that are not on the public Internet
    "ip-version",  # the hosts have only addresses of a version that we do not send over
    "connect",  # no host would talk: refused, unreachable, or turned away before MAIL
    "tls",  # no host offers the TLS that is required
    "loop",  # the next hop is ourselves
    "too-large",
    "no-smtputf8",
    "no-8bitmime",
    "bad-path",  # an address that cannot be written into a command
    "no-reply",  # disconnect, silence or garbage before the final dot
    "ambiguous",  # the same after the final dot: the server may have the message
    "aborted",  # we withheld the final dot
    "put-off",  # not tried: the provider is paused, or busy with as many as it may have
]

RESPONSE_CHARACTERS: Final = 500
_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")


@value
class Outcome:
    """The result of one attempt.

    `code` and `response` are the server's where it spoke, ours where it did not (then `reason` says why).
    `enhanced` follows `kind`, not the code: a 554 greeting is transient and reads 4.4.1. `server_ip`,
    `server_name` (the MX host) and `tls` (such as "TLSv1.3") are None where it did not come that far;
    `provider` is empty there. `added`: what `response` ends in that is ours.
    """

    kind: Kind
    code: int
    enhanced: str
    response: str
    server_ip: str | None = None
    server_name: str | None = None
    duration: timedelta = timedelta(0)
    tls: str | None = None
    reason: Reason = ""
    provider: str = ""
    added: str = ""


def from_reply(code: int, text: str, *, after_dot: bool = False) -> Outcome:
    """The verdict on a server's final reply (RFC 5321 section 4.2.1).

    Only 2yz after the dot delivers. Anything but 4yz and 5yz elsewhere is a server gone wrong: transient.
    """
    response = f"{code} {sanitised(text)}"[:RESPONSE_CHARACTERS].rstrip()
    if after_dot and 200 <= code <= 299:
        return Outcome("delivered", code, enhanced_code(text, 2), response)
    if 500 <= code <= 599:
        return Outcome("permanent", code, enhanced_code(text, 5), response)
    if 400 <= code <= 499:
        return Outcome("transient", code, enhanced_code(text, 4), response)
    return no_reply(f"Unexpected reply: {response}" if code > 0 else sanitised(text), after_dot=after_dot)


def no_reply(what: str, *, after_dot: bool = False) -> Outcome:
    """The server fell silent, went away or answered with something that is no answer."""
    reason: Reason = "ambiguous" if after_dot else "no-reply"
    return ours("transient", 451, "4.4.2", what, reason)


def ended_in(outcome: Outcome, words: str) -> Outcome:
    """The same, its response ending in words of ours, such as " [TLSv1.3, verified]" or "; From rewritten".

    Where they are too long together, it is the server's words that are cut.
    """
    theirs = outcome.response.removesuffix(outcome.added)
    added = outcome.added + words
    return replace(outcome, response=theirs[: RESPONSE_CHARACTERS - len(added)] + added, added=added)


def ours(kind: Kind, code: int, enhanced: str, text: str, reason: Reason) -> Outcome:
    """An outcome in our own words."""
    return Outcome(kind, code, enhanced, f"{code} {enhanced} {text}"[:RESPONSE_CHARACTERS], reason=reason)


def enhanced_code(text: str, code_class: int) -> str:
    """The reply's enhanced status code where its class fits the code (RFC 2034 section 4), else x.0.0."""
    found = _ENHANCED.match(text)
    return found[0] if found and int(found[1]) == code_class else f"{code_class}.0.0"


def sanitised(text: str) -> str:
    """One printable line: lines joined by a space, everything unprintable escaped, at most 500 characters."""
    line = " ".join(text[: 2 * RESPONSE_CHARACTERS].split("\n"))
    if not line.isprintable():
        line = "".join(_printable(character) for character in line)
    return line[:RESPONSE_CHARACTERS]


def _printable(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that was no UTF-8, kept by surrogateescape
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
