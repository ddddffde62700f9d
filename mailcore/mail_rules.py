"""What the owner of a domain chose for its mail.

Values only. Must never import anything: routing reads it out, the policy and deliveries follow it.
"""

from enum import StrEnum

from mailcore.values import value


class LogLevel(StrEnum):
    """How much the log keeps (log_levels.py): all of the policy's fields; all but the subject; all but who
    sent it; or nothing of mail that is only delivered.
    """

    FULL = "full"
    NO_SUBJECT = "no-subject"
    NO_SENDER = "no-sender"
    FAILURES = "failures"


@value
class MailRules:
    """`strict_dmarc`: refuse for DMARC without another signal. `require_tls`: nothing goes out in clear text.
    `spam_threshold`: the score of the spam filter that refuses; None: none does, and it is not asked.
    """

    strict_dmarc: bool = False
    require_tls: bool = False
    spam_threshold: float | None = None
    log_level: LogLevel = LogLevel.FULL
