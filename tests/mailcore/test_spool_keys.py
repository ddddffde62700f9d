"""Key files: every key is on disk before its use, and a destroyed one is zeros on disk soon after."""

import errno
import os
import stat
from pathlib import Path
from uuid import UUID

import pytest

from mailcore.spool_keys import FIRST_SLOTS, KEY_BYTES, SpoolKeys
from mailcore.spool_record import Gone, KeyLost
from tests.support.ground import SteppedClock
from tests.support.spools import largest_file


@pytest.fixture
def keys(tmp_path: Path, clock: SteppedClock) -> SpoolKeys:
    return SpoolKeys.open(tmp_path / "keys", clock.new_id(), clock)


def test_keys_are_on_disk_when_they_are_handed_out(keys: SpoolKeys, clock: SteppedClock) -> None:
    segment = clock.new_id()
    file = keys.create(segment, FIRST_SLOTS)
    taken = [*file.take(1), *file.take(FIRST_SLOTS), *file.take(5000)]
    assert [slot for slot, _ in taken] == list(range(1 + FIRST_SLOTS + 5000))
    assert len({key for _, key in taken}) == len(taken)
    assert all(keys.read(segment, slot) == key for slot, key in taken)


def test_only_its_owner_may_read_the_key_folder(keys: SpoolKeys, clock: SteppedClock) -> None:
    segment = clock.new_id()
    keys.create(segment, 1).close()
    assert stat.S_IMODE(keys.path(segment).stat().st_mode) == 0o600
    above = (keys.folder, keys.folder.parent, keys.folder.parent.parent)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in above] == [0o700] * 3


def test_a_destroyed_key_is_gone_at_once_and_its_neighbours_stay(
    keys: SpoolKeys, clock: SteppedClock
) -> None:
    segment = clock.new_id()
    taken = keys.create(segment, 3).take(3)
    keys.destroy(segment, [1])
    with pytest.raises(Gone):
        keys.read(segment, 1)
    assert [keys.read(segment, slot) for slot in (0, 2)] == [taken[0][1], taken[2][1]]
    assert taken[1][1] not in keys.path(segment).read_bytes()


def test_destroying_is_counted_once_and_timed_until_it_is_synced(
    keys: SpoolKeys, clock: SteppedClock
) -> None:
    segment = clock.new_id()
    keys.create(segment, 3).close()
    keys.destroy(segment, [0, 1])
    clock.step(2)
    keys.destroy(segment, [1])
    seconds = keys.sync()
    assert len(seconds) == 2
    assert all(2 <= took < 3 for took in seconds)
    keys.destroy(segment, [0])
    assert (keys.sync(), keys.take_count(), keys.take_count()) == ([], 2, 0)


def test_a_key_of_no_file_or_beyond_its_end_is_missing(keys: SpoolKeys, clock: SteppedClock) -> None:
    segment = clock.new_id()
    with pytest.raises(KeyLost):
        keys.read(segment, 0)
    keys.create(segment, 2).close()
    os.truncate(keys.path(segment), 2 * KEY_BYTES - 1)
    with pytest.raises(KeyLost):
        keys.read(segment, 1)
    keys.read(segment, 0)


def test_any_of_many_keys_are_destroyed_and_no_other(keys: SpoolKeys, clock: SteppedClock) -> None:
    segment = clock.new_id()
    taken = keys.create(segment, 20).take(20)
    os.truncate(keys.path(segment), 18 * KEY_BYTES + 7)
    keys.destroy(segment, [7])
    destroyed = [3, 9, 4, 5, 17, 0, 8, 7, 18, 30]
    keys.destroy(segment, destroyed)
    left = keys.path(segment).read_bytes()
    assert len(left) == 18 * KEY_BYTES + 7
    for slot, key in taken[:18]:
        assert left[slot * KEY_BYTES :][:KEY_BYTES] == (bytes(KEY_BYTES) if slot in destroyed else key)
    assert left[18 * KEY_BYTES :] == taken[18][1][:7]
    assert len(keys.sync()) == 8


def test_destroying_where_there_is_no_file_or_slot_does_nothing(keys: SpoolKeys, clock: SteppedClock) -> None:
    segment = clock.new_id()
    keys.destroy(segment, [0])
    keys.create(segment, 1).close()
    keys.destroy(segment, [7])
    assert keys.sync() == []
    assert keys.path(segment).stat().st_size == KEY_BYTES


class Brittle(SpoolKeys):
    """On a disk that does not overwrite while `broken`."""

    broken = True

    def path(self, segment: UUID) -> Path:
        if self.broken:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return super().path(segment)


def test_what_cannot_be_destroyed_now_is_tried_again(tmp_path: Path, clock: SteppedClock) -> None:
    keys = Brittle.open(tmp_path, clock.new_id(), clock)
    keys.broken, segment = False, clock.new_id()
    keys.create(segment, 1).close()
    keys.broken = True
    keys.destroy(segment, [0])
    assert (keys.sync(), keys.failing) == ([], 1)
    keys.broken = False
    clock.step(30)
    (took,) = keys.sync()
    assert took >= 30
    with pytest.raises(Gone):
        keys.read(segment, 0)


def test_what_ends_while_the_folder_is_away_is_destroyed_once_it_is_back(
    keys: SpoolKeys, clock: SteppedClock
) -> None:
    segment = clock.new_id()
    file = keys.create(segment, 2)
    file.take(2)
    away = keys.folder.rename(keys.folder.with_name("away"))
    keys.destroy(segment, [0])
    assert keys.sync() == []
    assert (keys.failing, keys.take_count()) == (1, 0)
    away.rename(keys.folder)
    assert len(keys.sync()) == 1
    assert (keys.failing, keys.take_count()) == (0, 1)
    with pytest.raises(Gone):
        keys.read(segment, 0)
    assert any(keys.read(segment, 1))


def test_a_file_that_cannot_be_filled_leaves_nothing(keys: SpoolKeys, clock: SteppedClock) -> None:
    with largest_file(100), pytest.raises(OSError, match="File too large"):
        keys.create(clock.new_id(), FIRST_SLOTS)
    assert keys.segments() == set()


def test_a_file_that_cannot_grow_keeps_the_keys_it_has(keys: SpoolKeys, clock: SteppedClock) -> None:
    segment = clock.new_id()
    file = keys.create(segment, 2)
    with largest_file(100), pytest.raises(OSError, match="File too large"):
        file.take(3)
    taken = file.take(2)
    assert [keys.read(segment, slot) for slot in (0, 1)] == [key for _, key in taken]
    (later,) = file.take(1)
    assert keys.read(segment, 2) == later[1]


def test_a_file_that_was_removed_hands_out_no_key(keys: SpoolKeys, clock: SteppedClock) -> None:
    """What was sealed under it could never be opened again."""
    segment = clock.new_id()
    file = keys.create(segment, 3)
    file.take(1)
    keys.path(segment).unlink()
    with pytest.raises(FileNotFoundError):
        file.take(1)
    assert file.used == 1


def test_erased_and_unlinked_a_file_is_gone(keys: SpoolKeys, clock: SteppedClock) -> None:
    segment = clock.new_id()
    keys.create(segment, 2).close()
    (keys.folder / "notes.keys").write_text("not ours")
    assert keys.segments() == {segment}
    keys.erase(segment)
    assert not any(keys.path(segment).read_bytes())
    keys.unlink(segment)
    keys.unlink(segment)
    keys.erase(segment)
    assert keys.segments() == set()
