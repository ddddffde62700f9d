"""Settings as a person writes them into the environment."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from mailcore.settings import Settings


def test_a_duration_is_seconds_or_iso_8601(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_SWEEP_INTERVAL", "1.5")
    monkeypatch.setenv("CLEARPOST_GIVE_UP_AFTER", "P4D")
    settings = Settings()
    assert settings.sweep_interval == timedelta(seconds=1.5)
    assert settings.give_up_after == timedelta(days=4)


def test_a_duration_in_words_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_SWEEP_INTERVAL", "soon")
    with pytest.raises(ValidationError, match="sweep_interval"):
        Settings()


def test_a_ladder_is_a_list_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_STANDARD_LADDER", "60, 240")
    assert Settings().standard_ladder == (timedelta(minutes=1), timedelta(minutes=4))
