"""What is said of figures: ratios are of pairs, a target is judged by their median, and no gap is hidden."""

from pathlib import Path
from typing import Any

from bench import document, report, results
from bench.results import Results
from bench.rows import Target, quick
from bench.summary import judge

MACHINE: dict[str, Any] = {
    "processors": 2, "processor": "one", "memory_gb": 4, "kernel": "6", "system": "Debian", "python": "3.11",
    "postgres": "18", "postfix": "3.7", "rsa_2048_ms": 0.2, "sync_ms": 0.1, "commit": "abc",
}  # fmt: skip
ROW = next(row for row in quick() if row.name == "4k-keep")


def measured(folder: Path, *pairs: tuple[float, float]) -> Results:
    """The row of kept connections, (ours, the stack's) messages a second."""
    folder.mkdir(exist_ok=True)
    written = results.begin(folder, "quick", MACHINE, "make bench")
    for number, (ours, stack) in enumerate(pairs):
        figures = {"ours": {"rate": ours, "cpu_ms": 1.0}, "stack": {"rate": stack, "cpu_ms": 4.0}}
        written.add(ROW.name, number, figures)
    return written


def test_the_median_of_the_ratios_of_pairs_is_judged(tmp_path: Path) -> None:
    """Not the ratio of medians: that of these would be 3."""
    (judged,) = judge(measured(tmp_path, (300, 50), (200, 100), (500, 100), (600, 100), (100, 100)), ROW)
    assert judged.value == 5
    assert judged.word == "held"
    assert report.spread(judged) == "5.00 x (1.00 - 6.00)"


def test_a_target_below_its_limit_is_missed(tmp_path: Path) -> None:
    (judged,) = judge(measured(tmp_path, *[(499, 100)] * 5), ROW)
    assert judged.word == "missed"
    assert "**missed**" in document.text([measured(tmp_path, *[(499, 100)] * 5)])


def test_a_row_that_is_not_whole_is_never_held(tmp_path: Path) -> None:
    (judged,) = judge(measured(tmp_path, (900, 100)), ROW)
    assert judged.word == "not whole"


def test_a_target_may_be_an_upper_limit() -> None:
    target = Target("p99", 8, at_most=True)
    assert target.holds(8)
    assert not target.holds(8.1)


def test_a_report_shows_target_and_verdict_and_names_what_was_not_measured(tmp_path: Path) -> None:
    written = measured(tmp_path, *[(500, 100)] * 5)
    written.fail("5m", "59 of 60 arrived")
    text = report.one(written)
    assert "4 KB, kept connections" in text
    assert ">= 5 x" in text
    assert "held" in text
    assert "not measured: 5 MB; 59 of 60 arrived" in text


def test_two_results_stand_side_by_side(tmp_path: Path) -> None:
    first = measured(tmp_path / "a", *[(500, 100)] * 5)
    second = measured(tmp_path / "b", *[(400, 100)] * 5)
    line = next(line for line in report.two(first, second).splitlines() if "kept connections" in line)
    assert "5.00 x" in line
    assert "4.00 x" in line
    assert "0.80 x" in line
    assert line.endswith("held, missed")


def test_the_document_says_when_with_what_and_on_which_machine(tmp_path: Path) -> None:
    text = document.text([measured(tmp_path, *[(500, 100)] * 5)])
    assert "make bench" in text
    assert "commit abc" in text
    assert "RSA-2048 signature takes 0.2 ms" in text


def test_the_time_left_shrinks_with_what_is_done(tmp_path: Path) -> None:
    nothing = report.progress(measured(tmp_path / "a"), quick())
    some = report.progress(measured(tmp_path / "b", (500, 100)), quick())
    assert nothing[0] == 0
    assert some[1] == nothing[1] - ROW.minutes / ROW.pairs


def test_a_side_that_could_not_take_the_load_is_named_and_hides_nothing_of_the_other(tmp_path: Path) -> None:
    written, row = measured(tmp_path), next(row for row in quick() if row.name == "latency-300")
    for number in range(row.pairs):
        written.add(row.name, number, {"ours": {"p50": 1.5, "p99": 9.0}, "stack": {}})
    assert [judged.word for judged in judge(written, row)] == ["held", "held"]
    assert "could not take the load" in report.one(written)
    assert "could not take the load" in document.text([written])


def test_only_a_side_that_no_target_is_about_may_fail() -> None:
    rows = {row.name: row for row in quick()}
    assert not rows["latency-300"].is_judged_by("stack")
    assert rows["latency-300"].is_judged_by("ours")
    assert rows["4k"].is_judged_by("stack")
