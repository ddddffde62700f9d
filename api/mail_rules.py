"""What the owner of a domain decides about its mail, as the API takes and shows it.

Must never let a value through of which routing or delivery could not say what it means.
"""

from typing import Annotated, Final

from pydantic import BaseModel, Field

from api.fields import Body, Flag
from customers.domains import Choice, Chosen

_STRICT: Final = (
    "Refuse with 550 5.7.26 whatever fails DMARC where the domain in From asks for that. Else a second sign "
    "of forgery is needed, as mailing lists and other forwarders break DMARC without any"
)
_TLS: Final = (
    "Deliver over TLS only, and only to hosts whose certificate proves their name. Elsewhere mail waits and "
    "is tried again, and bounces after 4 days"
)
_SPAM: Final = (
    "Refuse from this score of the spam filter on; null: never. Does nothing where `spam_filter` is false"
)

Score = Annotated[float, Field(strict=True, ge=1, le=100, allow_inf_nan=False, examples=[15])]


class MailRulesChange(Body):
    """For mail that comes, and attempts that begin, from now on. What is absent stays as it is."""

    strict_dmarc: Flag | None = Field(None, description=f"{_STRICT}. null leaves it as it is")
    require_tls: Flag | None = Field(None, description=f"{_TLS}. null leaves it as it is")
    spam_threshold: Score | None = Field(None, description=_SPAM)

    def chosen(self) -> dict[Choice, Chosen]:
        """What was given: null is a choice for the threshold alone."""
        chosen: dict[Choice, Chosen] = {}
        if self.strict_dmarc is not None:
            chosen["strict_dmarc"] = self.strict_dmarc
        if self.require_tls is not None:
            chosen["require_tls"] = self.require_tls
        if "spam_threshold" in self.model_fields_set:
            chosen["spam_threshold"] = self.spam_threshold
        return chosen


class MailRulesOut(BaseModel):
    strict_dmarc: bool = Field(description=_STRICT, examples=[False])
    require_tls: bool = Field(description=_TLS, examples=[False])
    spam_threshold: float | None = Field(description=_SPAM, examples=[15])
