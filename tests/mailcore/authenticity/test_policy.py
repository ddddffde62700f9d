"""What follows from verdicts: the whole truth table of refusing, waiting, taking; when From is rewritten."""

from dataclasses import replace
from itertools import product

import pytest

from mailcore import replies
from mailcore.authenticity.policy import (
    Signals,
    depends_on_signals,
    from_must_be_rewritten,
    is_from,
    judge,
)
from mailcore.authenticity.verdicts import ArcVerdict, DkimVerdict, DmarcVerdict, SpfVerdict, Verdicts
from mailcore.mail_rules import MailRules

TRUSTED = ("google.com",)
REFUSED, WAIT = replies.dmarc_refused("bank.test"), replies.dmarc_undecided("bank.test")
SPAM_REFUSED = replies.spam(15.0, 15.0)
SPOOFED = Verdicts(dmarc=DmarcVerdict("fail", "bank.test", "reject"))
VOUCHED = ArcVerdict("pass", 1, ("google.com",), vouches_for="bank.test")
NO_NAME = Signals(reverse_name=False)

DMARC = {
    DmarcVerdict(result, "bank.test", word, dkim, spf, open_)
    for result, word, dkim, spf, open_ in product(
        ("none", "pass", "fail", "temperror", "permerror"),
        ("", "none", "quarantine", "reject"),
        (False, True),
        (False, True),
        (False, True),
    )
}
ARC = (
    ArcVerdict(),
    VOUCHED,
    replace(VOUCHED, result="fail"),
    replace(VOUCHED, result="temperror"),
    replace(VOUCHED, sealers=("google.com", "evil.test")),
    replace(VOUCHED, vouches_for="other.test"),
)
SIGNALS = [Signals(name, listed) for name, listed in product((True, False), (False, True))]
SPAM = (None, 7.4, 7.5, 15.0)
RULES = [
    MailRules(strict, spam_threshold=threshold) for strict, threshold in product((False, True), (None, 15.0))
]
SPF = (SpfVerdict("fail", "bank.test"), SpfVerdict("softfail", "bank.test"))
AUTHOR_SIGNED = DkimVerdict("fail", "bank.test", of_author=True)
DKIM = ((), (AUTHOR_SIGNED,), (DkimVerdict("pass", "evil.test"),))


def test_every_row_of_the_truth_table() -> None:
    """As the issue says it: refused only if all of it holds; only a temperror in between is a wait."""
    seen = set()
    for dmarc, arc, signals, spam, rules, spf, dkim in product(DMARC, ARC, SIGNALS, SPAM, RULES, SPF, DKIM):
        signal = (
            signals.blocklisted
            or not signals.reverse_name
            or (rules.spam_threshold is not None and spam in (7.5, 15.0))
            or (spf.result == "fail" and (not dkim or dkim[0].domain != "bank.test"))
        )
        open_ = dmarc.undecided or arc.result == "temperror"
        expected = None
        if rules.spam_threshold is not None and spam == 15.0:
            expected = SPAM_REFUSED
        elif dmarc.result == "permerror" and dmarc.policy == "reject":
            expected = replies.TOO_MANY_AUTHORS
        elif (
            dmarc.result in ("fail", "temperror")
            and not (dmarc.dkim_aligned or dmarc.spf_aligned)
            and dmarc.policy in ("reject", "")
            and arc != VOUCHED
            and (rules.strict_dmarc or signal)
        ):
            expected = WAIT if open_ else REFUSED
        judged = judge(Verdicts(spf, dkim, dmarc, arc, spam), rules, signals, TRUSTED)
        assert judged.reply == expected, (dmarc, arc, signals, spam, rules, spf, dkim)
        assert judged.why
        seen.add(expected)
    assert seen == {None, WAIT, REFUSED, SPAM_REFUSED, replies.TOO_MANY_AUTHORS}


# --- the rows that matter, one by one ---


def test_a_spoof_without_another_signal_is_taken() -> None:
    assert judge(SPOOFED, MailRules(), Signals(), TRUSTED).reply is None


def test_a_spoof_is_refused_where_the_owner_is_strict() -> None:
    assert judge(SPOOFED, MailRules(strict_dmarc=True), Signals(), TRUSTED).reply == REFUSED


