"""One mail transaction on one connection: MAIL, RCPT, DATA, content, final dot -> `Outcome`.

The command bytes are built here, so that the address on the wire is the address we were given. Must never
send the final dot without asking `may_commit` first, nor take an early reply for the answer to it.
"""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from mailcore import crash_points
from mailcore.connection import DATA, Connection
from mailcore.dot_stuffing import dot_stuffed
from mailcore.next_hop_replies import NO_ANSWER
from mailcore.outcome import Outcome, from_reply, ours
from mailcore.settings import Settings
from mailcore.values import value

SERVICE_CLOSING: Final = 421
_MARKS: Final = re.compile("[<> ]")  # what ends a path, or begins another word
# So much goes out in one packet train with its dot: a socket that waits for nothing else takes it at once.
_AT_ONCE: Final = 16 * 1024


@value
class Parcel:
    """What one transaction carries.

    Paths come without angle brackets ("" is the null reverse-path), content with CRLF line ends and no bare
    CR or LF; `size` is in octets; the next two are what the content asks of the next hop, and `require_tls`
    is what the owner of the alias asks.
    """

    reverse_path: str
    forward_path: str
    content: Sequence[bytes | memoryview]
    size: int
    smtputf8: bool
    eight_bit: bool
    require_tls: bool = False


@value
class Result:
    """An outcome, and whether the connection may carry another message."""

    outcome: Outcome
    reusable: bool


async def transact(
    connection: Connection, parcel: Parcel, may_commit: Callable[[], bool], settings: Settings
) -> Result | None:
    """Run the transaction. None: a kept connection died before it answered MAIL, nothing was begun."""
    if refusal := _refused_by_capabilities(parcel, connection.extensions):
        return Result(refusal, reusable=True)
    try:
        mail, rcpt = _mail_command(parcel, connection.extensions), b"RCPT TO:" + _path(parcel.forward_path)
    except ValueError:
        outcome = ours("permanent", 553, "5.1.3", "The address is not valid in SMTP", "bad-path")
        return Result(outcome, reusable=True)
    verb, data = _seconds(settings.command_timeout), _seconds(settings.data_start_timeout)
    reset = [(b"RSET", _seconds(settings.connect_timeout))] if connection.needs_reset else []
    connection.begin()
    answers = await connection.commands([*reset, (mail, verb), (rcpt, verb), (DATA, data)])
    if reset and not answers.pop(0).is_positive:
        return None
    answer = answers[-1]
    if connection.is_kept and len(answers) == 1 and answer.code in (NO_ANSWER, SERVICE_CLOSING):
        return None
    if len(answers) == 3 and answer.code == 354:
        return await _send_content(connection, parcel, may_commit, settings)
    # A server that waits for content now, though it refused, is told nothing: not even a dot (RFC 2920, 3.1).
    return Result(from_reply(answer.code, answer.text), answer.is_refusal and not connection.in_data)


async def _send_content(
    connection: Connection, parcel: Parcel, may_commit: Callable[[], bool], settings: Settings
) -> Result:
    """Content piece by piece, then the dot. Until the dot it is ours, then we wait for the verdict."""
    crash_points.reach("sender-before-data")
    pieces = dot_stuffed(parcel.content)
    if parcel.size > _AT_ONCE:
        for piece in pieces:
            if refused := await connection.write(piece, _seconds(settings.data_block_timeout)):
                return Result(from_reply(refused.code, refused.text), reusable=False)
            crash_points.reach("sender-mid-data")
    if not connection.is_clean:
        early = connection.early_answer()
        return Result(from_reply(early.code, early.text), reusable=False)
    if not may_commit():
        connection.abort()
        outcome = ours("transient", 451, "4.3.0", "Attempt interrupted before the final dot", "aborted")
        return Result(outcome, reusable=False)
    answer = await connection.end(b"".join(pieces) + b".\r\n", _seconds(settings.after_dot_timeout))
    connection.needs_reset = not answer.is_positive
    return Result(from_reply(answer.code, answer.text, after_dot=True), answer.leaves_connection)


def _refused_by_capabilities(parcel: Parcel, extensions: dict[str, str]) -> Outcome | None:
    """What the next hop has told in EHLO that it cannot take: no use in trying, or in trying again."""
    limit = extensions.get("size", "")
    if re.fullmatch(r"[0-9]{1,18}", limit) and 0 < int(limit) < parcel.size:
        return ours("permanent", 552, "5.3.4", f"The server takes no more than {limit} bytes", "too-large")
    if _needs_smtputf8(parcel) and "smtputf8" not in extensions:
        return _no_smtputf8(parcel)
    if parcel.eight_bit and "8bitmime" not in extensions:
        return ours("permanent", 554, "5.6.3", "The server takes no 8-bit content (8BITMIME)", "no-8bitmime")
    return None


def _no_smtputf8(parcel: Parcel) -> Outcome:
    """RFC 6531 section 3.5 tells the address apart from the header."""
    if _has_utf8_path(parcel):
        return ours("permanent", 553, "5.6.7", "The server takes no addresses in UTF-8", "no-smtputf8")
    return ours("permanent", 554, "5.6.9", "The server takes no headers in UTF-8", "no-smtputf8")


def _needs_smtputf8(parcel: Parcel) -> bool:
    return parcel.smtputf8 or _has_utf8_path(parcel)


def _has_utf8_path(parcel: Parcel) -> bool:
    return not (parcel.reverse_path.isascii() and parcel.forward_path.isascii())


def _mail_command(parcel: Parcel, extensions: dict[str, str]) -> bytes:
    """MAIL with the parameters that are announced and needed, and no others."""
    words = [b"MAIL FROM:" + _path(parcel.reverse_path)]
    if "size" in extensions:
        words.append(b"SIZE=%d" % parcel.size)
    if parcel.eight_bit:
        words.append(b"BODY=8BITMIME")
    if _needs_smtputf8(parcel):
        words.append(b"SMTPUTF8")
    return b" ".join(words)


def _path(mailbox: str) -> bytes:
    """A mailbox in angle brackets. Raises ValueError, without naming it, where it could be more than that."""
    local_part, at, domain = mailbox.rpartition("@")
    unsafe = not mailbox.isprintable() or _MARKS.search(domain)
    quoted = local_part.startswith('"') and local_part.endswith('"')
    if unsafe or (mailbox and not at) or (not quoted and _MARKS.search(local_part)):
        raise ValueError("path cannot be written into a command")
    return b"<" + mailbox.encode("utf-8") + b">"


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()
