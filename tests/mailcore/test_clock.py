"""The clock: aware, in UTC, and the maker of identifiers that tell their age."""

from datetime import UTC, datetime, timedelta

from mailcore.clock import Clock, ShiftedClock, time_of


class Fixed(Clock):
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 9, 30, 0, 123456, UTC)


def test_now_is_aware_and_in_utc() -> None:
    assert Clock().now().utcoffset() == timedelta(0)


def test_an_identifier_is_a_version_7_uuid_and_tells_its_moment() -> None:
    identifier = Fixed().new_id()
    assert identifier.version == 7
    assert identifier.variant == "specified in RFC 4122"
    assert time_of(identifier) == datetime(2026, 11, 22, 9, 30, 0, 123000, UTC)


def test_identifiers_sort_by_their_moment_and_never_repeat() -> None:
    clock = ShiftedClock()
    made = []
    for _ in range(500):
        clock.shift += timedelta(milliseconds=2)
        made.append(clock.new_id())
    assert made == sorted(made)
    assert len({Fixed().new_id() for _ in range(2000)}) == 2000


def test_a_shifted_clock_is_seven_days_later_without_waiting() -> None:
    assert ShiftedClock(timedelta(days=7)).now() - Clock().now() > timedelta(days=6, hours=23)
    assert abs(ShiftedClock(timedelta(days=7)).monotonic() - Clock().monotonic()) < 60