@pytest.mark.parametrize(
    ("signals", "spam"),
    [(NO_NAME, None), (Signals(blocklisted=True), None), (Signals(), 7.5)],
    ids=["no name", "listed", "spam"],
)
def test_a_spoof_is_refused_where_another_signal_agrees(signals: Signals, spam: float | None) -> None:
    rules = MailRules(spam_threshold=15.0)
    assert judge(SPOOFED.with_spam(spam), rules, signals, TRUSTED).reply == REFUSED


@pytest.mark.parametrize(
    ("score", "threshold", "refused"),
    [(15.0, 15.0, True), (14.9, 15.0, False), (1000.0, None, False), (None, 0.0, False), (0.0, 0.0, True)],
)
def test_spam_is_refused_before_anybody_asks_whose_it_is(
    score: float | None, threshold: float | None, refused: bool
) -> None:
    genuine = Verdicts(dmarc=DmarcVerdict("pass", "bank.test", "reject", True), spam=score)
    for verdicts in (genuine, replace(genuine, dmarc=DmarcVerdict("permerror", "bank.test", "reject"))):
        judged = judge(verdicts, MailRules(spam_threshold=threshold), Signals(), TRUSTED)
        assert ((judged.reply or REFUSED).enhanced == "5.7.1") is refused


def test_spf_that_fails_agrees_unless_the_author_domain_has_signed() -> None:
    spoofed = replace(SPOOFED, spf=SpfVerdict("fail", "bank.test"))
    assert judge(spoofed, MailRules(), Signals(), TRUSTED).reply == REFUSED
    forwarded = replace(spoofed, dkim=(AUTHOR_SIGNED,))
    assert judge(forwarded, MailRules(), Signals(), TRUSTED).reply is None


def test_where_the_filter_may_not_refuse_its_score_says_nothing() -> None:
    spam = SPOOFED.with_spam(99.0)
    assert judge(spam, MailRules(spam_threshold=None), Signals(), TRUSTED).reply is None


def test_only_a_temperror_in_between_is_a_wait() -> None:
    undecided = replace(SPOOFED, dmarc=DmarcVerdict("temperror", "bank.test", "reject", undecided=True))
    assert judge(undecided, MailRules(), NO_NAME, TRUSTED).reply == WAIT
    assert judge(undecided, MailRules(), Signals(), TRUSTED).reply is None


def test_a_policy_that_dns_did_not_tell_is_a_wait_for_what_would_be_refused() -> None:
    unknown = Verdicts(dmarc=DmarcVerdict("temperror", "bank.test", undecided=True))
    assert judge(unknown, MailRules(strict_dmarc=True), Signals(), TRUSTED).reply == WAIT
    assert judge(unknown, MailRules(), Signals(), TRUSTED).reply is None


def test_a_trusted_chain_saves_what_it_saw_signed() -> None:
    arc = ArcVerdict("pass", 2, ("mail.google.com", "google.com"), saw_signed=("esp.test", "bank.test"))
    assert judge(replace(SPOOFED, arc=arc), MailRules(strict_dmarc=True), NO_NAME, TRUSTED).reply is None
    news = replace(SPOOFED, arc=arc, dmarc=replace(SPOOFED.dmarc, from_domain="news.bank.test"))
    assert judge(news, MailRules(strict_dmarc=True), NO_NAME, TRUSTED).reply is None
    for other in ("evil-bank.test", "customer.bank.test"):
        for chain in (replace(arc, saw_signed=(other,)), replace(VOUCHED, vouches_for=other)):
            assert judge(replace(SPOOFED, arc=chain), MailRules(), NO_NAME, TRUSTED).reply == REFUSED


@pytest.mark.parametrize("sealers", [(), ("evil.test",), ("evil.test", "google.com"), ("notgoogle.com",)])
def test_one_sealer_that_is_not_trusted_is_one_too_many(sealers: tuple[str, ...]) -> None:
    arc = replace(VOUCHED, sealers=sealers)
    assert judge(replace(SPOOFED, arc=arc), MailRules(), NO_NAME, TRUSTED).reply == REFUSED


