"""What our letters say: one function for each kind, from what the letter is about to subject and lines.

Plain, short, complete in itself. Must never name anybody but the one it is written to and their account,
nor hold a subject or a sender of their mail.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from mailcore import signed_links
from mailcore.keyring import Keyring

Kind = Literal["invitation"]

About = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a writer has at hand. `posted_at`: when the letter was asked for."""

    keyring: Keyring
    web_url: str
    posted_at: datetime

    def link(self, path: str, purpose: str, identifier: UUID, valid: timedelta) -> str:
        """A signed link that ends `valid` after the letter was asked for: {web_url}/{path}/{token}."""
        token = signed_links.make(self.keyring, purpose, identifier, self.posted_at + valid)
        return f"{self.web_url}/{path}/{token}"


@dataclass(frozen=True, slots=True)
class Written:
    """A letter's subject and its text, line by line."""

    subject: str
    lines: list[str]


def _invitation(desk: Desk, about: About) -> Written:
    link = desk.link("invitations", "invitation", UUID(about["id"]), timedelta(days=7))
    return Written(
        f"You are invited to {about['account']} on Clearpost",
        [
            f"{about['invited_by']} invites you to the account",
            "",
            f"    {about['account']}",
            "",
            f"as {about['role']}. To accept, open this link within 7 days:",
            "",
            f"    {link}",
            "",
            "If you did not expect this, do nothing: without the link nothing happens.",
        ],
    )


WRITERS: Final[Mapping[str, Callable[[Desk, About], Written]]] = {
    "invitation": _invitation,
}
