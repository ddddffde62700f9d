"""What a customer's DNS says about a domain: proof of ownership, MX, SPF, and in plain words what to mend.

Judges what DNS answered. Must never decide whose a domain is: that takes the other accounts into view too.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mailcore.outcome import sanitised
from mailcore.resolver import MxAnswer, TxtAnswer

State = Literal["ok", "missing", "wrong", "failure"]

OWNERSHIP_LABEL: Final = "_clearpost"
OWNERSHIP_PREFIX: Final = "clearpost-verification="
SHOWN_RECORDS: Final = 10
_NO_ANSWER: Final = "The name servers of the domain gave no answer. We look again by ourselves."


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """One kind of record: what to publish, what is there (safe to show), `cause`: what to do, if anything."""

    wanted: str
    found: tuple[str, ...]
    state: State
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a domain should publish. `mx_names`: most preferred first; `tolerated`: our other names."""

    token: str
    mx_names: tuple[str, ...]
    spf_include: str
    tolerated: tuple[str, ...] = ()


def tokens_in(*answers: TxtAnswer) -> frozenset[str]:
    """Every verification token published in these answers, whoever's it is."""
    values = (text.strip().strip('"').strip() for answer in answers for text in answer.strings)
    return frozenset(
        value.removeprefix(OWNERSHIP_PREFIX) for value in values if value.startswith(OWNERSHIP_PREFIX)
    )


def judge_ownership(domain: str, token: str, labelled: TxtAnswer, apex: TxtAnswer) -> RecordCheck:
    """The account's token at `_clearpost.<domain>` or the domain itself. Quotes pasted along are forgiven."""
    value, name = f"{OWNERSHIP_PREFIX}{token}", f"{OWNERSHIP_LABEL}.{domain}"
    tokens = tokens_in(labelled, apex)
    found = _shown([*labelled.strings, *(text for text in apex.strings if OWNERSHIP_PREFIX in text)])
    if token in tokens:
        return RecordCheck(value, found, "ok")
    if "failure" in (labelled.status, apex.status):
        return RecordCheck(value, found, "failure", _NO_ANSWER)
    if tokens:
        cause = f"The TXT record of {name} holds another code. Replace its value by the one shown here."
        return RecordCheck(value, found, "wrong", cause)
    if found:
        cause = f"The TXT record of {name} has another text. Its value must be exactly the one shown here."
        return RecordCheck(value, found, "wrong", cause)
    return RecordCheck(value, (), "missing", f"Add a TXT record named {name} with the value shown here.")


def judge_mx(domain: str, wanted: Wanted, answer: MxAnswer) -> RecordCheck:
    """All mail must come to us: an old MX beside ours is as wrong as none of ours."""
    text = ", ".join(f"{10 * rank} {name}." for rank, name in enumerate(wanted.mx_names, 1))
    found = () if answer.implicit else _shown(f"{preference} {host}" for preference, host in answer.hosts)
    if answer.status == "failure":
        return RecordCheck(text, found, "failure", _NO_ANSWER)
    if answer.status == "null":
        cause = "The domain says that it accepts no mail (MX 0 .). Replace that record by ours."
        return RecordCheck(text, ("0 .",), "wrong", cause)
    if not found:
        return RecordCheck(text, (), "missing", f"Add the MX record {text} to {domain}.")
    cause = _cause_of_mx(domain, wanted, [host for _, host in answer.hosts])
    hosts = {host for _, host in answer.hosts}
    state: State = "ok" if hosts <= {*_lower(wanted.mx_names), *_lower(wanted.tolerated)} else "wrong"
    return RecordCheck(text, found, state, cause)


def _cause_of_mx(domain: str, wanted: Wanted, hosts: Sequence[str]) -> str:
    """Foreign hosts first, then names of ours that are not published."""
    ours = [*_lower(wanted.mx_names), *_lower(wanted.tolerated)]
    foreign = sorted({host for host in hosts if host not in ours})
    if doubled := [host for host in foreign if host.removesuffix(f".{domain.lower()}") in ours]:
        return f"The MX {_shown(doubled)[0]} ends in your own domain: write our name with a dot at its end."
    if foreign and len(foreign) == len(set(hosts)):
        return f"Mail still goes to {_listed(foreign)}. Replace that MX by ours."
    if foreign:
        return f"An older MX is still there: {_listed(foreign)}. Remove it, or part of your mail goes there."
    if unpublished := [name for name in _lower(wanted.mx_names) if name not in hosts]:
        return f"Mail arrives. Publish {_listed(unpublished)} as well to get all of what your plan offers."
    return ""


def judge_spf(include: str, apex: TxtAnswer) -> RecordCheck:
    """One SPF record that includes ours (RFC 7208 section 3.2); `wanted` is the single record to paste."""
    records = [text for text in apex.strings if re.match(r"v=spf1( |$)", text.strip(), re.IGNORECASE)]
    merged, found = merged_spf(records, include), _shown(records)
    if apex.status == "failure":
        return RecordCheck(merged, found, "failure", _NO_ANSWER)
    if not records:
        return RecordCheck(merged, (), "missing", "Add a TXT record with this value to the domain itself.")
    if len(records) > 1:
        cause = "There are several SPF records, so none of them counts. Replace them by this single one."
        return RecordCheck(merged, found, "wrong", cause)
    terms = records[0].lower().split()
    if f"include:{include}".lower() in terms or f"redirect={include}".lower() in terms:
        return RecordCheck(found[0], found, "ok")
    return RecordCheck(
        merged, found, "wrong", f"The SPF record lacks include:{include}. Replace it by this one."
    )


def merged_spf(records: Sequence[str], include: str) -> str:
    """All mechanisms of the records and our include, each once, under the mildest `all` among them."""
    terms = [
        term for record in records for term in record.split()[1:] if term.isascii() and term.isprintable()
    ]
    alls = [term.lower() for term in terms if re.fullmatch(r"[-~?+]?all", term, re.IGNORECASE)]
    redirects = [term.partition("=")[2] for term in terms if term.lower().startswith("redirect=")]
    others = [term for term in terms if term.lower() not in alls and not term.lower().startswith("redirect=")]
    mechanisms = [term for term in others if "=" not in term]
    modifiers = [term for term in others if "=" in term]
    last = _mildest(alls)
    if not alls and redirects:  # without `all` the first redirect decides, further ones can only be included
        last = f"redirect={redirects.pop(0)}"
        mechanisms += [f"include:{target}" for target in redirects]
    # `all` ends the evaluation and our include must come before it.
    unique = dict.fromkeys([f"include:{include}", *mechanisms])
    return " ".join(["v=spf1", *unique, *dict.fromkeys(modifiers), last])


def _mildest(alls: Sequence[str]) -> str:
    """Softer is safer for mail that flows today; but `+all` would let anyone send, so it becomes `~all`."""
    return next((mild for mild in ("?all", "~all", "-all") if mild in alls), "~all")


def _lower(names: Iterable[str]) -> list[str]:
    return [name.lower().rstrip(".") for name in names]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_shown(names))


def _shown(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sanitised(text) for text in list(texts)[:SHOWN_RECORDS])
