"""Capacity is a product of what was measured, and stands in its page between marks."""

import pytest

from bench.capacity import BUSY, DAY, PEAK, need
from bench.marks import filled
from bench.scaling_claims import Claims
from bench.scaling_cost import Cost
from bench.scaling_page import sections

COST = Cost("1,000 aliases", 1000, 500.0, 2.0, 1.0, 0.6, 3_000.0, 0.5, 4.0, 16_000.0, 1_000.0)


def test_a_day_is_planned_for_its_peak_with_cores_that_have_room_left() -> None:
    planned = need(DAY * 1000, COST)
    assert planned.peak == pytest.approx(1000 * PEAK)
    assert planned.mx_cores == pytest.approx(1000 * PEAK * 0.003 / BUSY)
    assert planned.nodes == 2
    assert planned.commits == pytest.approx(1500)
    assert planned.log_gb == pytest.approx(DAY * 1000 * 7 * 1_000 / 1e9)


def test_the_page_keeps_its_words_and_gets_new_tables() -> None:
    parts = sections([COST], [COST], [Claims(0, 0, 0.1, 0.2)], "today")
    marks = "".join(f"<!-- measured: {name} -->\nold\n<!-- end -->\nwords of {name}\n" for name in parts)
    page = filled(marks, parts)
    assert "old" not in page
    assert page.count("words of") == len(parts)
    assert "| 1,000,000 |" in page
    assert filled(page, parts) == page


def test_a_page_without_its_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="no mark for how"):
        filled("", sections([COST], [COST], [], "today"))
