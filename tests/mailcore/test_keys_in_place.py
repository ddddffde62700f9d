"""A key volume that is not mounted: nothing starts, and no key is made in its place."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from mailcore import keys_in_place
from mailcore.keys_in_place import KeysAway
from mailcore.plans import Lane
from mailcore.runtime import open_runtime
from mailcore.settings import Settings
from mailcore.spool import Spool
from tests.support.ground import SteppedClock


def opened(folder: Path, clock: SteppedClock) -> Spool:
    return Spool.open(folder / "spool", folder / "keys", clock)


def unmounted(folder: Path, clock: SteppedClock) -> Path:
    """A node that has run; its key folder is an empty mount point now, its keys are where this returns."""
    opened(folder, clock).close()
    away = (folder / "keys").rename(folder / "volume")
    (folder / "keys").mkdir(mode=0o700)
    return away


def test_a_first_start_makes_the_folder_and_a_second_finds_it(tmp_path: Path, clock: SteppedClock) -> None:
    keys_in_place.check(tmp_path / "spool", tmp_path / "keys")
    first, second = opened(tmp_path, clock), opened(tmp_path, clock)
    assert first.keys.folder == second.keys.folder
    first.close()
    second.close()


def test_a_spool_of_a_release_before_the_note_is_noted(tmp_path: Path, clock: SteppedClock) -> None:
    opened(tmp_path, clock).close()
    (tmp_path / "spool" / "keys-made").unlink()
    opened(tmp_path, clock).close()
    assert (tmp_path / "spool" / "keys-made").exists()


def test_no_spool_opens_without_its_keys_and_none_are_made(tmp_path: Path, clock: SteppedClock) -> None:
    volume = unmounted(tmp_path, clock)
    with pytest.raises(KeysAway, match="Mount the key folder") as refused:
        opened(tmp_path, clock)
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "keys").iterdir()) == []
    (tmp_path / "keys").rmdir()
    volume.rename(tmp_path / "keys")
    opened(tmp_path, clock).close()


def test_a_refused_start_leaves_the_spool_to_others(tmp_path: Path, clock: SteppedClock) -> None:
    volume = unmounted(tmp_path, clock)
    with pytest.raises(KeysAway):
        opened(tmp_path, clock)
    (tmp_path / "keys").rmdir()
    volume.rename(tmp_path / "keys")
    Spool.open(tmp_path / "spool", tmp_path / "keys", clock, alone=True).close()


def test_where_they_are_lost_for_good_the_removed_note_is_the_way_on(
    tmp_path: Path, clock: SteppedClock
) -> None:
    unmounted(tmp_path, clock)
    with pytest.raises(KeysAway, match=str(tmp_path / "spool" / "keys-made")):
        opened(tmp_path, clock)
    (tmp_path / "spool" / "keys-made").unlink()
    opened(tmp_path, clock).close()
    assert (tmp_path / "spool" / "keys-made").exists()


async def test_a_process_without_them_makes_no_other_key_either(
    database_url: str, tmp_path: Path, clock: SteppedClock
) -> None:
    unmounted(tmp_path, clock)
    settings = Settings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        spool_dir=tmp_path / "spool",
        key_dir=tmp_path / "keys",
    )
    with pytest.raises(KeysAway):
        async with open_runtime(settings, role="worker", lane=Lane.STANDARD):
            raise AssertionError("it started")
    assert list((tmp_path / "keys").iterdir()) == []
