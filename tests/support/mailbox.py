"""Letters of ours as they reach somebody's inbox, and the links in them."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.support.site import Site
from tests.support.stack import until


def letters_to(site: Site, address: str) -> list[EmailMessage]:
    """What this inbox got, oldest first."""
    return [
        message_from_bytes(each.content, policy=policy.default)
        for each in site.inbox.messages
        if f"<{address}>" in each.rcpt[0]
    ]


async def link_in_letter(site: Site, address: str, path: str) -> str:
    """The first link below `path` in the newest letter that has one; waits for it to come."""
    pattern = re.compile(rf"{re.escape(site.url)}{re.escape(path)}\S+")

    def found() -> list[str]:
        matches = [pattern.search(letter.get_content()) for letter in letters_to(site, address)]
        return [match[0] for match in matches if match]

    async def has_come() -> bool:
        return bool(found())

    await until(has_come)
    return found()[-1]
