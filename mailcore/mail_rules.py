"""What the owner of a domain chose for its mail.

A value only. Must never import anything: routing reads it out, the policy and deliveries follow it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MailRules:
    """`strict_dmarc`: refuse for DMARC without another signal. `require_tls`: nothing goes out in clear text.
    `spam_threshold`: the score of the spam filter that refuses; None: none does, and it is not asked.
    """

    strict_dmarc: bool = False
    require_tls: bool = False
    spam_threshold: float | None = None
