"""Links of ours in mail that arrived: the local stack prints them, so that nobody has to look for them.

Must never be asked of an inbox but the demo's: such a link signs somebody in.
"""

import quopri
import re
from dataclasses import dataclass
from typing import Final

from clearpost.standins.inbox import Arrived

KINDS: Final = {"auth/link": "sign-in", "invitations": "invitation", "destinations": "confirmation"}
_LINK: Final = re.compile(
    rb"^\s*(https?://[^\s/]+/(" + "|".join(KINDS).encode() + rb")/[\x21-\x7e]+?)\s*$", re.MULTILINE
)
_LARGEST: Final = 64 * 1024  # a letter of ours is far smaller


@dataclass(frozen=True, slots=True)
class ArrivedLink:
    """`number` is that of its message."""

    number: int
    kind: str
    to: str
    url: str


def links_of(message: Arrived) -> list[ArrivedLink]:
    """Those that stand on a line of their own, as our letters write them; each once."""
    if len(message.content) > _LARGEST:
        return []
    encoded = message.header("Content-Transfer-Encoding").lower() == "quoted-printable"
    text = quopri.decodestring(message.content) if encoded else message.content
    found = dict(_LINK.findall(text))
    to = ", ".join(message.recipients)
    return [
        ArrivedLink(message.number, KINDS[kind.decode()], to, url.decode("ascii"))
        for url, kind in found.items()
    ]
