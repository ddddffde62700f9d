"""Keys of the log: durable before use, destroyed on time, out of every memory soon after."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from mailcore.log_key_files import LogKeyFiles, hour_of
from mailcore.log_keys import LogKeys
from tests.support.ground import SteppedClock

WEEK = timedelta(days=7)
ACCOUNT, OTHER = UUID(int=1), UUID(int=2)
HOUR = datetime(2026, 11, 22, 14, tzinfo=UTC)


@pytest.fixture
def clock() -> SteppedClock:
    clock = SteppedClock()
    clock.jump(HOUR + timedelta(minutes=30) - clock.now())
    return clock


@pytest.fixture
def keys(tmp_path: Path, clock: SteppedClock) -> LogKeys:
    return LogKeys(tmp_path, clock, WEEK)


async def written(keys: LogKeys, account: UUID = ACCOUNT, at: datetime = HOUR) -> bytes | None:
    [key] = await keys.to_write([(account, at)])
    return key.hashing if key else None


async def read(keys: LogKeys, account: UUID = ACCOUNT, at: datetime = HOUR) -> bytes | None:
    key = (await keys.to_read([(account, at)])).of(account, at)
    return key.hashing if key else None


async def test_a_key_is_made_when_first_written_under_and_another_process_reads_it(
    keys: LogKeys, tmp_path: Path, clock: SteppedClock
) -> None:
    assert await read(keys) is None
    made = await written(keys, at=HOUR + timedelta(minutes=59))
    assert made
    assert await read(LogKeys(tmp_path, clock, WEEK)) == made
    assert await written(LogKeys(tmp_path, clock, WEEK)) == made
    assert await written(keys, OTHER) != made
    assert await written(keys, at=HOUR - timedelta(hours=1)) != made


async def test_files_lie_in_folders_for_their_owner_only(keys: LogKeys, tmp_path: Path) -> None:
    await written(keys)
    for path in (tmp_path / "hours/20261122T14.key", tmp_path / f"accounts/{ACCOUNT}.key"):
        assert path.stat().st_size == 32
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_two_processes_that_make_one_at_once_agree(tmp_path: Path, clock: SteppedClock) -> None:
    made = await asyncio.gather(*(written(LogKeys(tmp_path, clock, WEEK)) for _ in range(8)))
    assert len(set(made)) == 1


async def test_an_hour_is_destroyed_a_retention_after_its_end_and_not_before(
    keys: LogKeys, tmp_path: Path, clock: SteppedClock
) -> None:
    await written(keys)
    clock.jump(WEEK + timedelta(minutes=30) - timedelta(seconds=2))
    assert await keys.destroy_hours() == 0
    assert await read(keys)
    clock.jump(timedelta(seconds=3))
    other = LogKeys(tmp_path, clock, WEEK)
    assert await keys.destroy_hours() + await other.destroy_hours() == 1
    assert await read(keys) is None
    assert keys.files.hours() == []


def test_the_key_is_overwritten_in_place_before_its_name_goes(tmp_path: Path) -> None:
    files = LogKeyFiles(tmp_path)
    files.hour(HOUR, make=True)
    files.account(ACCOUNT, make=True)
    names = (f"hours/{HOUR:%Y%m%dT%H}.key", f"accounts/{ACCOUNT}.key")
    held = [os.open(tmp_path / name, os.O_RDONLY) for name in names]
    assert files.destroy_hour(HOUR)
    assert files.erase_account(ACCOUNT)
    assert not files.destroy_hour(HOUR)
    assert not files.erase_account(ACCOUNT)
    assert [os.pread(each, 32, 0) for each in held] == [bytes(32), b""]
    for each in held:
        os.close(each)


async def test_no_key_is_made_for_an_hour_that_is_past(keys: LogKeys) -> None:
    assert await written(keys, at=HOUR - WEEK - timedelta(hours=1)) is None
    assert keys.files.hours() == []


async def test_an_erased_account_gets_no_key_again_until_it_is_forgotten(keys: LogKeys) -> None:
    assert await written(keys)
    assert await keys.erase(ACCOUNT)
    assert await written(keys) is None
    assert await keys.of_account(ACCOUNT, make=True) is None
    assert not await keys.erase(ACCOUNT)
    assert keys.files.accounts() == [ACCOUNT]
    keys.files.forget_account(ACCOUNT)
    assert keys.files.accounts() == []


def test_the_empty_file_of_an_erased_account_is_not_written_again(tmp_path: Path) -> None:
    files = LogKeyFiles(tmp_path)
    files.account(ACCOUNT, make=True)
    assert files.erase_account(ACCOUNT)
    before = (tmp_path / f"accounts/{ACCOUNT}.key").stat()
    assert not files.erase_account(ACCOUNT)
    assert (tmp_path / f"accounts/{ACCOUNT}.key").stat().st_ctime_ns == before.st_ctime_ns


async def test_an_account_that_never_wrote_is_erased_as_well(keys: LogKeys) -> None:
    assert not await keys.erase(ACCOUNT)
    assert await written(keys) is None


async def test_forgetting_leaves_the_key_of_an_account_that_is_there(keys: LogKeys) -> None:
    made = await written(keys)
    keys.files.forget_account(ACCOUNT)
    keys.files.forget_account(OTHER)
    assert await read(keys) == made


async def test_what_another_process_erased_leaves_memory_within_ten_minutes(
    keys: LogKeys, tmp_path: Path, clock: SteppedClock
) -> None:
    await written(keys)
    await keys.of_account(ACCOUNT)
    await LogKeys(tmp_path, clock, WEEK).erase(ACCOUNT)
    assert await read(keys), "known from before"
    clock.step(300)
    assert await read(keys) is None
    assert await keys.of_account(ACCOUNT) is None
    keys.forget()
    assert not keys._rows
    assert not keys._accounts


@pytest.mark.parametrize("content", [b"", b"short", bytes(32), b"x" * 33])
async def test_a_damaged_key_is_none_and_nothing_is_raised(
    keys: LogKeys, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "accounts").mkdir()
    (tmp_path / f"accounts/{ACCOUNT}.key").write_bytes(content)
    assert await written(keys) is None
    assert await read(keys) is None


async def test_a_folder_where_nothing_can_be_written_fails_no_mail(
    tmp_path: Path, clock: SteppedClock
) -> None:
    (tmp_path / "keys").write_text("a file where the folder was")
    keys = LogKeys(tmp_path / "keys", clock, WEEK)
    assert await written(keys) is None
    assert await read(keys) is None
    assert await keys.of_all_hours(ACCOUNT) == []


@pytest.fixture
def hangs(tmp_path: Path) -> Iterator[Path]:
    """The file of ACCOUNT's key, which nobody gets to the end of before it is written to."""
    path = tmp_path / f"accounts/{ACCOUNT}.key"
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)
    yield path
    let_go(path)


