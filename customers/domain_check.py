"""What a customer's DNS says about a domain: proof of ownership, MX, DMARC, and in plain words what to mend.

Judges what DNS answered (domain_answers.py). Must never decide whose a domain is: that takes the other
accounts into view too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from customers.domain_answers import OWNERSHIP_LABEL, Answers
from mailcore.outcome import sanitised
from mailcore.resolver import MxAnswer, TxtAnswer

State = Literal["ok", "missing", "wrong", "failure"]

OWNERSHIP_PREFIX: Final = "clearpost-verification="
SHOWN_RECORDS: Final = 10
DMARC_WANTED: Final = "v=DMARC1; p=none"
# Cloudflare's name for the host behind its web proxy, given where an MX names a host that is proxied.
_PROXY_LABEL: Final = "_dc-mx."
_WAIT: Final = "We look again by ourselves. If it stays, compare the name servers set at your registrar."


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """One kind of record: what to publish at `name`, what is there (safe to show), what is wrong about it
    (`cause`), and what to do (`next_step`). `required` for mail to arrive; else advice. `where`: the name
    servers of the domain.
    """

    name: str
    wanted: str
    found: tuple[str, ...]
    state: State
    cause: str = ""
    next_step: str = ""
    required: bool = True
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a domain should publish. `token` None: that of whichever account. `mx_names`: most preferred
    first; `tolerated`: our other names.
    """

    token: str | None
    mx_names: tuple[str, ...]
    spf_include: str
    tolerated: tuple[str, ...] = ()

    @property
    def our_hosts(self) -> list[str]:
        return [*_lower(self.mx_names), *_lower(self.tolerated)]


def tokens_in(*answers: TxtAnswer) -> frozenset[str]:
    """Every verification token published in these answers, whoever's it is. Pasted quotes are forgiven."""
    values = (unquoted(text) for answer in answers for text in answer.strings)
    return frozenset(
        value.removeprefix(OWNERSHIP_PREFIX) for value in values if value.startswith(OWNERSHIP_PREFIX)
    )


def judge_ownership(domain: str, token: str | None, answers: Answers) -> RecordCheck:
    """The account's token at `_clearpost.<domain>` or the domain itself."""
    labelled, apex = answers.labelled, answers.apex
    name, value = f"{OWNERSHIP_LABEL}.{domain}", f"{OWNERSHIP_PREFIX}{token or '(the code of your account)'}"
    tokens = tokens_in(labelled, apex)
    found = shown([*labelled.strings, *(text for text in apex.strings if OWNERSHIP_PREFIX in text)])
    check = RecordCheck(name, value, found, "ok")
    if token in tokens or (token is None and tokens):
        return check
    if "failure" in (labelled.status, apex.status):
        return silent(check, labelled if labelled.status == "failure" else apex)
    if tokens or found:
        held = "another code" if tokens else "another text"
        cause = f"The TXT record of {name} holds {held}."
        return replace(
            check, state="wrong", cause=cause, next_step="Its value must be exactly the one shown here."
        )
    return _missing_token(check, domain, token, answers)


def _missing_token(check: RecordCheck, domain: str, token: str | None, answers: Answers) -> RecordCheck:
    """Not where it should be; it may have been put beside that."""
    missing = replace(check, state="missing")
    for name, answer in answers.elsewhere:
        if not tokens_in(answer) or (token and token not in tokens_in(answer)):
            continue
        twice = name.endswith(f".{domain}.{domain}")
        cause = "your provider appends the domain by itself" if twice else "that is another host"
        step = OWNERSHIP_LABEL if twice else check.name
        return replace(
            missing,
            state="wrong",
            cause=f"The TXT record is at {name}: {cause}.",
            next_step=f"Give its host as {step} instead.",
        )
    step = f"Add a TXT record named {check.name} with the value shown here."
    return replace(missing, cause="There is no such record.", next_step=step)


