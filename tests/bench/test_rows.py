"""The table of rows: every target of the project has one, and both tables keep to their time."""

import pytest

from bench.rows import Row, full, quick
from bench.sides import SIDES
from bench.slow_disk import delayed


@pytest.mark.parametrize(("rows", "most"), [(quick(), 10), (full(), 40)], ids=["quick", "full"])
def test_a_table_keeps_to_its_time(rows: list[Row], most: float) -> None:
    assert sum(row.minutes for row in rows) < most


@pytest.mark.parametrize("row", [*quick(), *full()], ids=lambda row: row.name)
def test_a_row_has_a_target_and_knows_its_sides(row: Row) -> None:
    assert row.targets
    assert set(row.sides) <= SIDES.keys()
    assert row.sides[0].startswith("ours")
    assert len(row.sides) == 2 or not any(target.ratio for target in row.targets)


def test_names_are_told_apart() -> None:
    for rows in (quick(), full()):
        assert len({row.name for row in rows}) == len(rows)


def test_throughput_is_judged_by_at_least_five_pairs() -> None:
    judged = [row for row in full() if any(target.ratio for target in row.targets)]
    assert all(row.pairs >= 5 for row in judged)


def test_only_syncs_are_held_back() -> None:
    assert "inject=fsync,fdatasync:delay_exit=1000" in delayed(0.001)