def let_go(path: Path) -> None:
    """Whoever reads sees its end; whoever comes later finds no file that hangs."""
    with suppress(FileNotFoundError):
        writer = os.open(path, os.O_RDWR)
        path.unlink()
        os.close(writer)


async def test_mail_does_not_wait_for_a_disk_that_hangs(keys: LogKeys, hangs: Path) -> None:
    missing = counted()
    async with asyncio.timeout(4):
        assert await written(keys) is None
    async with asyncio.timeout(0.5):  # it is known to hang
        assert await written(keys) is None
        assert await written(keys, OTHER) is None
    assert counted() == missing + 3
    let_go(hangs)
    assert keys._hanging
    await keys._hanging
    await written(keys)  # which finds that the file is gone
    assert await written(keys)
    assert await written(keys, OTHER)


async def test_known_keys_are_used_while_the_disk_hangs(keys: LogKeys, hangs: Path) -> None:
    assert await written(keys, OTHER)
    assert await written(keys) is None
    assert await written(keys, OTHER)


def counted() -> float:
    return REGISTRY.get_sample_value("clearpost_log_keys_missing_total") or 0.0


async def test_keys_of_accounts_are_made_ahead_where_there_is_none(keys: LogKeys, tmp_path: Path) -> None:
    made = await written(keys)
    third = UUID(int=3)
    await keys.erase(third)
    assert await keys.make_ahead([ACCOUNT, OTHER, third]) == 1
    assert await keys.make_ahead([ACCOUNT, OTHER, third]) == 0
    assert sorted(keys.files.accounts()) == [ACCOUNT, OTHER, third]
    assert await written(keys) == made
    assert (tmp_path / f"accounts/{OTHER}.key").stat().st_size == 32
    assert (tmp_path / f"accounts/{third}.key").stat().st_size == 0


async def test_a_lost_key_is_made_anew_for_what_comes(
    keys: LogKeys, tmp_path: Path, clock: SteppedClock
) -> None:
    was = await written(keys)
    (tmp_path / f"accounts/{ACCOUNT}.key").unlink()
    clock.step(300)
    await written(keys)
    assert await written(keys) not in (None, was)


async def test_all_hours_of_an_account_are_found(keys: LogKeys) -> None:
    made = {await written(keys, at=HOUR - timedelta(hours=hours)) for hours in (0, 1, 100)}
    assert {key.hashing for key in await keys.of_all_hours(ACCOUNT)} == made
    assert await keys.of_all_hours(OTHER) == []


def test_other_files_in_the_folders_are_nobody_s_keys(tmp_path: Path) -> None:
    files = LogKeyFiles(tmp_path)
    assert files.hours() == []
    assert files.accounts() == []
    files.hour(HOUR, make=True)
    files.account(ACCOUNT, make=True)
    for name in ("hours/note.key", "hours/2026.key", "accounts/note.key", "accounts/x.txt"):
        (tmp_path / name).write_bytes(b"")
    assert files.hours() == [HOUR]
    assert files.accounts() == [ACCOUNT]


def test_an_hour_begins_in_utc() -> None:
    berlin = datetime.fromisoformat("2026-07-01T00:30:00.5+02:00")
    assert hour_of(berlin) == datetime(2026, 6, 30, 22, tzinfo=UTC)
