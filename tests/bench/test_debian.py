"""What lacks is named, and nothing is installed."""

from pathlib import Path

from bench.debian import NEEDS, lacking


def test_packages_whose_program_or_file_is_not_there_are_named(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.touch()
    needs = {"one": str(there), "two": str(tmp_path / "nowhere"), "three": "no-such-program", "four": "sh"}
    assert lacking(needs) == ["two", "three"]


def test_verdicts_of_the_stack_need_both_of_its_judges() -> None:
    assert {"opendkim", "opendmarc"} <= NEEDS.keys()
