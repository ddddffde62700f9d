"""What follows from the verdicts on a message: refused, put off or taken; and whether From must be rewritten.

Pure. Must never refuse for a DMARC policy alone (RFC 9989 section 7.4), nor for good where DNS left open
whether the message is genuine.
"""

from collections.abc import Collection, Sequence

from mailcore import replies
from mailcore.authenticity.verdicts import ArcVerdict, Verdicts
from mailcore.envelope import normalise_domain
from mailcore.mail_rules import MailRules
from mailcore.replies import Reply
from mailcore.values import value

# What the filter must think of a message, as a part of the score at which it is refused, to count against it.
SPAM_PART = 0.5


@value
class Signals:
    """What else is known, as it counts: only what was found out. `reverse_name` is false where the client is
    known to have none that leads back to it. `blocklisted` matters for mail to postmaster@ and abuse@ alone:
    for all others a client on a blocklist is refused at RCPT.
    """

    reverse_name: bool = True
    blocklisted: bool = False


@value
class Judgement:
    """`reply` refuses or puts off; None takes the message. `why` is for us and the owner, not for senders."""

    reply: Reply | None
    why: str


def judge(
    verdicts: Verdicts, rules: MailRules, signals: Signals, trusted_sealers: Collection[str]
) -> Judgement:
    """May the message be taken, as far as it says what and whose it is? The spam filter's own refusal stands
    first; of what DMARC asks, in the order of the questions, the first that lets it in decides.
    """
    dmarc, sealers = verdicts.dmarc, frozenset(trusted_sealers)
    if refusal := _spam_refusal(verdicts.spam, rules.spam_threshold):
        return Judgement(refusal, "the spam filter refuses it")
    if dmarc.has_too_many_authors:
        return Judgement(replies.TOO_MANY_AUTHORS, "it has more authors than anybody could ask about")
    if in_favour := _in_favour(verdicts, sealers):
        return Judgement(None, in_favour)
    is_open = dmarc.undecided or _could_vouch(verdicts.arc, sealers)
    so_far = "DNS left DMARC open" if is_open else "DMARC fails"
    against = "the domain's owner wants it so" if rules.strict_dmarc else _against(verdicts, rules, signals)
    if not against:
        return Judgement(None, f"{so_far}, but nothing else speaks against the message")
    reply = replies.dmarc_undecided if is_open else replies.dmarc_refused
    return Judgement(reply(dmarc.from_domain), f"{so_far}, and {against}")


def depends_on_signals(verdicts: Verdicts, rules: MailRules, trusted_sealers: Collection[str]) -> bool:
    """Whether a signal could still refuse it: else nobody need ask for any."""
    without = judge(verdicts, rules, Signals(), trusted_sealers)
    return without.reply is None and not _in_favour(verdicts, frozenset(trusted_sealers))


def from_must_be_rewritten(verdicts: Verdicts) -> bool:
    """Would the next server find that DMARC fails, and act on it? SPF no longer aligns once we send the
    message; a signature of the author domain goes on to hold, or may, where DNS kept us from looking.
    """
    dmarc = verdicts.dmarc
    if dmarc.policy not in ("quarantine", "reject") or dmarc.dkim_aligned:
        return False
    return not any(each.result == "temperror" and each.of_author for each in verdicts.dkim)


def is_from(verdicts: Verdicts, domain: str) -> bool:
    """Has the message shown that it comes from the domain of its reverse-path, so that a DSN goes to nobody
    who has nothing to do with it? By SPF, or a signature of that domain or one above it.
    """
    if not domain:
        return False
    by_spf = verdicts.spf.passed and not verdicts.spf.of_helo
    return by_spf or any(each.passed and _is_below(domain, each.domain) for each in verdicts.dkim)


def _in_favour(verdicts: Verdicts, sealers: frozenset[str]) -> str:
    """Why the message is taken whatever else is known; empty where that is not certain."""
    dmarc = verdicts.dmarc
    if dmarc.dkim_aligned or dmarc.spf_aligned:
        return "the author domain stands behind it"
    if dmarc.result not in ("fail", "temperror"):
        return f"DMARC says nothing against it ({dmarc.result})"
    if not dmarc.from_domain:
        return "no author domain could be read"
    # A policy that nobody could tell (empty) may be reject.
    if dmarc.policy not in ("reject", ""):
        return f"the author domain's policy is {dmarc.policy}"
    if _vouches(verdicts.arc, dmarc.from_domain, sealers):
        return "a trusted ARC chain says that it was genuine"
    return ""


def _spam_refusal(score: float | None, threshold: float | None) -> Reply | None:
    """No score (the filter was not asked, or did not answer) refuses nothing."""
    if score is None or threshold is None or score < threshold:
        return None
    return replies.spam(score, threshold)


def _against(verdicts: Verdicts, rules: MailRules, signals: Signals) -> str:
    """The first signal that agrees with DMARC, in words; empty where none does."""
    if signals.blocklisted:
        return "a blocklist names the client"
    if not signals.reverse_name:
        return "the client has no reverse name that leads back to it"
    threshold = rules.spam_threshold
    if verdicts.spam is not None and threshold is not None and verdicts.spam >= threshold * SPAM_PART:
        return f"the spam filter gives it {verdicts.spam:.1f}"
    if verdicts.spf.result == "fail" and not _is_signed_by_author(verdicts):
        return "SPF fails, and no signature is of the author domain"
    return ""


def _is_signed_by_author(verdicts: Verdicts) -> bool:
    """A signature that no longer holds still tells that the message went through its domain once."""
    return any(each.of_author for each in verdicts.dkim)


def _vouches(arc: ArcVerdict, author: str, sealers: frozenset[str]) -> bool:
    """A chain that holds, each of its sealers believed, that saw the author domain stand behind it."""
    if arc.result != "pass" or not author or not _are_trusted(arc.sealers, sealers):
        return False
    saw = (arc.vouches_for, *arc.saw_signed)
    return any(each and _is_below(author, each) for each in saw)  # a child does not speak for its parent


def _could_vouch(arc: ArcVerdict, sealers: frozenset[str]) -> bool:
    """DNS kept us from checking a chain that we would believe."""
    return arc.result == "temperror" and (not arc.sealers or _are_trusted(arc.sealers, sealers))


def _are_trusted(found: Sequence[str], sealers: frozenset[str]) -> bool:
    """Each of them: one that is not could have put older seals on top of a message of its own."""
    return bool(found) and all(any(_is_below(each, trusted) for trusted in sealers) for each in found)


def _is_below(name: str, domain: str) -> bool:
    """The same domain counts too."""
    return f".{_a_labels(name)}".endswith(f".{_a_labels(domain)}")


def _a_labels(name: str) -> str:
    return name.lower() if name.isascii() else normalise_domain(name) or name
