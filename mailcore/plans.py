"""What each plan allows. Limits are code, so that a change is reviewed; prices live at Stripe.

Must never ask the database: whoever knows the plan asks here for its limits.
"""

from dataclasses import dataclass
from enum import StrEnum

MEGABYTE = 1024 * 1024


class Lane(StrEnum):
    """Separate infrastructure for a message: own receivers, queue, workers and pools."""

    STANDARD = "standard"
    FAST = "fast"


class Plan(StrEnum):
    FREE = "free"
    PREMIUM = "premium"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """`attachment_bytes` counts decoded bytes; `daily_quota` accepted deliveries per UTC day."""

    attachment_bytes: int
    aliases_per_domain: int
    domains: int
    destinations_per_alias: int
    daily_quota: int
    lane: Lane

    @property
    def message_bytes(self) -> int:
        """Raw size that fits: base64 and its line ends cost 37 %, headers and text get 1 MB."""
        return self.attachment_bytes * 137 // 100 + MEGABYTE


_LIMITS = {
    Plan.FREE: PlanLimits(10 * MEGABYTE, 25, 1, 5, 500, Lane.STANDARD),
    Plan.PREMIUM: PlanLimits(50 * MEGABYTE, 100, 30, 10, 15_000, Lane.FAST),
    Plan.BUSINESS: PlanLimits(50 * MEGABYTE, 500, 200, 25, 100_000, Lane.FAST),
}

LARGEST_MESSAGE = max(limits.message_bytes for limits in _LIMITS.values())
SMALLEST_ATTACHMENTS = min(limits.attachment_bytes for limits in _LIMITS.values())


def limits_for(plan: Plan) -> PlanLimits:
    return _LIMITS[plan]
