"""What is kept of whom and for how long: the policy as data, checked against the tables it speaks of.

    lines.py      how a line is written, and what makes the whole wrong
    mail.py       the tables of the log, and of mail that waits
    people.py     the tables of customers
    ourselves.py  the tables about the service
    elsewhere.py  Redis, files, cookies
    words.py      what is said around them
    page.py       all of it in order: docs/policy.md and GET /policy

Here is what an account is told before its first domain. Must never leave out a column that is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from customers import audit
from customers.policy import mail
from customers.policy.lines import Row


@dataclass(frozen=True, slots=True)
class Column:
    """Something that is written down, and what it is."""

    name: str
    meaning: str


def of_each_message() -> Sequence[Column]:
    return _columns(mail.LOG[0])


def of_each_event() -> Sequence[Column]:
    return _columns(mail.LOG[1])


def _columns(row: Row) -> Sequence[Column]:
    """What is in clear, then what only the account's key opens, and only for so long."""
    clear = [Column(name, meaning) for name, meaning in row.tells.items() if name != "sealed"]
    return [*clear, *(Column(name, f"sealed: {meaning}") for name, meaning in row.sealed.items())]


def sentences(retention: timedelta) -> Sequence[str]:
    """The promise, for people."""
    days = retention.days
    return (
        "An accepted message is saved until it is delivered or has failed for good; then it is deleted.",
        f"For {days} days from its receipt a row for each message and each event stays, so that you can see "
        "what happened: the fields below and nothing else. After that they cannot be read by anybody.",
        "No content is kept but the Subject and From. What waits for delivery waits 4 days at most.",
        f"Changes to your account are logged for {audit.KEPT.days} days, requests to the API for 7 days "
        "without their bodies.",
    )
