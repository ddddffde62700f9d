"""What authorities asked for, noted by the operator."""

import json
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from clearpost import authority_commands
from mailcore.clock import Clock
from mailcore.settings import Settings


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=SecretStr(database_url), key_dir=tmp_path / "keys")


def test_a_request_is_noted_settled_and_listed(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    today = Clock().now().date()
    assert authority_commands.add(settings, date(2025, 3, 1), "removal", "refused", as_json=True) == 0
    assert authority_commands.add(settings, today, "data", "pending", as_json=True) == 0
    _, later = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert authority_commands.settle(settings, later["id"], "partly", as_json=False) == 0
    assert "data, partly" in capsys.readouterr().out
    assert authority_commands.show_list(settings, as_json=True) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["received_on"], each["kind"], each["outcome"]) for each in listed] == [
        (today.isoformat(), "data", "partly"),
        ("2025-03-01", "removal", "refused"),
    ]


def test_where_there_is_none_the_way_to_note_one_is_told(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert authority_commands.show_list(settings, as_json=False) == 0
    assert "clearpost authority add" in capsys.readouterr().out


def test_a_day_to_come_and_a_request_that_is_not_there_are_refused(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert authority_commands.add(settings, date(2999, 1, 1), "data", "refused", as_json=False) == 1
    for identifier in ("nothing", "0191d4a8-0000-7000-8000-000000000000"):
        assert authority_commands.settle(settings, identifier, "refused", as_json=False) == 1
    assert "clearpost authority list" in capsys.readouterr().err
