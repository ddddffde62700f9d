"""DATA keeps its pace, or ends. (Where it ends by itself: test_smtp_stream.py.)"""

from mailcore.clock import Clock
from mailcore.data_decoder import Pace
from mailcore.settings import Settings


class SteppedClock(Clock):
    """A monotonic clock that moves by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def pace() -> tuple[Pace, SteppedClock]:
    clock = SteppedClock()
    return Pace(Settings(_env_file=None), clock), clock


def test_data_below_one_kilobyte_a_second_over_thirty_seconds_is_too_slow() -> None:
    slow, clock = pace()
    clock.seconds = 29.9
    assert not slow.is_too_slow_after(29_999)
    clock.seconds = 30.0
    assert slow.is_too_slow_after(0)


def test_data_that_keeps_its_pace_goes_on_until_fifteen_minutes() -> None:
    steady, clock = pace()
    for second in range(30, 900, 30):
        clock.seconds = second
        assert not steady.is_too_slow_after(30_000)
    clock.seconds = 900
    assert steady.is_too_slow_after(1_000_000)


def test_each_window_is_counted_anew() -> None:
    bursting, clock = pace()
    clock.seconds = 30
    assert not bursting.is_too_slow_after(10_000_000)
    clock.seconds = 60
    assert bursting.is_too_slow_after(10)
