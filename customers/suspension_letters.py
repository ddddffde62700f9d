"""What our letters about a suspended account say, and the reasons for which one is suspended, in words.

Must never tell anybody but its owners why.
"""

import textwrap
from collections.abc import Mapping
from typing import Final, Literal

from customers.letter_desk import About, Desk, Written
from mailcore.admission import SUSPENSION_PUTS_OFF
from mailcore.own_mail import one_line

Reason = Literal["spam", "phishing", "malware", "fraud", "compromised", "legal"]
REASONS: Final[Mapping[Reason, str]] = {
    "spam": "its addresses are used for mail that people did not ask for",
    "phishing": "its addresses are used to deceive people",
    "malware": "its addresses are used to spread malware",
    "fraud": "it was opened or paid in somebody else's name, or its addresses are used for fraud",
    "compromised": "somebody else seems to have taken it over",
    "legal": "the law obliges us to",
}
_WIDTH: Final = 90


def suspended(desk: Desk, about: About) -> Written:
    reason: Reason = about["reason"]
    hours = int(SUSPENSION_PUTS_OFF.total_seconds() // 3600)
    return Written(
        f"The account {about['account']} is suspended",
        [
            "We have suspended the account",
            "",
            f"    {about['account']}",
            "",
            f"on Clearpost, because {REASONS[reason]}.",
            *_noted(about["note"]),
            "",
            f"For {hours} hours senders of mail to its domains are told to try again later; after that their",
            "mail is refused. What we had taken before is still delivered. You can sign in, read all of it,",
            "take it out, end a subscription and delete the account. Nothing else can be changed.",
            "",
            "If this is wrong, or has an end, answer this letter: a person reads it.",
            "",
            f"    {desk.web_url}/overview",
        ],
    )


def resumed(desk: Desk, about: About) -> Written:
    return Written(
        f"The account {about['account']} works again",
        [
            "The account",
            "",
            f"    {about['account']}",
            "",
            "on Clearpost is not suspended any more. Mail to its domains is taken again, as it was before.",
            *_noted(about["note"]),
            "",
            f"    {desk.web_url}/overview",
        ],
    )


def _noted(note: str) -> list[str]:
    """Our own words, paragraph by paragraph."""
    if not note:
        return []
    wrapped = [textwrap.wrap(one_line(part), _WIDTH) or [""] for part in note.splitlines()]
    return [
        "",
        "What we have to say about it:",
        "",
        *[f"    {line}".rstrip() for part in wrapped for line in part],
    ]