def test_signals_are_asked_for_only_where_they_could_refuse() -> None:
    rules = MailRules(spam_threshold=15.0)
    assert depends_on_signals(SPOOFED, rules, TRUSTED)
    for verdicts in (
        replace(SPOOFED, arc=VOUCHED),
        Verdicts(dmarc=DmarcVerdict("fail", "bank.test", "quarantine")),
        Verdicts(),
        SPOOFED.with_spam(15.0),
    ):
        assert not depends_on_signals(verdicts, rules, TRUSTED)
    assert not depends_on_signals(SPOOFED, MailRules(strict_dmarc=True), TRUSTED)


def test_replies_say_whose_policy_it_is_and_what_to_do() -> None:
    assert REFUSED.line().startswith("550 5.7.26 The DMARC policy of bank.test is reject, and neither ")
    assert WAIT.line().startswith("451 4.7.0 DNS does not say now whether this message is from bank.test")
    assert WAIT.text.endswith("try again later")
    assert len(replies.dmarc_refused("x" * 253).line()) <= 510


# --- whom a DSN may go to ---


@pytest.mark.parametrize(
    ("verdicts", "domain", "expected"),
    [
        (Verdicts(SpfVerdict("pass", "a.test")), "a.test", True),
        (Verdicts(SpfVerdict("softfail", "a.test")), "a.test", False),
        (Verdicts(SpfVerdict("pass", "mx.a.test", of_helo=True)), "", False),
        (Verdicts(dkim=(DkimVerdict("pass", "a.test"),)), "a.test", True),
        (Verdicts(dkim=(DkimVerdict("pass", "a.test"),)), "bounces.A.test", True),
        (Verdicts(dkim=(DkimVerdict("pass", "mail.a.test"),)), "a.test", False),
        (Verdicts(dkim=(DkimVerdict("pass", "evil-a.test"),)), "a.test", False),
        (Verdicts(dkim=(DkimVerdict("fail", "a.test"),)), "a.test", False),
        (Verdicts(dkim=(DkimVerdict("pass", "a.test"),)), "", False),
        (Verdicts(dkim=(DkimVerdict("pass", ""),)), "a.test", False),
    ],
)
def test_a_reverse_path_is_believed_by_spf_or_a_signature_that_covers_it(
    verdicts: Verdicts, domain: str, expected: bool
) -> None:
    assert is_from(verdicts, domain) is expected


# --- From ---


@pytest.mark.parametrize(
    ("dmarc", "dkim", "rewritten"),
    [
        (DmarcVerdict("pass", "bank.test", "reject", spf_aligned=True), (), True),
        (DmarcVerdict("pass", "bank.test", "quarantine", spf_aligned=True), (), True),
        (DmarcVerdict("pass", "bank.test", "none", spf_aligned=True), (), False),
        (DmarcVerdict("none", "bank.test"), (), False),
        (DmarcVerdict("fail", "bank.test", "reject"), (), True),
        (DmarcVerdict("fail", "bank.test", "reject"), (DkimVerdict("fail", "bank.test"),), True),
        (DmarcVerdict("pass", "bank.test", "reject", dkim_aligned=True), (), False),
        (DmarcVerdict("pass", "bank.test", "reject", True, True), (), False),
        (DmarcVerdict("temperror", "bank.test", ""), (), False),
        (DmarcVerdict("permerror", "bank.test", ""), (), False),
        (
            DmarcVerdict("pass", "bank.test", "reject", spf_aligned=True),
            (DkimVerdict("temperror", "mail.bank.test", of_author=True),),
            False,
        ),
        (
            DmarcVerdict("temperror", "bank.test", "reject"),
            (DkimVerdict("temperror", of_author=True),),
            False,
        ),
        (
            DmarcVerdict("pass", "bank.test", "reject", spf_aligned=True),
            (DkimVerdict("temperror", "esp.test"),),
            True,
        ),
    ],
)
def test_from_is_rewritten_only_when_it_must(
    dmarc: DmarcVerdict, dkim: tuple[DkimVerdict, ...], rewritten: bool
) -> None:
    assert from_must_be_rewritten(Verdicts(dkim=dkim, dmarc=dmarc)) is rewritten
