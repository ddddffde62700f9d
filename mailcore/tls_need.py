"""What is required of TLS on the way to one host, and what it comes to. Pure.

Opportunistic unless somebody asks for more: the host's TLSA records (DANE), its domain's MTA-STS policy, or
the owner of the alias. Must never let one of them lower what another asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mailcore import dane
from mailcore.dns_answers import Tlsa

# clear: TLS has failed and is not needed. encrypted: TLS with any certificate. webpki: a certificate from a
# known authority for `name`. dane: one that `records` name.
Level = Literal["clear", "opportunistic", "encrypted", "webpki", "dane"]


@dataclass(frozen=True, slots=True)
class TlsNeed:
    """`by`: who requires it, in words. `name`: whose certificate is asked for where it is looked at.

    `trial`: what is required is only tried (MTA-STS in testing mode): mail goes on without it, and `note` is
    what the response says of that.
    """

    level: Level = "opportunistic"
    by: str = ""
    name: str = ""
    records: tuple[Tlsa, ...] = ()
    trial: bool = False
    note: str = ""

    def without(self, missing: str) -> "TlsNeed | None":
        """What is still to be tried where this one was not met; None where mail has to wait."""
        if self.trial:
            return TlsNeed(note=f"{self.note}: {missing}")
        return replace(self, level="clear") if self.level == "opportunistic" else None


OPPORTUNISTIC = TlsNeed()
_TESTING = "MTA-STS testing"
_OWNER = "the owner of the alias"


def of_owner(host: str) -> TlsNeed:
    """What "require TLS" of a customer's domain means: a certificate that proves the host's name."""
    return TlsNeed("webpki", _OWNER, host)


def of_policy(host: str, *, testing: bool, named: bool) -> TlsNeed:
    """By MTA-STS. A host that the policy does not name is tried in testing mode only (RFC 8461 section 5)."""
    if testing and not named:
        return TlsNeed(note=f"{_TESTING}: the policy does not name this host")
    need = TlsNeed("webpki", "MTA-STS", host)
    return replace(need, trial=True, note=_TESTING) if testing else need


def of_records(name: str, records: Sequence[Tlsa]) -> TlsNeed:
    """By DANE. Records that are all of no use still promise TLS (RFC 7672 section 2.2)."""
    usable = dane.usable(records)
    return TlsNeed("dane", "DANE", name, usable) if usable else TlsNeed("encrypted", "DANE")


def strongest(needs: Sequence[TlsNeed]) -> TlsNeed:
    """The one that meets all of them. DANE stands above MTA-STS (RFC 8461 section 2), and proves the host to
    the owner too.
    """
    return max(needs, key=_strength, default=OPPORTUNISTIC)


def _strength(need: TlsNeed) -> int:
    """What may fail without harm is weaker than anything that may not; a note is better than none."""
    if need.trial or need.level == "opportunistic":
        return 1 if need.note else 0
    return {"clear": 0, "encrypted": 2, "webpki": 3, "dane": 4}[need.level]
