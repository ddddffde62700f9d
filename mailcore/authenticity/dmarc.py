"""DMARC: does the author domain stand behind a message, and what does it ask for if not? (RFC 9989)

Must never raise for what a message holds or DNS says; what is not known for want of an answer is a temperror,
never a failure.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailcore.authenticity.author import Authors
from mailcore.authenticity.dmarc_records import Record, Walk, walk
from mailcore.authenticity.public_keys import AsksTxt
from mailcore.authenticity.verdicts import DkimVerdict, DmarcVerdict, SpfVerdict
from mailcore.envelope import normalise_domain

# Of a message with several author domains (section 11.5); each costs up to 8 questions. No letter has more,
# and the one that nobody asks about would be the one that is forged.
MOST_DOMAINS: Final = 5
_WORST_FIRST: Final = (
    ("fail", "reject"),
    ("temperror", ""),
    ("temperror", "reject"),
    ("fail", "quarantine"),
    ("temperror", "quarantine"),
    ("temperror", "none"),
    ("fail", "none"),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What applies to an author domain. `record` is None where there is none; `unknown`: nobody could say."""

    domain: str
    walk: Walk
    record: Record | None
    word: str
    unknown: bool = False


async def evaluate(
    authors: Authors, spf: SpfVerdict, dkim: Sequence[DkimVerdict], resolver: AsksTxt
) -> DmarcVerdict:
    """Of several author domains, the verdict with the strictest policy among those that fail. Where From
    stands twice nothing aligns (section 4.4): who reads the message may be shown either.
    """
    if authors.fields > 1:
        spf, dkim = SpfVerdict(), ()
    domains = authors.domains
    if authors.more or len(domains) > MOST_DOMAINS:
        return DmarcVerdict("permerror", next(iter(domains), ""), "reject")
    verdicts = await asyncio.gather(*(_of_domain(domain, spf, dkim, resolver) for domain in domains))
    return min(verdicts, key=_severity, default=DmarcVerdict())


def _severity(verdict: DmarcVerdict) -> int:
    """0 is the worst; one domain that passes is worth more than one without a record."""
    key = (verdict.result, verdict.policy)
    if key in _WORST_FIRST and not verdict.dkim_aligned and not verdict.spf_aligned:
        return _WORST_FIRST.index(key)
    return len(_WORST_FIRST) + ("pass", "temperror", "permerror", "none", "fail").index(verdict.result)


async def discover(resolver: AsksTxt, domain: str) -> Policy:
    """Section 4.10.1: the record of the domain itself, of its organizational domain, or of its suffix."""
    way = await walk(resolver, domain)
    if way.own is not None:
        return Policy(domain, way, way.own, way.own.effective(way.own.policy))
    if way.unknown:
        return Policy(domain, way, None, "", unknown=True)
    if way.above is None:
        return Policy(domain, way, None, "")
    exists = way.exists or (await resolver.txt(domain)).exists
    return Policy(domain, way, way.above, way.above.effective(way.above.sp if exists else way.above.np))


async def _of_domain(
    domain: str, spf: SpfVerdict, dkim: Iterable[DkimVerdict], resolver: AsksTxt
) -> DmarcVerdict:
    policy = await discover(resolver, domain)
    if policy.record is None and not policy.unknown:
        return DmarcVerdict("none", domain)
    if policy.record is not None and not policy.record.policy:
        return DmarcVerdict("permerror", domain)
    record = policy.record or Record()
    by_spf, by_dkim = await asyncio.gather(
        _aligned(policy, [(spf.result, spf.domain)], record.strict_spf, resolver),
        _aligned(policy, [(each.result, each.domain) for each in dkim], record.strict_dkim, resolver),
    )
    spf_aligned, dkim_aligned = by_spf is True, by_dkim is True
    passed = spf_aligned or dkim_aligned
    undecided = not passed and (policy.unknown or by_spf is None or by_dkim is None)
    result = "temperror" if policy.unknown or undecided else "pass" if passed else "fail"
    return DmarcVerdict(result, domain, policy.word, dkim_aligned, spf_aligned, undecided)


async def _aligned(
    policy: Policy, found: Iterable[tuple[str, str]], strict: bool, resolver: AsksTxt
) -> bool | None:
    """Has one of these passed with a domain that aligns? None: one could have."""
    counted = [(result, domain) for result, domain in found if result in ("pass", "temperror")]
    aligns = await asyncio.gather(*(_aligns(policy, domain, strict, resolver) for _, domain in counted))
    if any(each is True and result == "pass" for each, (result, _) in zip(aligns, counted, strict=True)):
        return True
    return None if any(each is not False for each in aligns) else False


async def _aligns(policy: Policy, identifier: str, strict: bool, resolver: AsksTxt) -> bool | None:
    """Section 4.10.2. None: not known; so too of a signature that was not read in time."""
    other = normalise_domain(identifier) or identifier.lower()
    if not other:
        return None
    if other == policy.domain or strict:
        return other == policy.domain
    organization = policy.walk.organizational_domain
    if organization is None:
        return None if other.split(".")[-2:] == policy.domain.split(".")[-2:] else False
    if not f".{other}".endswith(f".{organization}"):
        return False
    of_other = (await walk(resolver, other)).organizational_domain
    return None if of_other is None else of_other == organization
