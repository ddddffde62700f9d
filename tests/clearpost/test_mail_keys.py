"""`clearpost doctor` on the keys of waiting mail: lost, cut short, read-only, or well."""

from pathlib import Path

import pytest

from clearpost.checks import mail_keys
from mailcore.settings import Settings
from mailcore.spool import Spool
from mailcore.spool_record import Location
from tests.support.ground import SteppedClock
from tests.support.spools import entry, writer_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, spool_dir=tmp_path / "spool", key_dir=tmp_path / "keys")


def waiting(settings: Settings) -> tuple[Spool, Location]:
    """A spool with three messages, and where the last one lies."""
    clock = SteppedClock()
    spool = Spool.open(settings.spool_dir, settings.key_dir, clock)
    writer = writer_of(spool, clock)
    location = writer.append([entry(clock) for _ in range(3)])[-1]
    return spool, location


def test_before_the_first_start_there_is_nothing_to_say(settings: Settings) -> None:
    assert mail_keys.check(settings) == []


def test_segments_with_their_keys_are_well(settings: Settings) -> None:
    spool, _ = waiting(settings)
    (finding,) = mail_keys.check(settings)
    assert (finding.state, finding.what) == ("ok", "1 segments of waiting mail have their keys")
    spool.close()


@pytest.mark.parametrize("left", [None, 0, 95])
def test_keys_that_are_lost_or_cut_short_fail_with_what_to_do(settings: Settings, left: int | None) -> None:
    spool, location = waiting(settings)
    path = spool.keys.path(location.segment)
    if left is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:left])
    (finding,) = mail_keys.check(settings)
    assert finding.state == "fail"
    assert "queue release" in finding.mend
    spool.close()


def test_keys_that_are_not_mounted_fail_although_nothing_waits(settings: Settings) -> None:
    Spool.open(settings.spool_dir, settings.key_dir, SteppedClock()).close()
    settings.key_dir.rename(settings.key_dir.with_name("volume"))
    (finding,) = mail_keys.check(settings)
    assert finding.state == "fail"
    assert "Mount the key folder" in finding.mend
    assert not settings.key_dir.exists()


def test_a_segment_that_is_reclaimed_lacks_nothing(settings: Settings) -> None:
    spool, location = waiting(settings)
    spool.keys.path(location.segment).unlink()
    spool.path(location.segment).unlink()
    (finding,) = mail_keys.check(settings)
    assert finding.state == "ok"
    spool.close()