def judge_mx(domain: str, wanted: Wanted, answer: MxAnswer) -> RecordCheck:
    """All mail must come to us: an old MX beside ours is as wrong as none of ours."""
    text = ", ".join(f"{10 * rank} {name}." for rank, name in enumerate(wanted.mx_names, 1))
    found = () if answer.implicit else shown(f"{preference} {host}" for preference, host in answer.hosts)
    check = RecordCheck(domain, text, found, "ok")
    if answer.status == "failure":
        return silent(check, answer)
    if answer.status == "null":
        cause, step = "The domain says that it accepts no mail (MX 0 .).", "Replace that record by ours."
        return replace(check, found=("0 .",), state="wrong", cause=cause, next_step=step)
    if not found:
        web = "so mail goes to the address of its web site, which may be a proxy that carries none"
        cause = f"There is no MX record{', ' + web if answer.implicit else ''}."
        return replace(
            check, state="missing", cause=cause, next_step=f"Add the MX record {text} to {domain}."
        )
    hosts = [host for _, host in answer.hosts]
    cause, step = _cause_of_mx(domain, wanted, hosts)
    state: State = "ok" if set(hosts) <= set(wanted.our_hosts) else "wrong"
    return replace(check, state=state, cause=cause, next_step=step)


def leads_here(wanted: Wanted, answer: MxAnswer) -> bool:
    """Whether at least some mail for the domain comes to us."""
    return any(host in wanted.our_hosts for _, host in answer.hosts)


def _cause_of_mx(domain: str, wanted: Wanted, hosts: Sequence[str]) -> tuple[str, str]:
    """What is wrong and what to do. Foreign hosts first, then names of ours that are not published."""
    ours, own = wanted.our_hosts, f".{domain.lower()}"
    foreign = sorted({host for host in hosts if host not in ours})
    if doubled := [host for host in foreign if host.removesuffix(own) in ours]:
        return (
            f"The MX {_listed(doubled[:1])} ends in your own domain.",
            "Write our name with a dot at its end.",
        )
    if proxied := [host for host in foreign if host.startswith(_PROXY_LABEL) or f".{host}".endswith(own)]:
        return (
            f"The MX {_listed(proxied[:1])} is a host of your own domain. If a web proxy or an alias (CNAME) "
            "stands before it, no mail comes through.",
            "Name our server itself in the MX record, not a host of yours that leads to it.",
        )
    if foreign and len(foreign) == len(set(hosts)):
        return f"Mail still goes to {_listed(foreign)}.", "Replace that MX by ours."
    if foreign:
        cause = f"An older MX is still there: {_listed(foreign)}. Part of your mail goes there."
        return cause, "Remove it."
    if unpublished := [name for name in _lower(wanted.mx_names) if name not in hosts]:
        step = f"Publish {_listed(unpublished)} as well to get all of what your plan offers."
        return "Mail arrives, but not by all of your servers.", step
    return "", ""


def judge_dmarc(domain: str, answer: TxtAnswer) -> RecordCheck:
    """One record with a policy (RFC 7489 section 6.3). Advice only: forwarding does not need it."""
    records = [text for text in answer.strings if unquoted(text).lower().startswith("v=dmarc1")]
    check = RecordCheck(f"_dmarc.{domain}", DMARC_WANTED, shown(records), "ok", required=False)
    if answer.status == "failure":
        return silent(check, answer)
    if not records:
        step = "Add a TXT record with this value. It forbids nothing yet; make it stricter later."
        return replace(check, state="missing", cause="There is no DMARC record.", next_step=step)
    if len(records) > 1:
        cause, step = "There are several DMARC records, so none counts.", "Keep one of them."
        return replace(check, state="wrong", cause=cause, next_step=step)
    if not any(tag.strip().lower().startswith("p=") for tag in records[0].split(";")):
        cause = "The DMARC record says no policy (p=)."
        return replace(
            check, state="wrong", cause=cause, next_step="Add p=none to it, or something stricter."
        )
    return replace(check, wanted=check.found[0])


def silent(check: RecordCheck, answer: TxtAnswer | MxAnswer) -> RecordCheck:
    """No answer is no verdict."""
    if answer.late:
        cause = "The name servers of the domain did not answer in time."
    else:
        cause = "The name servers of the domain answer with an error, as those do that do not know it (lame)."
    return replace(check, state="failure", cause=cause, next_step=_WAIT)


def unquoted(text: str) -> str:
    """As it was meant: web forms add the quotes by themselves, so pasted ones are part of the value."""
    return text.strip().strip('"').strip()


def shown(texts: Iterable[str]) -> tuple[str, ...]:
    """What strangers publish, safe to show."""
    return tuple(sanitised(text) for text in list(texts)[:SHOWN_RECORDS])


def _lower(names: Iterable[str]) -> list[str]:
    return [name.lower().rstrip(".") for name in names]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(shown(names))
