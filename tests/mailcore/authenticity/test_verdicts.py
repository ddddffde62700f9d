"""Verdicts travel as JSON and are said in words."""

import json

import pytest

from mailcore.authenticity.verdicts import (
    ArcVerdict,
    DkimVerdict,
    DmarcVerdict,
    SpfVerdict,
    Verdicts,
    VerdictWords,
)


def test_verdicts_come_back_from_json_as_they_went() -> None:
    made = Verdicts(
        spf=SpfVerdict("pass", "a.test"),
        dkim=(
            DkimVerdict("pass", "a.test", "s1", "rsa-sha256", of_author=True),
            DkimVerdict("fail", reason="r"),
        ),
        dmarc=DmarcVerdict("pass", "a.test", "reject", dkim_aligned=True),
        arc=ArcVerdict("pass", 2, ("one.test", "two.test"), "a.test", ("a.test",)),
        spam=1.5,
    )
    assert Verdicts.from_json(json.loads(json.dumps(made.as_json()))) == made
    assert Verdicts.from_json(json.loads(json.dumps(Verdicts().as_json()))) == Verdicts()


def test_signatures_of_a_record_before_they_were_told_apart_are_of_nobody() -> None:
    written = Verdicts(dkim=(DkimVerdict("temperror", "a.test"),)).as_json()
    del written["dkim"][0]["of_author"]
    assert Verdicts.from_json(written) == Verdicts(dkim=(DkimVerdict("temperror", "a.test"),))


def test_the_best_signature_is_the_one_that_is_told() -> None:
    failed, passed = DkimVerdict("fail"), DkimVerdict("pass")
    assert Verdicts(dkim=(failed, passed)).in_words() == "spf=none dkim=pass dmarc=none arc=none"
    assert Verdicts(dkim=(failed,), spam=3.14).in_words() == "spf=none dkim=fail dmarc=none arc=none spam=3.1"


@pytest.mark.parametrize("spam", [None, 0.0, -2.5, 15.0])
def test_the_log_gives_back_the_words_that_were_written(spam: float | None) -> None:
    made = Verdicts(
        SpfVerdict("softfail"), (DkimVerdict("pass"),), DmarcVerdict("fail"), ArcVerdict("pass", 1), spam
    )
    found = VerdictWords.of(f"250 2.0.0 Queued as spf=x; {made.in_words()}")
    assert found == VerdictWords("softfail", "pass", "fail", "pass", spam)


@pytest.mark.parametrize(
    "response",
    [
        "",
        "250 2.0.0 Queued as 0192f0c1",
        "250 2.0.0 Queued; spf=pass dkim=pass",
        "250 2.0.0 Queued; spf=pass dkim=pass dmarc=pass arc=none spam=much",
    ],
)
def test_a_text_without_verdicts_has_none(response: str) -> None:
    assert VerdictWords.of(response) is None
