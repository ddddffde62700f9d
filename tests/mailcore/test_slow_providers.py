"""Half of the places are for the quick: tarpits, however many, hold only the other half."""

from mailcore.clock import Clock
from mailcore.slow_providers import SlowProviders


class HandClock(Clock):
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


def quick_one(slow: SlowProviders, name: str) -> None:
    """It has ended an attempt at once."""
    begun = slow.begin(name)
    assert begun is not None
    slow.end(name, begun, tells=True)


def test_many_tarpits_together_hold_half_of_the_places() -> None:
    slow = SlowProviders(8, HandClock())
    quick_one(slow, "quick.test")
    begun = [slow.begin(f"tarpit{number}.test") for number in range(6)]
    assert [moment is not None for moment in begun] == [True, True, True, True, False, False]
    assert all(slow.begin("quick.test") for _ in range(20))


def test_a_provider_is_quick_once_an_attempt_has_ended_soon() -> None:
    clock = HandClock()
    slow = SlowProviders(2, clock)
    first = slow.begin("a.test")
    assert first is not None
    assert slow.begin("b.test") is None
    clock.at += 9
    slow.end("a.test", first, tells=True)
    assert slow.begin("b.test") is not None
    assert slow.begin("a.test") is not None


def test_one_that_was_quick_and_falls_silent_is_so_no_more() -> None:
    clock = HandClock()
    slow = SlowProviders(4, clock)
    quick_one(slow, "a.test")
    assert all(slow.begin("a.test") for _ in range(3))
    clock.at += 11
    assert slow.begin("a.test") is None
    assert slow.unavailable() == ["a.test"]


def test_one_that_was_slow_is_passed_over_while_others_are_waited_for() -> None:
    clock = HandClock()
    slow = SlowProviders(2, clock)
    begun = slow.begin("slow.test")
    assert begun is not None
    clock.at += 35
    slow.end("slow.test", begun, tells=True)
    assert slow.unavailable() == []
    slow.begin("other.test")
    assert sorted(slow.unavailable()) == ["other.test", "slow.test"]


def test_claims_look_at_the_slow_again_once_a_quarter_of_their_places_is_free() -> None:
    slow = SlowProviders(16, HandClock())
    begun = [slow.begin(f"tarpit{number}.test") for number in range(8)]
    assert len(slow.unavailable()) == 8
    for number, still in ((0, 7), (1, 6), (2, 0)):
        moment = begun[number]
        assert moment is not None
        slow.end(f"tarpit{number}.test", moment, tells=False)
        assert len(slow.unavailable()) == still


def test_what_we_broke_off_says_nothing_of_the_provider() -> None:
    slow = SlowProviders(2, HandClock())
    begun = slow.begin("a.test")
    assert begun is not None
    slow.end("a.test", begun, tells=False)
    slow.begin("b.test")
    assert slow.begin("a.test") is None
