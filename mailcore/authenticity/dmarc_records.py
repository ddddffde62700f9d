"""DMARC records and the walk up the DNS tree that finds them (RFC 9989 sections 4.7 and 4.10).

Must never raise for what a record holds or a name server says, and never ask more than 8 questions for one
domain.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final

from mailcore.authenticity.txt_records import AsksTxt, ask_txt
from mailcore.dns_answers import TxtAnswer
from mailcore.values import value

MOST_QUESTIONS: Final = 8  # of one walk
_LONGEST_PARENT: Final = 7  # labels of the second name asked
_LONGEST_KEPT: Final = 1024  # octets; what is longer is read anew each time
_RECORDS_KEPT: Final = 1024

_VERSION: Final = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[^\s,!]+(?:![0-9]+[kmgt]?)?", re.IGNORECASE)
_POLICIES: Final = ("none", "quarantine", "reject")
_ONE_LESS: Final = {"reject": "quarantine", "quarantine": "none", "none": "none"}


@dataclass(frozen=True, slots=True)
class Record:
    """What a domain asks of receivers. `policy` is empty where the record says nothing that can be followed
    (section 4.10.1); `sp` and `np` as they are to be applied. `psd`: y, n or u.
    """

    policy: str = "none"
    sp: str = "none"
    np: str = "none"
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    testing: bool = False

    def effective(self, policy: str) -> str:
        """One level below what it says while its owner only tests it (t=y, section 4.7)."""
        return _ONE_LESS.get(policy, policy) if self.testing else policy


@value
class Walk:
    """What was found on the way up from `domain`: names with a record, longest first. `unknown`: a name on
    the way could not be asked, so nothing is known above. `exists`: that `_dmarc` below the domain was
    anything but NXDOMAIN.
    """

    domain: str
    found: tuple[tuple[str, Record], ...] = ()
    unknown: bool = False
    exists: bool = False

    @property
    def own(self) -> Record | None:
        """The record of the very domain."""
        return self.found[0][1] if self.found and self.found[0][0] == self.domain else None

    @property
    def organizational_domain(self) -> str | None:
        """Section 4.10.2; None where it is not known."""
        for name, record in self.found:
            if record.psd == "n":
                return name
            if record.psd == "y" and name != self.domain:
                return _one_label_below(name, self.domain)
        if self.unknown:
            return None
        return self.found[-1][0] if self.found else self.domain

    @property
    def above(self) -> Record | None:
        """The record that applies where the domain has none of its own (section 4.10.1): that of the
        organizational domain, else of the public suffix.
        """
        records = dict(self.found)
        last = self.found[-1][1] if self.found else None
        return records.get(self.organizational_domain or "", last)


def read_record(text: str) -> Record | None:
    """A TXT record; None where it is no DMARC record. Unknown tags and bad values are left out."""
    return _kept(text) if len(text) <= _LONGEST_KEPT else _read(text)


def _read(text: str) -> Record | None:
    version = _VERSION.match(text)
    if version is None:
        return None
    tags = _tags(text[version.end() :])
    policies = {name: tags[name].lower() for name in ("p", "sp", "np") if name in tags}
    broken = any(policy not in _POLICIES for policy in policies.values())
    if broken:
        policies = {"p": "none" if _asks_for_reports(tags) else ""}
    policy = policies.get("p", "none")
    return Record(
        policy,
        policies.get("sp", policy),
        policies.get("np", policies.get("sp", policy)),
        tags.get("adkim", "").lower() == "s",
        tags.get("aspf", "").lower() == "s",
        tags.get("psd", "").lower() if tags.get("psd", "").lower() in ("y", "n") else "u",
        tags.get("t", "").lower() == "y",
    )


_kept = lru_cache(_RECORDS_KEPT)(_read)  # few authors write most of the mail


def _tags(text: str) -> dict[str, str]:
    """Of a tag said twice, the first."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        tags.setdefault(name.strip(" \t").lower(), value.strip(" \t"))
    return tags


def _asks_for_reports(tags: dict[str, str]) -> bool:
    return any(_URI.fullmatch(uri.strip(" \t")) for uri in tags.get("rua", "").split(","))


def names_of_walk(domain: str) -> list[str]:
    """Section 4.10: the domain, then its parents, of a long one those of 7 labels and less."""
    labels = domain.split(".")
    parents = range(max(1, len(labels) - _LONGEST_PARENT), len(labels))
    return [domain, *(".".join(labels[start:]) for start in parents)]


async def walk(resolver: AsksTxt, domain: str) -> Walk:
    return (await walks(resolver, (domain,)))[domain]


async def walks(resolver: AsksTxt, domains: Iterable[str]) -> dict[str, Walk]:
    """All names of all of them are asked at once."""
    names = {domain: questions_of_walk(domain) for domain in domains}
    answers = await ask_txt(resolver, chain.from_iterable(names.values()))
    return {domain: _walk(domain, [answers[name] for name in of]) for domain, of in names.items()}


@lru_cache(_RECORDS_KEPT)
def questions_of_walk(domain: str) -> tuple[str, ...]:
    return tuple(f"_dmarc.{name}" for name in names_of_walk(domain))


def _walk(domain: str, answers: Sequence[TxtAnswer]) -> Walk:
    """What lies above a name that ends the walk is not looked at."""
    exists = _exists(answers[0])
    found: list[tuple[str, Record]] = []
    for name, answer in zip(names_of_walk(domain), answers, strict=True):
        if answer.status == "failure":
            return Walk(domain, tuple(found), unknown=True, exists=exists)
        if record := _only_record(answer):
            found.append((name, record))
            if record.psd != "u":
                break
    return Walk(domain, tuple(found), exists=exists)


def _exists(answer: TxtAnswer) -> bool:
    return answer.status == "ok" or (answer.status == "none" and answer.exists)


def _only_record(answer: TxtAnswer) -> Record | None:
    """Several are none (section 4.10 step 2)."""
    records = [record for text in answer.strings if (record := read_record(text))]
    return records[0] if len(records) == 1 else None


def _one_label_below(name: str, domain: str) -> str:
    return ".".join(domain.split(".")[-(name.count(".") + 2) :])
