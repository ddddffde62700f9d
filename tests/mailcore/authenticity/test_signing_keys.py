"""Keys that we sign with: made once, durable and private, and chosen anew while processes run."""

import shutil
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from structlog.testing import capture_logs

from mailcore.authenticity.public_keys import PublicKey, read_record
from mailcore.authenticity.signing_keys import Damaged, KeyFolder, SigningKeys, load, strings_of
from tests.support.ground import SteppedClock

DOMAIN = "clearpost.test"


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path)


def test_the_first_key_of_a_domain_signs_and_is_private(folder: KeyFolder, tmp_path: Path) -> None:
    assert folder.ensure(DOMAIN)
    (key,) = folder.keys(DOMAIN)
    assert folder.signing(DOMAIN) == key.selector
    assert key.private.key_size == 2048
    files = [path for path in (tmp_path / "dkim").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {f"{key.selector}.pem", "signing"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "dkim" / DOMAIN).stat().st_mode) == 0o700


def test_it_is_made_once_however_many_processes_start(folder: KeyFolder, tmp_path: Path) -> None:
    made = []
    starts = [
        threading.Thread(target=lambda: made.append(KeyFolder(tmp_path).ensure(DOMAIN))) for _ in range(4)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert sorted(made) == [False, False, False, True]
    assert len(folder.keys(DOMAIN)) == 1


def test_the_record_is_what_a_verifier_reads(folder: KeyFolder) -> None:
    folder.ensure(DOMAIN)
    (key,) = folder.keys(DOMAIN)
    found = read_record(key.record)
    assert isinstance(found, PublicKey)
    assert isinstance(found.key, RSAPublicKey)
    found.key.verify(key.sign(b"text"), b"text", PKCS1v15(), SHA256())
    assert key.record_name == f"{key.selector}._domainkey.{DOMAIN}"


def test_a_record_is_published_in_strings_of_255_octets(folder: KeyFolder) -> None:
    folder.ensure(DOMAIN)
    strings = strings_of(folder.keys(DOMAIN)[0].record)
    assert [len(part) <= 255 for part in strings] == [True, True]
    assert "".join(strings) == folder.keys(DOMAIN)[0].record


def test_a_second_key_does_not_sign_before_it_is_chosen(folder: KeyFolder) -> None:
    first, second = folder.make(DOMAIN), folder.make(DOMAIN)
    assert folder.signing(DOMAIN) == first != second
    folder.use(DOMAIN, second)
    assert folder.signing(DOMAIN) == second
    assert [key.selector for key in folder.keys(DOMAIN)] == [first, second]


def test_the_key_that_signs_is_not_deleted(folder: KeyFolder) -> None:
    first, second = folder.make(DOMAIN), folder.make(DOMAIN)
    with pytest.raises(ValueError, match="it signs"):
        folder.retire(DOMAIN, first)
    folder.retire(DOMAIN, second)
    assert [key.selector for key in folder.keys(DOMAIN)] == [first]


def test_a_key_that_is_not_there_is_not_chosen(folder: KeyFolder) -> None:
    first = folder.make(DOMAIN)
    with pytest.raises(OSError, match="No such file"):
        folder.use(DOMAIN, "cp0000000000")
    assert folder.signing(DOMAIN) == first


@pytest.mark.parametrize("domain", ["..", "a/b.test", "../x.test", "", "single"])
def test_a_domain_never_leads_out_of_the_folder(folder: KeyFolder, domain: str) -> None:
    with pytest.raises(ValueError, match="no domain"):
        folder.make(domain)


def test_a_selector_never_leads_out_of_the_folder(folder: KeyFolder) -> None:
    with pytest.raises(ValueError, match="no selector"):
        folder.use(DOMAIN, "../other.test/cp1")


def test_a_running_process_takes_the_new_key_within_a_second(folder: KeyFolder) -> None:
    clock = SteppedClock()
    keys = SigningKeys(folder, clock)
    first, second = folder.make(DOMAIN), folder.make(DOMAIN)
    before = keys.signing(DOMAIN)
    assert before is not None
    assert before.selector == first
    folder.use(DOMAIN, second)
    assert keys.signing(DOMAIN) is before  # not looked at each time
    clock.step(1.0)
    after = keys.signing(DOMAIN)
    assert after is not None
    assert after.selector == second
    clock.step(1.0)
    assert keys.signing(DOMAIN) is after  # loaded once


def test_what_cannot_be_read_leaves_the_old_key_in_force_and_is_told_once(folder: KeyFolder) -> None:
    clock = SteppedClock()
    keys = SigningKeys(folder, clock)
    folder.make(DOMAIN)
    before = keys.signing(DOMAIN)
    broken = folder.file(DOMAIN, "broken")
    broken.write_bytes(b"-----BEGIN PRIVATE KEY-----\nsecret\n")
    folder.state_file(DOMAIN).write_text("broken\n")
    with capture_logs() as logged:
        for _ in range(3):
            clock.step(1.0)
            assert keys.signing(DOMAIN) is before
    assert [line["event"] for line in logged] == ["signing_key_not_taken"]
    assert "secret" not in str(logged)


def test_without_a_key_there_is_none(folder: KeyFolder) -> None:
    assert SigningKeys(folder, SteppedClock()).signing(DOMAIN) is None


@pytest.mark.parametrize("domain", ["example.org", "single", "", "..", "a/b.test", "192.0.2.1", "\0.test"])
def test_a_domain_that_is_none_of_ours_is_neither_told_nor_kept(folder: KeyFolder, domain: str) -> None:
    clock = SteppedClock()
    keys = SigningKeys(folder, clock)
    folder.make(DOMAIN)
    with capture_logs() as logged:
        for _ in range(2):
            assert keys.signing(domain) is None
            clock.step(1.0)
    assert logged == []
    assert keys.kept == 0
    assert keys.signing(DOMAIN)
    assert keys.kept == 1


def test_a_first_key_made_meanwhile_is_taken(folder: KeyFolder) -> None:
    keys = SigningKeys(folder, SteppedClock())
    assert keys.signing(DOMAIN) is None
    folder.make(DOMAIN)
    assert keys.signing(DOMAIN)


def test_a_folder_that_nobody_can_look_into_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "dkim").symlink_to("x" * 256)  # no name is that long: OSError, whoever looks
    keys = SigningKeys(KeyFolder(tmp_path), SteppedClock())
    with capture_logs() as logged:
        assert [keys.signing(domain) for domain in ("a.test", "b.test")] == [None, None]
    assert [line["event"] for line in logged] == ["signing_key_not_taken"]
    assert keys.kept == 0


