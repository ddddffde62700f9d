"""What the operator of the service is told when something is wrong with it.

Must never name anything of a customer.
"""

from collections.abc import Mapping
from typing import Final

from customers.letter_desk import About, Desk, Written
from mailcore.service_alerts import Kind

_SUBJECTS: Final[Mapping[Kind, str]] = {
    "blocklisted": "{subject} is on a blocklist",
    "deferring": "{subject} takes no mail from us",
    "certificate": "The certificate of {subject} needs you",
}
_LINES: Final[Mapping[Kind, list[str]]] = {
    "blocklisted": [
        "The address that mail leaves from",
        "",
        "    {subject}",
        "",
        "is on the blocklist {detail}. Some servers refuse mail from it now. Find out what brought it",
        "there (the list's own page says), then ask the list to remove it.",
    ],
    "deferring": [
        "For some minutes the mail servers of",
        "",
        "    {subject}",
        "",
        "have put off all mail of all accounts, the last with {detail}. It waits here and is tried again for",
        "four days. Look whether they say why: `clearpost queue list --provider {subject}`.",
    ],
    "certificate": [
        "The certificate that the mx shows to other servers as",
        "",
        "    {subject}",
        "",
        "needs you: {detail}. Senders that insist on a valid one stop sending when it is not.",
        "A new one is taken without a restart.",
    ],
}


def service_alert(desk: Desk, about: About) -> Written:
    """Said once, when it begins."""
    kind: Kind = about["alert"]
    return Written(
        _SUBJECTS[kind].format_map(about),
        [
            *(line.format_map(about) for line in _LINES[kind]),
            "",
            "You are told once. `clearpost doctor` and the status page show it until it is over:",
            "",
            f"    {desk.web_url}/status",
        ],
    )
