"""Whose a domain is: the rules alone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from customers.ownership import Claim, Verdict, decide

FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))
START = datetime(2026, 1, 1, tzinfo=UTC)


def claim(identifier: UUID, *, verified: bool = False) -> Claim:
    return Claim(identifier, f"token{identifier.int}", START + timedelta(hours=identifier.int), verified)


def found(*identifiers: UUID) -> frozenset[str]:
    return frozenset(f"token{identifier.int}" for identifier in identifiers)


def test_a_token_verifies_its_own_account_only() -> None:
    assert decide([claim(FIRST), claim(SECOND)], found(SECOND), complete=True) == Verdict(verified=SECOND)


def test_without_a_token_nothing_is_verified() -> None:
    assert decide([claim(FIRST)], frozenset({"token", "token11", ""}), complete=True) == Verdict()


def test_with_two_tokens_the_incumbent_stays_and_is_told() -> None:
    claims = [claim(FIRST), claim(SECOND, verified=True)]
    assert decide(claims, found(FIRST, SECOND), complete=True) == Verdict(contested=SECOND)


def test_with_two_tokens_and_no_incumbent_the_older_claim_wins() -> None:
    assert decide([claim(SECOND), claim(FIRST)], found(FIRST, SECOND), complete=True) == Verdict(
        verified=FIRST
    )


def test_another_token_alone_displaces() -> None:
    claims = [claim(FIRST, verified=True), claim(SECOND)]
    assert decide(claims, found(SECOND), complete=True) == Verdict(verified=SECOND, displaced=FIRST)


def test_a_missing_token_alone_takes_nothing() -> None:
    assert decide([claim(FIRST, verified=True), claim(SECOND)], frozenset(), complete=True) == Verdict()


def test_half_an_answer_of_the_dns_displaces_nobody() -> None:
    claims = [claim(FIRST, verified=True), claim(SECOND)]
    assert decide(claims, found(SECOND), complete=False) == Verdict(contested=FIRST)


@settings(max_examples=150, deadline=None)
@given(
    st.sets(st.sampled_from([FIRST, SECOND, THIRD])),
    st.sets(st.sampled_from([FIRST, SECOND, THIRD])),
    st.none() | st.sampled_from([FIRST, SECOND, THIRD]),
    st.booleans(),
)
def test_whoever_gains_has_a_token_and_whoever_loses_has_none(
    claimed: set[UUID], tokens: set[UUID], incumbent: UUID | None, complete: bool
) -> None:
    claims = [claim(identifier, verified=identifier == incumbent) for identifier in sorted(claimed)]
    verdict = decide(claims, found(*tokens), complete=complete)
    assert verdict.verified is None or verdict.verified in tokens & claimed
    assert verdict.displaced is None or (verdict.displaced not in tokens and complete and verdict.verified)
    assert not (verdict.contested and verdict.verified)