def test_files_that_hold_no_key_do_not_hide_those_that_do(folder: KeyFolder, tmp_path: Path) -> None:
    selector = folder.make(DOMAIN)
    folder.file(DOMAIN, "garbage").write_bytes(b"no key")
    (tmp_path / "dkim" / DOMAIN / "Not a selector.pem").write_bytes(
        folder.file(DOMAIN, selector).read_bytes()
    )
    assert [key.selector for key in folder.keys(DOMAIN)] == [selector]
    damaged = [found.path.stem for found in folder.entries(DOMAIN) if isinstance(found, Damaged)]
    assert sorted(damaged) == ["Not a selector", "garbage"]


def test_a_folder_with_a_key_copied_from_another_machine_needs_nothing_more(
    folder: KeyFolder, tmp_path: Path
) -> None:
    folder.make(DOMAIN)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(tmp_path / "dkim", other / "dkim")
    copied = SigningKeys(KeyFolder(other), SteppedClock()).signing(DOMAIN)
    ours = SigningKeys(folder, SteppedClock()).signing(DOMAIN)
    assert copied is not None
    assert ours is not None
    assert copied.record == ours.record
    assert not KeyFolder(other).ensure(DOMAIN)


def test_no_error_shows_what_is_in_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n")
    with pytest.raises(ValueError, match="no private key") as caught:
        load(DOMAIN, path)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
