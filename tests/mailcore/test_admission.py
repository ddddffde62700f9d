"""Decisions at the door, one by one. They are pure, so the tests need nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mailcore import replies
from mailcore.admission import (
    Door,
    attachment_limit,
    check_attachments,
    check_loop,
    check_recipient,
    check_service_role,
    check_size,
    is_of_service,
    refuse_domain,
)
from mailcore.attachments import AttachmentCount
from mailcore.mail_rules import MailRules
from mailcore.plans import LARGEST_MESSAGE, SMALLEST_ATTACHMENTS, Plan, limits_for
from mailcore.replies import Reply
from mailcore.routing import DestinationRef, NoSuchAlias, NotServed, Recipient, Resolved

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
WINDOW = timedelta(hours=72)
MEGABYTE = 1024 * 1024


def recipient(
    plan: Plan = Plan.FREE, *, destinations: int = 1, account: int = 1, alias: int = 1
) -> Recipient:
    places = tuple(DestinationRef(UUID(int=n), f"{n}@inbox.test") for n in range(1, destinations + 1))
    return Recipient(
        UUID(int=account), plan, UUID(int=1), UUID(int=alias), alias, f"{alias}@shop.test", places
    )


def resolved(found: Recipient, *, enabled: bool = True, today: int = 0) -> Resolved:
    return Resolved(found, enabled, today)


def door(*accepted: Recipient, size: int | None = None) -> Door:
    return Door(size, accepted)


def counted(decoded: int, *, too_deep: bool = False) -> AttachmentCount:
    return AttachmentCount(decoded, depth=1, parts=2, too_deep=too_deep)


# --- domains ---


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        (None, replies.NOT_OURS),
        (NOW, replies.DOMAIN_NOT_YET_VERIFIED),
        (NOW - WINDOW + timedelta(seconds=1), replies.DOMAIN_NOT_YET_VERIFIED),
        (NOW - WINDOW, replies.NOT_OURS),
        (NOW - timedelta(days=400), replies.NOT_OURS),
    ],
)
def test_a_claim_younger_than_72_hours_is_451_everything_else_550(
    claimed: datetime | None, expected: Reply
) -> None:
    assert refuse_domain(NotServed(claimed), NOW, WINDOW) is expected


# --- recipients ---


def test_a_served_alias_is_admitted() -> None:
    assert check_recipient(resolved(recipient()), door()) is None


def test_an_unknown_alias_is_550_5_1_1() -> None:
    assert check_recipient(NoSuchAlias(UUID(int=1), UUID(int=1)), door()) is replies.UNKNOWN_ALIAS


def test_a_switched_off_alias_is_550_5_2_1_before_anything_else() -> None:
    full = resolved(recipient(), enabled=False, today=10**6)
    assert check_recipient(full, door(size=10**9)) is replies.ALIAS_OFF


@pytest.mark.parametrize("plan", list(Plan))
def test_a_declared_size_above_the_plan_is_552_and_names_the_limit(plan: Plan) -> None:
    limit = limits_for(plan).message_bytes
    assert check_recipient(resolved(recipient(plan)), door(size=limit)) is None
    refusal = check_recipient(resolved(recipient(plan)), door(size=limit + 1))
    assert refusal == replies.too_large_for_plan(plan, limit)
    assert str(limit) in refusal.line()


@pytest.mark.parametrize(
    ("today", "destinations", "fits"), [(499, 1, True), (500, 1, False), (498, 2, True), (499, 2, False)]
)
def test_the_quota_counts_deliveries(today: int, destinations: int, fits: bool) -> None:
    refusal = check_recipient(resolved(recipient(destinations=destinations), today=today), door())
    assert refusal is (None if fits else replies.OVER_QUOTA)


def test_the_quota_counts_what_this_transaction_has_taken_for_the_same_account_only() -> None:
    taken = recipient(destinations=2)
    assert check_recipient(resolved(recipient(alias=2), today=498), door(taken)) is replies.OVER_QUOTA
    stranger = replace(taken, account_id=UUID(int=2))
    assert check_recipient(resolved(recipient(alias=2), today=498), door(stranger)) is None


@pytest.mark.parametrize(
    ("first", "second", "size", "expected"),
    [
        (Plan.FREE, Plan.FREE, None, None),
        (Plan.PREMIUM, Plan.BUSINESS, None, None),  # the same attachment limit, so the same class
        (Plan.FREE, Plan.PREMIUM, None, replies.OTHER_CLASS),
        (Plan.PREMIUM, Plan.FREE, None, replies.OTHER_CLASS),
        (Plan.FREE, Plan.PREMIUM, SMALLEST_ATTACHMENTS, None),
        (Plan.FREE, Plan.PREMIUM, SMALLEST_ATTACHMENTS + 1, replies.OTHER_CLASS),
    ],
)
def test_recipients_of_one_transaction_share_a_class_unless_the_size_fits_all(
    first: Plan, second: Plan, size: int | None, expected: Reply | None
) -> None:
    there = recipient(first, account=1)
    assert check_recipient(resolved(recipient(second, account=2)), door(there, size=size)) is expected


@pytest.mark.parametrize("rules", [MailRules(strict_dmarc=True), MailRules(spam_threshold=15.0)])
def test_recipients_of_one_transaction_share_what_their_owners_chose(rules: MailRules) -> None:
    chosen = replace(recipient(alias=2), rules=rules)
    fits_all = SMALLEST_ATTACHMENTS
    assert check_recipient(resolved(chosen), door(recipient(), size=fits_all)) == replies.OTHER_CLASS
    assert check_recipient(resolved(chosen), door(chosen, size=fits_all)) is None


def test_what_does_not_change_the_reply_parts_nobody() -> None:
    chosen = replace(recipient(alias=2), rules=MailRules(require_tls=True))
    assert check_recipient(resolved(chosen), door(recipient())) is None


def test_mail_to_the_service_itself_comes_by_itself() -> None:
    own = replace(recipient(), domain_id=None)
    assert is_of_service(own)
    assert check_service_role(door()) is None
    assert check_service_role(door(own)) is None
    assert check_service_role(door(recipient())) == replies.OTHER_CLASS
    assert check_recipient(resolved(recipient()), door(own)) == replies.OTHER_CLASS


# --- content ---


def test_the_strictest_plan_bounds_what_is_counted() -> None:
    both = [recipient(Plan.PREMIUM), recipient(Plan.FREE)]
    assert attachment_limit(both) == 10 * MEGABYTE
    assert attachment_limit(both[:1]) == 50 * MEGABYTE


def test_content_above_any_recipients_plan_is_refused_for_all() -> None:
    both: Sequence[Recipient] = [recipient(Plan.PREMIUM), recipient(Plan.FREE)]
    limit = limits_for(Plan.FREE).message_bytes
    assert check_size(limit, both) is None
    assert check_size(limit + 1, both) == replies.too_large_for_plan(Plan.FREE, limit)
    assert check_size(LARGEST_MESSAGE, both[:1]) is None


def test_attachments_are_measured_decoded() -> None:
    free = [recipient(Plan.FREE)]
    limit = limits_for(Plan.FREE).attachment_bytes
    assert check_attachments(counted(limit), free) is None
    refusal = check_attachments(counted(limit + 1), free)
    assert refusal == replies.attachments_too_large(Plan.FREE, limit)
    assert "10 MB" in refusal.line()


def test_nesting_too_deep_is_refused_whatever_the_size() -> None:
    assert check_attachments(counted(0, too_deep=True), [recipient()]) is replies.TOO_DEEP


@pytest.mark.parametrize(("marks", "expected"), [(0, None), (1, None), (2, replies.LOOP), (9, replies.LOOP)])
def test_our_own_mark_twice_is_a_loop(marks: int, expected: Reply | None) -> None:
    assert check_loop(marks) is expected
