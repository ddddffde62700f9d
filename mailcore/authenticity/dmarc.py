"""DMARC: does the author domain stand behind a message, and what does it ask for if not? (RFC 9989)

Must never raise for what a message holds or DNS says; what is not known for want of an answer is a temperror,
never a failure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from mailcore.authenticity.author import Authors
from mailcore.authenticity.dmarc_records import Record, Walk, walk, walks
from mailcore.authenticity.txt_records import AsksTxt
from mailcore.authenticity.verdicts import DkimVerdict, DmarcVerdict, SpfVerdict
from mailcore.envelope import normalise_domain
from mailcore.values import value

# Of a message with several author domains (section 11.5); each costs up to 8 questions. No letter has more,
# and the one that nobody asks about would be the one that is forged.
MOST_DOMAINS: Final = 5
# Domains of signatures that are asked about, those of signatures that may hold first.
MOST_SIGNERS: Final = 20
_COUNTED: Final = ("pass", "temperror")
_WORST_FIRST: Final = (
    ("fail", "reject"),
    ("temperror", ""),
    ("temperror", "reject"),
    ("fail", "quarantine"),
    ("temperror", "quarantine"),
    ("temperror", "none"),
    ("fail", "none"),
)


@value
class Policy:
    """What applies to an author domain. `record` is None where there is none; `unknown`: nobody could say."""

    domain: str
    walk: Walk
    record: Record | None
    word: str
    unknown: bool = False


# The verdict for one author domain, and which domains of signatures align with it, or may.
_Found = tuple[DmarcVerdict, frozenset[str]]


async def evaluate(
    authors: Authors, spf: SpfVerdict, dkim: Sequence[DkimVerdict], resolver: AsksTxt
) -> tuple[DmarcVerdict, tuple[DkimVerdict, ...]]:
    """Of several author domains, the verdict with the strictest policy among those that fail; and `dkim` with
    which are of that domain. Where From stands twice nothing aligns (section 4.4): who reads the message may
    be shown either.
    """
    domains = authors.domains
    if authors.more or len(domains) > MOST_DOMAINS:
        return DmarcVerdict("permerror", next(iter(domains), ""), "reject"), tuple(dkim)
    counted_spf, counted_dkim = (spf, dkim) if authors.fields == 1 else (SpfVerdict(), ())
    found = [await _of_domain(domain, counted_spf, counted_dkim, resolver) for domain in domains]
    nothing: _Found = DmarcVerdict(), frozenset()
    verdict, signers = min(found, key=lambda each: _severity(each[0]), default=nothing)
    return verdict, tuple(replace(each, of_author=each.domain in signers) for each in dkim)


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


async def _of_domain(domain: str, spf: SpfVerdict, dkim: Sequence[DkimVerdict], resolver: AsksTxt) -> _Found:
    policy = await discover(resolver, domain)
    if policy.record is None and not policy.unknown:
        return DmarcVerdict("none", domain), frozenset()
    if policy.record is not None and not policy.record.policy:
        return DmarcVerdict("permerror", domain), frozenset()
    record = policy.record or Record()
    sender = [spf.domain] if spf.result in _COUNTED else []
    senders = await _alignments(policy, sender, record.strict_spf, resolver)
    signers = await _alignments(policy, _signers(dkim), record.strict_dkim, resolver)
    by_spf = _aligned([(spf.result, spf.domain)], senders)
    by_dkim = _aligned([(each.result, each.domain) for each in dkim], signers)
    spf_aligned, dkim_aligned = by_spf is True, by_dkim is True
    passed = spf_aligned or dkim_aligned
    undecided = not passed and (policy.unknown or by_spf is None or by_dkim is None)
    result = "temperror" if policy.unknown or undecided else "pass" if passed else "fail"
    may_be_of_author = frozenset(name for name, aligns in signers.items() if aligns is not False)
    verdict = DmarcVerdict(result, domain, policy.word, dkim_aligned, spf_aligned, undecided)
    return verdict, may_be_of_author


def _signers(dkim: Sequence[DkimVerdict]) -> list[str]:
    """Each domain once. A signature that says none counts where it was not read in time."""
    counted = (each.domain for each in dkim if each.result in _COUNTED)
    others = (each.domain for each in dkim if each.result not in _COUNTED and each.domain)
    return list(islice(dict.fromkeys((*counted, *others)), MOST_SIGNERS))


async def _alignments(
    policy: Policy, domains: Sequence[str], strict: bool, resolver: AsksTxt
) -> dict[str, bool | None]:
    others = {domain: normalise_domain(domain) or domain.lower() for domain in domains}
    below = [other for other in others.values() if not strict and _is_below(policy, other)]
    ways = await walks(resolver, below) if below else {}
    return {domain: _aligns(policy, other, strict, ways.get(other)) for domain, other in others.items()}


def _is_below(policy: Policy, other: str) -> bool:
    """Whether the records on the way up from it tell if it is of the same organization."""
    organization = policy.walk.organizational_domain
    return organization is not None and other != policy.domain and f".{other}".endswith(f".{organization}")


def _aligned(found: Iterable[tuple[str, str]], aligns: Mapping[str, bool | None]) -> bool | None:
    """Has one of these passed with a domain that aligns? None: one could have."""
    counted = [(result, aligns.get(domain, False)) for result, domain in found if result in _COUNTED]
    if ("pass", True) in counted:
        return True
    return None if any(each is not False for _, each in counted) else False


def _aligns(policy: Policy, other: str, strict: bool, way: Walk | None) -> bool | None:
    """Section 4.10.2. None: not known; so too of a signature that was not read in time. `way`: from a domain
    that is below the author's organization.
    """
    if not other:
        return None
    if other == policy.domain or strict:
        return other == policy.domain
    organization = policy.walk.organizational_domain
    if organization is None:
        return None if other.split(".")[-2:] == policy.domain.split(".")[-2:] else False
    of_other = way.organizational_domain if way else ""
    return None if of_other is None else of_other == organization
