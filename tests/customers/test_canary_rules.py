"""What may be published as a canary, and what it is worth: vectors signed here, with keys of the test."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from customers import canary_document as documents
from customers import canary_rules, canary_signers
from customers.canary_document import CLAIMS, Claim, Document, Fact
from customers.canary_rules import Ground, Signed
from customers.canary_signers import Signers
from tests.support.canary_signers import (
    ALICE,
    BOB,
    CAROL,
    ISSUED,
    MALLORY,
    SERVICE,
    THREE,
    Person,
    after,
    canary,
    signed,
    signers_file,
)

NOW = ISSUED + timedelta(hours=2)
DAY = timedelta(days=1)


def the_signers(*people: Person) -> Signers:
    found = canary_signers.read(signers_file(*people))
    assert isinstance(found, Signers), found
    return found


def judge(
    document: Document | str,
    *people: Person,
    now: datetime = NOW,
    before: Document | None = None,
    signatures: list[str] | None = None,
) -> Signed | list[str]:
    text = document if isinstance(document, str) else documents.write(document)
    made = [person.sign(text) for person in people or (ALICE, BOB)]
    ground = Ground(SERVICE, now)
    if before is not None:
        ground = Ground(SERVICE, now, documents.write(before), before.number)
    return canary_rules.judge(text, made if signatures is None else signatures, the_signers(), ground)


def refused(*given: Any, **options: Any) -> str:
    found = judge(*given, **options)
    assert isinstance(found, list), "it was taken"
    return "; ".join(found)


def test_a_canary_signed_by_any_two_or_all_three_is_taken() -> None:
    for people in ((ALICE, BOB), (CAROL, ALICE), (BOB, CAROL), THREE):
        found = judge(canary(), *people)
        assert isinstance(found, Signed), found
        assert set(found.signatures) == {person.name for person in people}
        assert found.text == documents.write(canary())


# --- who signed ---


def test_the_same_signer_twice_is_one() -> None:
    text = documents.write(canary())
    why = refused(text, signatures=[ALICE.sign(text), ALICE.sign(text, hash_name="sha256")])
    assert "alice has signed already" in why
    assert "1 of 3 signers have signed it: it takes 2 different ones" in why


def test_one_of_three_is_not_enough_and_none_is_less() -> None:
    assert "1 of 3" in refused(canary(), BOB)
    assert "0 of 3" in refused(canary(), signatures=[])


def test_somebody_unknown_is_refused_also_beside_two_who_are_known() -> None:
    assert "belongs to none of the signers" in refused(canary(), ALICE, MALLORY)
    assert "belongs to none of the signers" in refused(canary(), ALICE, BOB, MALLORY)


def test_an_unknown_key_under_a_signers_name_is_refused() -> None:
    assert "belongs to none" in refused(canary(), ALICE, Person("bob", MALLORY.key))


def test_signatures_for_another_namespace_are_refused() -> None:
    text = documents.write(canary())
    why = refused(text, signatures=[ALICE.sign(text), BOB.sign(text, namespace="file")])
    assert "by bob: it was made for the namespace 'file', not 'clearpost-canary'" in why


def test_signatures_of_another_canary_are_refused() -> None:
    _, old = signed(canary())
    assert "was changed" in refused(canary(ISSUED + timedelta(hours=1)), signatures=old)


# --- what it says ---


@pytest.mark.parametrize("missing", CLAIMS)
def test_a_missing_statement_is_refused(missing: str) -> None:
    claims = [claim for claim in canary().claims if claim.id != missing]
    assert f"the statement {missing!r} is missing" in refused(canary(claims=claims))


def test_an_unknown_statement_is_refused() -> None:
    claims = [*canary().claims, Claim("weather", "It was sunny.", "affirmed")]
    assert "'weather' is not one of the five" in refused(canary(claims=claims))


def test_a_statement_in_other_words_twice_or_out_of_order_is_refused() -> None:
    claims = list(canary().claims)
    softened = [replace(claims[0], text="We have hardly handed over any SSL keys."), *claims[1:]]
    assert "'tls-keys' is not in our words" in refused(canary(claims=softened))
    assert "once each, in their order" in refused(canary(claims=[*claims, claims[0]]))
    assert "once each, in their order" in refused(canary(claims=claims[::-1]))


def test_a_statement_that_is_not_affirmed_is_published_and_said() -> None:
    document = canary(without=["searches"])
    assert isinstance(judge(document), Signed)
    assert canary_rules.state_of(document, NOW) == "incomplete"
    assert canary_rules.state_of(canary(), NOW) == "current"


@pytest.mark.parametrize("days", [-1, 8, 400])
def test_a_public_fact_of_another_week_is_refused(days: int) -> None:
    fact = Fact("Old news.", "https://news.test/", ISSUED.date() - timedelta(days=days))
    assert "public fact" in refused(canary(fact=fact))


# --- when ---


@pytest.mark.parametrize(
    "lasts", [timedelta(0), -DAY, DAY - timedelta(seconds=1), 45 * DAY + timedelta(seconds=1)]
)
def test_a_life_that_is_not_sane_is_refused(lasts: timedelta) -> None:
    assert "1 to 45 days are allowed" in refused(canary(lasts=lasts))


def test_the_shortest_and_the_longest_life_are_taken() -> None:
    for lasts in (DAY, 45 * DAY):
        assert isinstance(judge(canary(lasts=lasts)), Signed)


def test_one_that_has_expired_is_refused_to_the_second() -> None:
    end = canary().expires
    assert "expired already" in refused(canary(), now=end)
    assert isinstance(judge(canary(), now=end - timedelta(microseconds=1)), Signed)
    assert canary_rules.state_of(canary(), end - timedelta(microseconds=1)) == "current"
    assert canary_rules.state_of(canary(), end) == "expired"
    assert canary_rules.state_of(canary(without=["searches"]), end) == "expired"


def test_one_from_the_future_is_refused() -> None:
    assert "issued in the future" in refused(canary(), now=ISSUED - timedelta(seconds=1))


# --- after which ---


def test_the_next_names_the_number_and_the_hash_of_the_one_before() -> None:
    first = canary()
    later = NOW + 20 * DAY
    assert isinstance(judge(after(first), before=first, now=later), Signed)
    assert "the next is 2" in refused(after(first, number=3), before=first, now=later)
    assert "the next is 2" in refused(after(first, number=1), before=first, now=later)
    for previous in (None, "0" * 64, documents.digest(documents.write(canary(without=["searches"])))):
        why = refused(after(first, previous=previous), before=first, now=later)
        assert "hash of the one before" in why


def test_a_replay_is_refused() -> None:
    first = canary()
    second = after(first)
    assert "the next is 2" in refused(first, before=first)
    why = refused(second, before=second, now=NOW + 20 * DAY)
    assert "the next is 3" in why
    assert "the hash of the one before is another" in why
    assert "issued before the one that is published" in why


def test_time_goes_forward() -> None:
    first = canary()
    for later in (timedelta(0), -DAY):
        assert "issued before" in refused(after(first, later), before=first)


def test_the_first_has_no_one_before() -> None:
    assert "the next is 1" in refused(canary(number=2))
    assert "hash of the one before" in refused(canary(previous="0" * 64))


def test_the_canary_of_another_service_is_refused() -> None:
    assert "of 'other.test', not of 'clearpost.test'" in refused(canary(service="other.test"))


# --- byte for byte ---

EDITS: list[Callable[[str], str]] = [
    lambda text: text.replace("not affirmed", "affirmed"),
    lambda text: text.replace('"2026-12-01T', '"2026-12-11T'),
    lambda text: text.replace("sun rose", "sun set"),
]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_document_fits_no_signature(edit: Callable[[str], str]) -> None:
    text, signatures = signed(canary(without=["third-parties"]))
    assert edit(text) != text
    assert isinstance(documents.read(edit(text)), Document)
    why = refused(edit(text), signatures=signatures)
    assert why.count("was changed") == 2


def test_all_that_is_wrong_is_told_at_once() -> None:
    why = refused(canary(service="other.test", lasts=400 * DAY), MALLORY)
    assert len(why.split("; ")) == 4


# --- later ---


def test_what_was_published_holds_while_two_of_its_signers_are_still_signers() -> None:
    text, _ = signed(canary())
    made = {person.name: person.sign(text) for person in THREE}
    dave = Person.named("dave")
    assert canary_rules.is_signed(text, made, the_signers(), SERVICE)
    assert canary_rules.is_signed(text, made, the_signers(ALICE, BOB, dave), SERVICE)
    assert not canary_rules.is_signed(text, made, the_signers(ALICE, MALLORY, dave), SERVICE)
    assert not canary_rules.is_signed(text.replace("sun", "son"), made, the_signers(), SERVICE)
    assert not canary_rules.is_signed(text, made, the_signers(), "other.test")
