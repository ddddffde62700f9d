"""Where letters are written: what a writer has at hand, and what comes of it.

Must never hold a secret: links are signed when a letter is written, from ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from customers import signed_links
from mailcore.keyring import Keyring

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
