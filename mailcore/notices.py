"""Notices to an account's owner: mail that could not be delivered where no DSN may go, and disputed domains.

Plain text, quiet, complete in itself. Must never hold a subject or a sender of the mail it speaks of, nor
anything of another account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import formataddr
from typing import Literal
from uuid import UUID

from mailcore.own_mail import date_time, fields, one_line, text_part
from mailcore.status_words import plain_words

_ROWS_SHOWN = 100

DomainDispute = Literal["lost", "won", "kept"]


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """`count` messages to `alias` ended with this enhanced code on the day of the notice."""

    alias: str
    status: str
    count: int


def undeliverable_notice(
    *,
    to: str,
    day: date,
    rows: Sequence[NoticeRow],
    service_name: str,
    from_address: str,
    notice_id: UUID,
    at: datetime,
    log_url: str,
    retention: timedelta = timedelta(days=7),
) -> bytes:
    """The daily notice (UTC day): which alias, how many, what the code means, where to see more."""
    total = sum(row.count for row in rows)
    last_day = day + retention
    text = [
        f"On {_spoken(day)}, {_messages(total)} to your aliases could not be delivered,",
        "and no sender could be told safely.",
        "",
        *_row_lines(rows),
        f"Your log shows every attempt for {retention.days} days after a message was received,",
        f"so for these until {_spoken(last_day)} at the latest:",
        "",
        f"    {one_line(log_url)}",
        "",
        "The messages themselves are no longer stored. You get this at most once a day,",
        "and only if there is something to tell.",
    ]
    subject = f"{_messages(total).capitalize()} could not be delivered on {_spoken(day)}"
    return _notice(to, subject, text, service_name, from_address, notice_id, at)


def domain_displaced_notice(
    *,
    to: str,
    domain: str,
    outcome: DomainDispute,
    service_name: str,
    from_address: str,
    notice_id: UUID,
    at: datetime,
    domain_url: str,
) -> bytes:
    """Tells one side of a disputed domain how it ended for them.

    "lost": another account proved control, the domain left this one. "won": this account proved control and
    another lost it. "kept": another account tried, nothing changed.
    """
    subject, words = _DISPUTE_WORDS[outcome]
    name = one_line(domain)
    text = [line.format(domain=name) for line in words]
    text += ["", f"    {one_line(domain_url)}"]
    return _notice(to, subject.format(domain=name), text, service_name, from_address, notice_id, at)


def letter(
    *,
    to: str,
    subject: str,
    lines: Sequence[str],
    service_name: str,
    from_address: str,
    notice_id: UUID,
    at: datetime,
) -> bytes:
    """A letter whose words come from letter_texts.py."""
    text = [one_line(line) for line in lines]
    return _notice(to, one_line(subject), text, service_name, from_address, notice_id, at)


_DISPUTE_WORDS: dict[DomainDispute, tuple[str, tuple[str, ...]]] = {
    "lost": (
        "The domain {domain} has left your account",
        (
            "Another account has proved control of",
            "",
            "    {domain}",
            "",
            "by a TXT record in its DNS, and the record of your account is no longer there.",
            "The domain has left your account: we no longer forward its mail for you.",
            "Your aliases, waiting mail and logs were not handed over to anyone.",
            "",
            "If you did not expect this, somebody else can change the DNS of your domain:",
            "look at your registrar and DNS provider first. To take the domain back, publish",
            "the TXT record shown here and remove the other one:",
        ),
    ),
    "won": (
        "The domain {domain} is now in your account",
        (
            "You have proved control of",
            "",
            "    {domain}",
            "",
            "by a TXT record in its DNS. It was in another account before, which has been told.",
            "Nothing of that account was handed over to you. Set up the aliases you want here:",
        ),
    ),
    "kept": (
        "Another account tried to claim {domain}",
        (
            "Another account has published its TXT record in the DNS of",
            "",
            "    {domain}",
            "",
            "Your own record is still there, so the domain stays with you and nothing changed.",
            "",
            "If you did not expect this, somebody else can change the DNS of your domain:",
            "look at your registrar and DNS provider, and keep our TXT record in place:",
        ),
    ),
}


def _row_lines(rows: Sequence[NoticeRow]) -> list[str]:
    """The busiest rows first; an account with very many gets the rest as one line."""
    ordered = sorted(rows, key=lambda row: (-row.count, row.alias, row.status))
    shown, rest = ordered[:_ROWS_SHOWN], ordered[_ROWS_SHOWN:]
    lines: list[str] = []
    for row in shown:
        lines += [
            f"    {one_line(row.alias)}",
            f"    {_messages(row.count)}, code {one_line(row.status)}",
            f"    {plain_words(row.status)}",
            "",
        ]
    if rest:
        lines += [f"    and {_messages(sum(row.count for row in rest))} to other aliases", ""]
    return lines


def _notice(
    to: str,
    subject: str,
    text: list[str],
    service_name: str,
    from_address: str,
    notice_id: UUID,
    at: datetime,
) -> bytes:
    head = fields(
        [
            ("From", formataddr((one_line(service_name), from_address))),
            ("To", f"<{to}>"),
            ("Subject", subject),
            ("Date", date_time(at)),
            ("Message-ID", f"<{notice_id}@{from_address.rpartition('@')[2]}>"),
            ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"),
        ]
    )
    return head + text_part("\n".join([*text, "", "-- ", one_line(service_name)]))


def _messages(count: int) -> str:
    return "one message" if count == 1 else f"{count} messages"


def _spoken(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
