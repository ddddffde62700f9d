"""The table of all cases, and how it is printed."""

from tests.faults import (
    cases_database,
    cases_destinations,
    cases_dns,
    cases_forged,
    cases_hostile,
    cases_keys,
    cases_money,
    cases_nodes,
    cases_receiver,
    cases_redis,
    cases_sender,
    cases_shutdown,
    cases_soak,
    cases_spool,
    cases_tls,
)
from tests.faults.case import CASES, Case, Result

PARTS = (
    cases_receiver,
    cases_sender,
    cases_database,
    cases_redis,
    cases_spool,
    cases_dns,
    cases_forged,
    cases_destinations,
    cases_tls,
    cases_hostile,
    cases_keys,
    cases_money,
    cases_nodes,
    cases_shutdown,
    cases_soak,
)


def all_cases() -> list[Case]:
    """Faults by number, graceful stops (T), the soak (S). Importing the parts has entered them."""
    assert PARTS
    return sorted(CASES, key=lambda case: ("FTS".index(case.id[0]), int(case.id.split()[0][1:])))


def header() -> str:
    return (
        f"{'id':<13}{'fault':<72}{'result':<8}{'mail':>6}{'dup':>5}{'s':>7}{'recovery':>10}\n"
        + "-" * 121
        + "\n"
    )


def line(result: Result) -> str:
    """One row; a failure says underneath what broke."""
    verdict = "FAILED" if result.failure else "held"
    row = (
        f"{result.id:<13}{result.what[:70]:<72}{verdict:<8}{result.messages:>6}{result.duplicates:>5}"
        f"{result.seconds:>7.1f}{result.recovery:>9.1f}s\n"
    )
    extra = result.failure or result.note
    return row + (f"{'':<13}{extra}\n" if extra else "")
