"""How processes log: one JSON object a line, and never at the cost of what they do."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr

import pytest
import structlog

from mailcore import logs


@pytest.fixture(autouse=True)
def _defaults_again() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_line_is_json_with_role_and_lane() -> None:
    logs.configure("mx", "fast")
    lines = io.StringIO()
    with redirect_stderr(lines):
        structlog.get_logger("one").info("ready", count=3)
    told = json.loads(lines.getvalue())
    assert (told["event"], told["role"], told["lane"], told["count"]) == ("ready", "mx", "fast", 3)


def test_a_closed_stderr_stops_nobody() -> None:
    logs.configure("mx")
    closed = io.StringIO()
    closed.close()
    with redirect_stderr(closed):
        structlog.get_logger("two").error("duty_failed", duty="spool", error="OSError")


def test_a_fault_is_told_by_its_place_alone() -> None:
    try:
        raise ValueError("secret@words.test")
    except ValueError as error:
        told = logs.where(error)
    assert told.startswith("test_logs.py:")
    assert "secret" not in told
