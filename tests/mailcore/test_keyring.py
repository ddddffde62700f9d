"""Keys: made once, durable before use, and never from a folder that others can read."""

import threading
from pathlib import Path

import pytest

from mailcore.keyring import Keyring, UnsafeKeyFolder, write_once


def test_a_key_is_made_at_the_first_call_and_stays(tmp_path: Path) -> None:
    key = Keyring(tmp_path / "keys").key("srs")
    assert len(key) == 32
    assert Keyring(tmp_path / "keys").key("srs") == key
    assert Keyring(tmp_path / "keys").key("loop") != key


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    Keyring(tmp_path / "keys").key("srs")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / "srs.key").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_others_can_read_is_refused_with_the_way_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    with pytest.raises(UnsafeKeyFolder, match="chmod 700"):
        Keyring(tmp_path / "keys")


def test_several_lines_are_a_rotation_and_the_first_one_signs(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    (tmp_path / "srs.key").write_text(f"{'aa' * 32}\n{'bb' * 32}\n")
    assert keyring.keys("srs") == (b"\xaa" * 32, b"\xbb" * 32)
    assert keyring.key("srs") == b"\xaa" * 32


def test_what_was_hashed_under_any_of_the_keys_is_found_by_one_of_its_hashes(tmp_path: Path) -> None:
    """RFC 4231 section 4.2: the first test case of HMAC-SHA-256."""
    (tmp_path / "names.key").write_text(f"{'aa' * 32}\n{'0b' * 20}\n")
    signing, older = Keyring(tmp_path).hashes("names", "Hi There")
    assert older == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    assert signing != older


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    seen: list[bytes] = []
    threads = [threading.Thread(target=lambda: seen.append(Keyring(tmp_path).key("srs"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["srs.key"], "no draft is left over"


def test_a_file_is_written_once_and_the_first_one_wins(tmp_path: Path) -> None:
    write_once(tmp_path / "file", b"first")
    write_once(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
