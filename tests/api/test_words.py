"""Figures as people read them: nothing is rounded to what is not true."""

import pytest

from api import words


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [(900, "usd", "$9"), (999, "eur", "€9.99"), (123_400, "chf", "1,234 CHF"), (900, "jpy", "900 JPY")],
)
def test_money_is_said_in_its_whole_units(amount: int, currency: str, said: str) -> None:
    assert words.money(amount, currency) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.214, "0.21 s"), (1.44, "1.4 s"), (40.2, "40 s"), (250, "4 min"), (9000, "2 h"), (200_000, "2 d")],
)
def test_a_span_has_its_largest_unit(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


def test_bytes_are_counted_as_limits_are() -> None:
    assert words.megabytes(10 * 1024 * 1024) == "10 MB"
