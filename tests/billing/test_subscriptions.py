"""What plan Stripe's state means: every status, the days of grace, prices we do not know."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.prices import Prices, Sold
from billing.subscriptions import (
    AtStripe,
    Before,
    Item,
    Vanished,
    choose,
    decide,
    has_double,
    letters_due,
)
from mailcore.plans import Plan

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PRICES = Prices({
    Sold(Plan.PREMIUM, "month"): "price_pm", Sold(Plan.PREMIUM, "year"): "price_py",
    Sold(Plan.BUSINESS, "month"): "price_bm",
})  # fmt: skip


def item(price_id: str = "price_pm", **changes: Any) -> Item:
    values: dict[str, Any] = {
        "id": "si_1",
        "price_id": price_id,
        "amount": 900,
        "currency": "usd",
        "interval": "month",
        "interval_count": 1,
        "period_end": NOW + 20 * DAY,
    }
    return Item(**(values | changes))


def subscription(status: str = "active", price_id: str = "price_pm", **changes: Any) -> AtStripe:
    values: dict[str, Any] = {"id": "sub_1", "status": status, "created": NOW, "items": [item(price_id)]}
    return AtStripe(**(values | changes))


@pytest.mark.parametrize(
    ("status", "plan"),
    [
        ("trialing", Plan.PREMIUM),
        ("active", Plan.PREMIUM),
        ("past_due", Plan.PREMIUM),
        ("unpaid", Plan.FREE),
        ("canceled", Plan.FREE),
        ("paused", Plan.FREE),
        ("incomplete", Plan.FREE),
        ("incomplete_expired", Plan.FREE),
    ],
)
def test_each_status_means_a_plan(status: str, plan: Plan) -> None:
    decision = decide([subscription(status)], Before(), PRICES, NOW)
    assert (decision.status, decision.plan, decision.odd_price) == (status, plan, False)


@pytest.mark.parametrize(
    ("late", "plan"),
    [
        (timedelta(0), Plan.PREMIUM),
        (14 * DAY - timedelta(seconds=1), Plan.PREMIUM),
        (14 * DAY, Plan.FREE),
        (400 * DAY, Plan.FREE),
    ],
)
def test_a_payment_that_failed_leaves_the_plan_for_14_days(late: timedelta, plan: Plan) -> None:
    decision = decide([subscription("past_due")], Before("sub_1", NOW - late), PRICES, NOW)
    assert (decision.plan, decision.past_due_since) == (plan, NOW - late)


def test_the_days_of_grace_begin_when_it_is_first_seen_and_anew_after_a_payment() -> None:
    assert decide([subscription("past_due")], Before(), PRICES, NOW).past_due_since == NOW
    paid = decide([subscription("active")], Before("sub_1", NOW - 3 * DAY), PRICES, NOW)
    assert paid.past_due_since is None


@pytest.mark.parametrize("status", ["trialing", "active", "past_due"])
def test_a_price_that_nobody_knows_keeps_the_plan_and_says_so(status: str) -> None:
    decision = decide([subscription(status, "price_odd")], Before(), PRICES, NOW)
    assert (decision.plan, decision.odd_price, decision.price_id) == (None, True, "price_odd")


def test_an_ended_subscription_at_a_price_that_nobody_knows_is_ended() -> None:
    decision = decide([subscription("canceled", "price_odd")], Before("sub_1"), PRICES, NOW)
    assert (decision.plan, decision.odd_price) == (Plan.FREE, False)


def test_an_item_that_is_sold_counts_beside_others() -> None:
    both = subscription(items=[item("price_extra", amount=100), item("price_bm", amount=4900)])
    decision = decide([both], Before(), PRICES, NOW)
    assert (decision.plan, decision.price_id, decision.amount_monthly) == (Plan.BUSINESS, "price_bm", 5000)


def test_a_year_counts_a_twelfth_a_month() -> None:
    yearly = subscription(items=[item("price_py", amount=9000, interval="year")])
    decision = decide([yearly], Before(), PRICES, NOW)
    assert (decision.amount_monthly, decision.interval) == (750, "year")


def test_who_never_had_one_is_free_and_one_that_vanished_decides_nothing() -> None:
    assert decide([], Before(), PRICES, NOW).plan is Plan.FREE
    with pytest.raises(Vanished):
        decide([], Before("sub_1"), PRICES, NOW)


def test_the_living_counts_before_the_newest() -> None:
    alive = subscription("past_due", id="sub_old", created=NOW - 9 * DAY)
    dead = subscription("canceled", id="sub_new")
    tried = subscription("incomplete", id="sub_tried")
    assert choose([dead, alive, tried]) is alive
    assert choose([dead, tried]) is tried
    newer = subscription("active", id="sub_newer", created=NOW - DAY)
    assert choose([alive, newer, dead]) is newer
    assert has_double([alive, newer])
    assert not has_double([alive, dead, tried, subscription("unpaid", id="sub_9")])


def test_a_late_payment_takes_nothing_from_who_pays_by_another_subscription() -> None:
    paid = subscription("active", id="sub_old", created=NOW - 9 * DAY)
    late = subscription("past_due", id="sub_new")
    decision = decide([late, paid], Before("sub_new", NOW - 20 * DAY), PRICES, NOW)
    assert (decision.plan, decision.status) == (Plan.PREMIUM, "active")


def test_what_follows_at_the_end_is_told() -> None:
    going = decide([subscription("active", "price_bm", next_price_id="price_pm")], Before(), PRICES, NOW)
    assert (going.plan, going.next_plan, going.next_interval) == (Plan.BUSINESS, Plan.PREMIUM, "month")
    ending = decide([subscription(cancel_at=NOW + DAY)], Before(), PRICES, NOW)
    assert (ending.plan, ending.cancel_at) == (Plan.PREMIUM, NOW + DAY)


@pytest.mark.parametrize(("days", "letters"), [(0, 1), (6, 1), (7, 2), (11, 2), (12, 3), (30, 3)])
def test_letters_go_on_the_days_0_7_and_12(days: int, letters: int) -> None:
    assert letters_due(NOW, NOW + days * DAY) == letters


@pytest.mark.parametrize(
    ("there", "here", "is_more"),
    [
        (("business", "month"), ("premium", "year"), True),
        (("premium", "year"), ("premium", "month"), True),
        (("premium", "month"), ("premium", "year"), False),
        (("premium", "year"), ("business", "month"), False),
        (("premium", "month"), ("premium", "month"), False),
    ],
)
def test_a_larger_plan_or_a_longer_time_is_an_upgrade(there: Any, here: Any, is_more: bool) -> None:
    assert Sold(Plan(there[0]), there[1]).is_more_than(Sold(Plan(here[0]), here[1])) is is_more
