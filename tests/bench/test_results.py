"""A results file can be cut anywhere: what is whole in it is never run again, what is not is."""

from pathlib import Path

from bench import results, runs
from bench.results import Results
from bench.rows import quick

MACHINE = {"commit": "abc"}


def begun(folder: Path) -> Results:
    return results.begin(folder, "quick", MACHINE, "make bench")


def pair(ours: float, stack: float) -> dict[str, dict[str, float]]:
    return {"ours": {"rate": ours}, "stack": {"rate": stack}}


def test_a_pair_that_is_written_is_not_missing(tmp_path: Path) -> None:
    row = quick()[0]
    written = begun(tmp_path)
    written.add(row.name, 1, pair(10, 5))
    again = results.read(written.path)
    assert again.missing(row) == [0, 2, 3, 4]
    assert again.header["machine"] == MACHINE


def test_a_pair_with_one_side_only_is_run_again(tmp_path: Path) -> None:
    row = quick()[0]
    written = begun(tmp_path)
    written.add(row.name, 0, {"ours": {"rate": 10.0}})
    assert 0 in results.read(written.path).missing(row)


def test_a_line_that_a_kill_has_cut_counts_for_nothing_and_spoils_no_other(tmp_path: Path) -> None:
    row = quick()[0]
    written = begun(tmp_path)
    written.add(row.name, 0, pair(10, 5))
    text = written.path.read_text()
    written.path.write_text(text[:-20])
    again = results.read(written.path)
    assert 0 in again.missing(row)
    again.add(row.name, 0, pair(12, 5))
    assert results.read(written.path).pairs(row)[0]["ours"]["rate"] == 12


def test_a_failure_is_told_until_the_row_is_measured(tmp_path: Path) -> None:
    written = begun(tmp_path)
    written.fail("4k", "9 of 10 arrived")
    assert results.read(written.path).failures == {"4k": "9 of 10 arrived"}
    written.add("4k", 0, pair(10, 5))
    assert results.read(written.path).failures == {}


def test_the_newest_file_of_a_kind_is_found(tmp_path: Path) -> None:
    (tmp_path / "full-20260101-000000.jsonl").write_text('{"header": {"kind": "full"}}\n')
    (tmp_path / "full-20260102-000000.jsonl").write_text('{"header": {"kind": "full"}}\n')
    begun(tmp_path)
    found = results.newest(tmp_path, "full")
    assert found
    assert found.path.name == "full-20260102-000000.jsonl"


def test_nothing_is_started_for_rows_that_are_done(tmp_path: Path) -> None:
    written = begun(tmp_path)
    rows = quick()[:1]
    for number in range(rows[0].pairs):
        written.add(rows[0].name, number, pair(10, 5))
    said: list[str] = []
    runs.run(rows, written, said.append)
    assert said == []


def test_a_run_of_any_kind_has_a_figure_to_show() -> None:
    assert runs.headline({"p50": 1.0, "p99": 2.0, "rate": 9.0}) == "p50 1.0 p99 2.0 ms"
    assert runs.headline({"largest_mb": 120.4, "growth": 1.0}) == "120 MB"
    assert runs.headline({"rate": 441.4}) == "441 /s"
