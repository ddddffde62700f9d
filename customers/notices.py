"""What we tell owners unasked: mail of which no sender could be told, and a domain that is disputed.

Must never hold a subject or a sender of the mail they speak of, nor anything of another account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from customers.letter_desk import About, Desk, Written
from mailcore.own_mail import one_line
from mailcore.status_words import plain_words

_ROWS_SHOWN: Final = 100
_LOG_DAYS: Final = 7

DomainDispute = Literal["lost", "won", "kept"]


@dataclass(frozen=True, slots=True)
class Failures:
    """`count` messages to `alias` ended with this enhanced code on one day."""

    alias: str
    status: str
    count: int


def about_failures(day: date, rows: Sequence[Failures]) -> dict[str, str | int]:
    """What `undeliverable` needs: the busiest rows first; an account with very many gets the rest counted."""
    ordered = sorted(rows, key=lambda row: (-row.count, row.alias, row.status))
    shown, rest = ordered[:_ROWS_SHOWN], ordered[_ROWS_SHOWN:]
    return {
        "day": day.isoformat(),
        "total": sum(row.count for row in rows),
        "rows": "\n".join(f"{row.count} {one_line(row.status)} {one_line(row.alias)}" for row in shown),
        "rest": sum(row.count for row in rest),
    }


def undeliverable(desk: Desk, about: About) -> Written:
    """Of a UTC day that is over: which alias, how many, what the code means, where to see more."""
    day = date.fromisoformat(about["day"])
    total, rest = _messages(about["total"]), about["rest"]
    return Written(
        f"{total.capitalize()} could not be delivered on {_spoken(day)}",
        [
            f"On {_spoken(day)}, {total} to your aliases could not be delivered,",
            "and no sender could be told safely.",
            "",
            *[line for row in about["rows"].split("\n") for line in _row_lines(*row.split(" ", 2))],
            *([f"    and {_messages(rest)} to other aliases", ""] if rest else []),
            f"Your log shows every attempt for {_LOG_DAYS} days after a message was received,",
            f"so for these until {_spoken(day + timedelta(days=_LOG_DAYS))} at the latest:",
            "",
            f"    {desk.web_url}/logs",
            "",
            "The messages themselves are no longer stored. You get this at most once a day,",
            "and only if there is something to tell.",
        ],
    )


def _row_lines(count: str, status: str, alias: str) -> list[str]:
    return [f"    {alias}", f"    {_messages(int(count))}, code {status}", f"    {plain_words(status)}", ""]


def domain_dispute(desk: Desk, about: About) -> Written:
    """How a dispute ended for one side.

    "lost": another account proved control, the domain left this one. "won": this account proved control and
    another lost it. "kept": another account tried, nothing changed.
    """
    outcome: DomainDispute = about["outcome"]
    subject, words = _DISPUTE_WORDS[outcome]
    text = [line.format(domain=about["name"]) for line in words]
    return Written(
        subject.format(domain=about["name"]), [*text, "", f"    {desk.web_url}/domains/{about['id']}"]
    )


_DISPUTE_WORDS: Final[dict[DomainDispute, tuple[str, tuple[str, ...]]]] = {
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


def _messages(count: int) -> str:
    return "one message" if count == 1 else f"{count} messages"


def _spoken(day: date) -> str:
    return f"{day:%-d %B %Y}"
