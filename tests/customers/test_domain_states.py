"""States of a domain, when to look again, and what its failing asks for: pure rules."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from customers.domain_states import Health, next_step, state_of, wait
from mailcore.models import Domain
from mailcore.settings import Settings

NOW = datetime(2026, 1, 20, tzinfo=UTC)
WINDOW = timedelta(hours=72)
WEEK = timedelta(days=7)
SETTINGS = Settings()


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def found(ownership: str, mx: str) -> dict[str, Any]:
    return {"ownership": {"state": ownership}, "mx": {"state": mx}}


def domain(**fields: Any) -> Domain:
    return Domain(
        id=UUID(int=1), account_id=UUID(int=2), name="a.test", **({"created_at": ago(hours=1)} | fields)
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "not_started"),
        ({"found": found("missing", "wrong")}, "not_started"),
        ({"found": found("wrong", "missing")}, "pending"),
        ({"found": found("failure", "failure")}, "pending"),
        ({"found": found("missing", "ok")}, "pending"),
        ({"created_at": ago(hours=72)}, "failed"),
        ({"displaced_at": ago(hours=1)}, "displaced"),
        ({"verified_at": ago(hours=1)}, "verified"),
        ({"verified_at": ago(days=9), "failing_since": ago(days=1)}, "temporarily_failing"),
        ({"verified_at": ago(days=9), "failing_since": ago(days=8), "off_at": ago(hours=1)}, "failed"),
    ],
)
def test_the_state_follows_from_the_row(fields: dict[str, Any], expected: str) -> None:
    assert state_of(domain(**fields), NOW, WINDOW) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"verified_at": NOW, "found": found("ok", "ok")}, timedelta(hours=6)),
        ({"created_at": ago(minutes=9)}, timedelta(seconds=4)),
        ({"created_at": ago(days=9), "check_asked_at": ago(minutes=9)}, timedelta(seconds=4)),
        ({"created_at": ago(minutes=30)}, timedelta(minutes=3)),
        ({"created_at": ago(days=30)}, timedelta(hours=6)),
        ({"verified_at": ago(hours=1), "found": found("ok", "missing")}, timedelta(minutes=6)),
        ({"verified_at": ago(days=9), "failing_since": ago(days=1)}, timedelta(minutes=10)),
    ],
)
def test_looking_is_frequent_while_somebody_waits(fields: dict[str, Any], expected: timedelta) -> None:
    assert wait(domain(**fields), NOW, SETTINGS) == expected


@pytest.mark.parametrize(
    ("health", "mx_seen", "expected"),
    [
        (Health(True, True), True, True),
        (Health(False, True), True, False),
        (Health(True, False), True, False),
        (Health(True, False), False, True),  # it never led here: its owner is still setting up
        (Health(None, True), True, None),
        (Health(True, None), True, None),
        (Health(False, None), True, False),
    ],
)
def test_silence_is_no_verdict_and_a_first_mx_is_not_missed(
    health: Health, mx_seen: bool, expected: bool | None
) -> None:
    assert health.of(domain(mx_at=NOW if mx_seen else None)) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"failing_since": NOW}, "tell"),
        ({"failing_since": ago(days=5), "told_failing_at": ago(days=5)}, None),
        ({"failing_since": ago(days=6), "told_failing_at": ago(days=6)}, "warn"),
        ({"failing_since": ago(days=7), "told_failing_at": ago(hours=23)}, None),
        ({"failing_since": ago(days=7), "told_failing_at": ago(hours=24)}, "switch-off"),
        ({"failing_since": ago(days=30), "told_failing_at": ago(days=30)}, "warn"),
        ({"failing_since": ago(days=7), "told_failing_at": ago(days=1), "mail_seen_at": ago(days=2)}, None),
        (
            {"failing_since": ago(days=30), "told_failing_at": ago(days=9), "mail_seen_at": ago(days=4)},
            "warn",
        ),
        ({"failing_since": ago(days=30), "told_failing_at": ago(days=2), "off_at": ago(days=1)}, None),
    ],
)
def test_nothing_is_switched_off_that_its_owner_was_not_told_of_or_that_is_in_use(
    fields: dict[str, Any], expected: str | None
) -> None:
    assert next_step(domain(**fields), NOW, WEEK) == expected
