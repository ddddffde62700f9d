"""Delivery status notifications (RFC 3464): write ours, read the status out of a returned one.

Ours says that a message to an alias failed, and why in plain words. Must never name a destination, its host
or what that host said, and never go where nobody proved to be the sender. Of a returned one nothing but
action and status is ever used.
"""

import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from mailcore.envelope import Mailbox
from mailcore.own_mail import date_time, encoded_part, field, fields, one_line, text_part
from mailcore.rewriting import Content
from mailcore.status_words import plain_words, registered

__all__ = ["Failure", "ReturnedStatus", "compose", "may_notify", "plain_words", "read_status"]

_HEADERS_CAP = 8 * 1024
_SHOWN_FIELD = re.compile(
    rb"^(from|to|cc|subject|date|message-id)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE
)
_NOT_XTEXT = re.compile(r"[^!-*,-<>-\[\]-~]")  # all but QCHAR of RFC 6533 section 3

_AUTOMATIC = re.compile(
    rb"^(list-[!-9;-~]+|precedence|auto-submitted)[ \t]*:[ \t]*(?:\r?\n[ \t]+)*([^\s;(]*)",
    re.IGNORECASE | re.MULTILINE,
)
_NEVER_TOLD = frozenset({"postmaster", "mailer-daemon"})

_STATUS_PART_CAP = 64 * 1024
_PART_HEADER_CAP = 4 * 1024
_PARTS_LOOKED_AT = 8
_STATUS_PART = re.compile(
    rb"^content-type[ \t]*:[ \t]*(?:\r?\n[ \t]+)?message/(?:global-)?delivery-status(?![\w-])",
    re.IGNORECASE | re.MULTILINE,
)
_BASE64 = re.compile(rb"^content-transfer-encoding[ \t]*:[ \t]*base64", re.IGNORECASE | re.MULTILINE)
_EMPTY_LINE = re.compile(rb"\n[ \t]*\r?\n")
_ACTION = re.compile(
    rb"^action[ \t]*:[ \t]*(failed|delayed|delivered|relayed|expanded)(?![\w-])", re.IGNORECASE | re.MULTILINE
)
_STATUS_FIELD = re.compile(
    rb"^status[ \t]*:[ \t]*([245]\.(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2}))(?![\w.-])",
    re.IGNORECASE | re.MULTILINE,
)
_CLASSES = {"failed": "45", "delayed": "4", "delivered": "2", "relayed": "2", "expanded": "2"}


@dataclass(frozen=True, slots=True)
class Failure:
    """`alias` is the address the sender wrote to; `status` an enhanced code (RFC 3463)."""

    alias: str
    status: str
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class ReturnedStatus:
    """`action` is a word of RFC 3464 section 2.3.3, `status` an enhanced code whose class agrees with it."""

    action: str
    status: str


def may_notify(*, reverse_path: Mailbox | None, spf_pass: bool, header: bytes) -> bool:
    """May a DSN go to this reverse-path? Never to `<>`, a forged sender, a list, a robot or a postmaster.

    `header` is the header section of the message that failed.
    """
    if reverse_path is None or not spf_pass or reverse_path.local_part.lower() in _NEVER_TOLD:
        return False
    return not any(_is_automatic(match[1].lower(), match[2].lower()) for match in _AUTOMATIC.finditer(header))


def _is_automatic(name: bytes, value: bytes) -> bool:
    if name == b"auto-submitted":  # RFC 3834 section 5
        return value != b"no"
    return name != b"precedence" or value in {b"bulk", b"list", b"junk"}


def compose(
    *,
    dsn_id: UUID,
    reporting_mta: str,
    from_domain: str,
    to: str,
    failure: Failure,
    original_header: bytes,
    at: datetime,
    plain_reason: str,
) -> bytes:
    """The notification, to be sent with a null reverse-path (RFC 3461 section 6.1).

    `to` is the reverse-path of the failed message; `plain_reason` one sentence of ours (`plain_words`).
    7-bit throughout, unless `to` itself is not ASCII.
    """
    boundary = f"=_{dsn_id.hex}"
    header = fields(
        [
            ("From", f"Mail Delivery System <mailer-daemon@{from_domain}>"),
            ("To", f"<{to}>"),
            ("Subject", "Your message could not be delivered"),
            ("Date", date_time(at)),
            ("Message-ID", f"<{dsn_id}@{from_domain}>"),
            ("Auto-Submitted", "auto-replied"),
            ("MIME-Version", "1.0"),
        ]
    )
    report_type = (
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"\r\n'
    )
    parts = [
        text_part(_words(failure, plain_reason)),
        _status_part(reporting_mta, failure),
        encoded_part("text/rfc822-headers", _shown_lines(original_header)),
    ]
    delimiter = b"--" + boundary.encode()
    body = b"".join(delimiter + b"\r\n" + part for part in parts)
    return header + report_type.encode() + b"\r\n" + body + delimiter + b"--\r\n"


