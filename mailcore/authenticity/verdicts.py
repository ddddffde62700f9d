"""What was found out about who sent a message: values only, and how they travel with it.

Made once on arrival, kept in the envelope of the spool record, read again at each attempt. Must never hold
anything of a message but domains, selectors and the words of these standards.
"""

import re
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

from mailcore.values import value

# Of a sender's DNS or signature as little as needed: what is longer stands in no log and no header.
LONGEST_WORD: Final = 253
_WORD: Final = re.compile(r"(\w+)=(\S+)", re.ASCII)


@value
class SpfVerdict:
    """`result` is a word of RFC 7208 section 2.6; `domain` the one that was asked (HELO for `<>`)."""

    result: str = "none"
    domain: str = ""
    of_helo: bool = False

    @property
    def passed(self) -> bool:
        return self.result == "pass"


@value
class DkimVerdict:
    """One signature. `result` is a word of RFC 8601 section 2.7.1 (pass, fail, policy, neutral, temperror,
    permerror); `domain` and `selector` its d= and s=, `algorithm` its a=; `reason` a few words of ours.
    `of_author`: whether it holds or not, its domain aligns with the author domain, or may for all DNS says.
    """

    result: str
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    reason: str = ""
    of_author: bool = False

    @property
    def passed(self) -> bool:
        return self.result == "pass"


@value
class DmarcVerdict:
    """RFC 9989. `result`: none, pass, fail, temperror or permerror. `from_domain`: the author domain;
    `policy`: what applies to it (none, quarantine, reject; empty without a record), after sp, np and t.
    `dkim_aligned`, `spf_aligned`: which of the two passed and aligned. `undecided`: a temperror stood where
    a pass could have been. Of more authors than are asked about: a permerror under `reject`.
    """

    result: str = "none"
    from_domain: str = ""
    policy: str = ""
    dkim_aligned: bool = False
    spf_aligned: bool = False
    undecided: bool = False

    @property
    def has_too_many_authors(self) -> bool:
        return (self.result, self.policy) == ("permerror", "reject")


@value
class ArcVerdict:
    """RFC 8617 section 5.2. `result`: none, pass or fail (temperror: a key could not be asked for).
    `sets`: how many there are (the next instance is one more); `sealers`: d= of each seal, oldest first.

    What a chain that passed says of its first hop, empty where it says nothing of the kind:
    `vouches_for`: the author domain for which DMARC passed; `saw_signed`: domains whose signature passed (to
    be aligned with the author domain by whoever believes it). Worth as much as the least of `sealers`: each
    of them could have put older seals on top of a message of its own (RFC 8617 section 9.5).
    """

    result: str = "none"
    sets: int = 0
    sealers: tuple[str, ...] = ()
    vouches_for: str = ""
    saw_signed: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        lists = {name: tuple(value[name]) for name in ("sealers", "saw_signed")}
        return cls(**{**value, **lists})


@value
class Verdicts:
    """All of one message. `spam` is the score of the spam filter, None where none was asked or answered."""

    spf: SpfVerdict = SpfVerdict()
    dkim: tuple[DkimVerdict, ...] = ()
    dmarc: DmarcVerdict = DmarcVerdict()
    arc: ArcVerdict = ArcVerdict()
    spam: float | None = None

    def with_spam(self, score: float | None) -> Self:
        return replace(self, spam=score)

    def as_json(self) -> dict[str, Any]:
        return {
            "spf": _as_dict(self.spf),
            "dkim": [_as_dict(each) for each in self.dkim],
            "dmarc": _as_dict(self.dmarc),
            "arc": _as_dict(self.arc),
            "spam": self.spam,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Of what `as_json` made; raises KeyError or TypeError for anything else."""
        return cls(
            spf=SpfVerdict(**value["spf"]),
            dkim=tuple(DkimVerdict(**each) for each in value["dkim"]),
            dmarc=DmarcVerdict(**value["dmarc"]),
            arc=ArcVerdict.from_json(value["arc"]),
            spam=value["spam"],
        )

    def in_words(self) -> str:
        """For the event's response text: "spf=pass dkim=pass dmarc=pass arc=none spam=1.2"."""
        words = [
            f"spf={self.spf.result}",
            f"dkim={self._dkim()}",
            f"dmarc={self.dmarc.result}",
            f"arc={self.arc.result}",
        ]
        return " ".join(words if self.spam is None else [*words, f"spam={self.spam:.1f}"])

    def _dkim(self) -> str:
        """The best of them: one signature that holds is worth more than three that do not."""
        found = {signature.result for signature in self.dkim}
        order = ("pass", "temperror", "policy", "neutral", "fail", "permerror")
        return next((result for result in order if result in found), "none")


_FIELDS: Final = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (SpfVerdict, DkimVerdict, DmarcVerdict, ArcVerdict)
}


def _as_dict(verdict: SpfVerdict | DkimVerdict | DmarcVerdict | ArcVerdict) -> dict[str, Any]:
    """As `asdict`, which copies what cannot change, at ten times the cost."""
    return {name: getattr(verdict, name) for name in _FIELDS[type(verdict)]}


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """What the log keeps of all that: a word for each, and the score."""

    spf: str
    dkim: str
    dmarc: str
    arc: str
    spam: float | None = None

    @classmethod
    def of(cls, response: str) -> Self | None:
        """Of what `Verdicts.in_words` wrote, or of the response text of an event "received" or "refused",
        which ends in it; None where nothing was found out.
        """
        found = dict(_WORD.findall(response.rpartition("; ")[2]))
        try:
            score = float(found["spam"]) if "spam" in found else None
            return cls(found["spf"], found["dkim"], found["dmarc"], found["arc"], score)
        except (KeyError, ValueError):
            return None
