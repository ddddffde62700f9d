"""Verdicts travel as JSON and are said in words."""

import json

from mailcore.authenticity.verdicts import ArcVerdict, DkimVerdict, DmarcVerdict, SpfVerdict, Verdicts


def test_verdicts_come_back_from_json_as_they_went() -> None:
    made = Verdicts(
        spf=SpfVerdict("pass", "a.test"),
        dkim=(DkimVerdict("pass", "a.test", "s1", "rsa-sha256"), DkimVerdict("fail", reason="r")),
        dmarc=DmarcVerdict("pass", "a.test", "reject", dkim_aligned=True),
        arc=ArcVerdict("pass", 2, ("one.test", "two.test"), "a.test", ("a.test",)),
        spam=1.5,
    )
    assert Verdicts.from_json(json.loads(json.dumps(made.as_json()))) == made
    assert Verdicts.from_json(json.loads(json.dumps(Verdicts().as_json()))) == Verdicts()


def test_the_best_signature_is_the_one_that_is_told() -> None:
    failed, passed = DkimVerdict("fail"), DkimVerdict("pass")
    assert Verdicts(dkim=(failed, passed)).in_words() == "spf=none dkim=pass dmarc=none arc=none"
    assert Verdicts(dkim=(failed,), spam=3.14).in_words() == "spf=none dkim=fail dmarc=none arc=none spam=3.1"