def _words(failure: Failure, plain_reason: str) -> str:
    return "\n".join(
        [
            f"Your message of {date_time(failure.arrived_at)} to",
            "",
            f"    {one_line(failure.alias)}",
            "",
            "could not be delivered.",
            "",
            one_line(plain_reason),
            f"(status code {registered(failure.status)})",
            "",
            "No further attempt will be made. The message itself is no longer stored here;",
            "the main lines of its header are below.",
        ]
    )


def _status_part(reporting_mta: str, failure: Failure) -> bytes:
    """RFC 3464 section 2. No Remote-MTA, no Diagnostic-Code: both would name the destination."""
    per_message = [
        ("Reporting-MTA", f"dns; {reporting_mta}"),
        ("Arrival-Date", date_time(failure.arrived_at)),
    ]
    per_recipient = [
        ("Final-Recipient", _typed_address(failure.alias)),
        ("Action", "failed"),
        ("Status", registered(failure.status)),
    ]
    type_field = field("Content-Type", "message/delivery-status")
    return type_field + b"\r\n" + fields(per_message) + b"\r\n" + fields(per_recipient) + b"\r\n"


def _typed_address(address: str) -> str:
    """The address type of RFC 3464, or the 7-bit form of RFC 6533 section 3 where it is not ASCII."""
    if address.isascii():
        return f"rfc822; {address}"
    return "utf-8; " + _NOT_XTEXT.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", address)


def _shown_lines(original_header: bytes) -> list[bytes]:
    """The lines of the fields a sender knows a message by: the first of each, whole, as far as the cap goes.

    Trace and list fields stay out: they could tell what happened behind the alias.
    """
    shown: dict[bytes, bytes] = {}
    room = _HEADERS_CAP
    for match in _SHOWN_FIELD.finditer(original_header):
        name, text = match[1].lower(), match[0].removesuffix(b"\r")
        if name not in shown and len(text) <= room:
            shown[name] = text
            room -= len(text) + 2
    return [line.removesuffix(b"\r") for text in shown.values() for line in text.split(b"\n")]


def read_status(content: Content, *, cap: int = 1_000_000) -> ReturnedStatus | None:
    """Action and status of the first recipient in a returned DSN, None where there is none to be read.

    A bounded scan of the first `cap` bytes; the message is never parsed as MIME.
    """
    start = bytes(content[:cap])
    for found in islice(_STATUS_PART.finditer(start), _PARTS_LOOKED_AT):
        body = _status_body(start, found.start(), found.end())
        if body is not None:
            return _first_recipient(body)
    return None


def _status_body(content: bytes, type_at: int, type_end: int) -> bytes | None:
    """The body of the part whose Content-Type stands there, None if that is not a part's header."""
    boundary = content.rfind(b"\n--", max(0, type_at - _PART_HEADER_CAP), type_at)
    empty_line = _EMPTY_LINE.search(content, type_end - 1, type_end + _PART_HEADER_CAP)
    if boundary < 0 or empty_line is None or _EMPTY_LINE.search(content, boundary + 1, type_at):
        return None
    body = content[empty_line.end() : empty_line.end() + _STATUS_PART_CAP].partition(b"\n--")[0]
    return _from_base64(body) if _BASE64.search(content, boundary + 1, empty_line.start()) else body


def _from_base64(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        return b""


def _first_recipient(body: bytes) -> ReturnedStatus | None:
    for block in _EMPTY_LINE.split(body):
        action = _ACTION.search(block)
        if action is None:
            continue
        status = _STATUS_FIELD.search(block)
        word = action[1].decode().lower()
        if status is None or status[1][:1].decode() not in _CLASSES[word]:
            return None
        return ReturnedStatus(word, status[1].decode())
    return None
