"""TLS of the mx: a certificate of its own where none is given, a renewed one at once, nothing below 1.2."""

import asyncio
import resource
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from mailcore.certificates import Certificate, Pair, load
from mailcore.clock import Clock
from mailcore.keyring import Keyring
from mailcore.settings import Settings
from tests.support.ground import SteppedClock
from tests.support.pairs import make_pair, only, pem_of, put

MISMATCH = "the key is not the certificate's"
NO_PEM = "not a PEM certificate with its private key, which must have no password"


class Files:
    """The two files of the settings, and a certificate that reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate, self.key = folder / "full.pem", folder / "key.pem"
        self.clock = SteppedClock()
        self.settings = Settings(
            _env_file=None, key_dir=folder, tls_certificate=self.certificate, tls_key=self.key
        )

    def put(self, pair: tuple[bytes, bytes]) -> None:
        put(self.certificate, pair[0])
        put(self.key, pair[1])

    async def serial(self, served: Certificate) -> int:
        """Of the certificate that a handshake shows, a moment later."""
        self.clock.step(1.0)
        return await serial_of(served.context())


async def serial_of(server: ssl.SSLContext, trusting: ssl.SSLContext | None = None) -> int:
    """In memory: only the handshake is looked at."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = (trusting or only(ssl.TLSVersion.TLSv1_3)).wrap_bio(to_client, to_server)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for step in (client.do_handshake, other.do_handshake) * 3:
        with_patience(step)
    shown = client.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown).serial_number


def with_patience(step: Callable[[], None]) -> None:
    try:
        step()
    except ssl.SSLWantReadError:
        return


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.put(make_pair(1))
    return made


# --- without files of the settings ---


def test_a_certificate_is_made_once_and_kept(tmp_path: Path) -> None:
    Keyring(tmp_path)
    settings = Settings(key_dir=tmp_path, hostname="mx.example.test")
    Certificate(settings, Clock())
    first = (tmp_path / "tls.pem").read_bytes()
    Certificate(settings, Clock())
    assert (tmp_path / "tls.pem").read_bytes() == first
    assert (tmp_path / "tls.pem").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["tls.pem"]
    names = x509.load_pem_x509_certificate(first).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["mx.example.test"]


async def test_nothing_below_tls_1_2_is_spoken(tmp_path: Path) -> None:
    served = Certificate(Settings(key_dir=tmp_path), Clock()).context()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert await serial_of(served, only(version))
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        await serial_of(served, only(ssl.TLSVersion.TLSv1_1))


# --- with them ---


async def test_files_of_the_settings_come_first(files: Files) -> None:
    assert await files.serial(Certificate(files.settings, files.clock)) == 1
    assert not (files.folder / "tls.pem").exists()


async def test_a_renewed_pair_is_taken_without_a_restart(files: Files) -> None:
    served = Certificate(files.settings, files.clock)
    assert await files.serial(served) == 1
    before = served.context()
    files.put(make_pair(2, days=30))
    assert await files.serial(served) == 2
    assert await serial_of(before) == 1, "who has begun with the old one goes on with it"
    assert served.state.expires_at - files.clock.now() < timedelta(days=31)
    assert served.state.fault == ""


async def test_the_files_are_looked_at_once_a_second_at_most(files: Files) -> None:
    served = Certificate(files.settings, files.clock)
    files.put(make_pair(2))
    assert await serial_of(served.context()) == 1
    files.clock.step(0.9)
    assert await serial_of(served.context()) == 1
    files.clock.step(0.1)
    assert await serial_of(served.context()) == 2


@pytest.mark.parametrize("key_first", [False, True])
async def test_a_pair_between_its_two_steps_does_not_matter(files: Files, key_first: bool) -> None:
    served = Certificate(files.settings, files.clock)
    certificate, key = make_pair(2)
    steps = [(files.certificate, certificate), (files.key, key)]
    for path, octets in steps[::-1] if key_first else steps:
        assert await files.serial(served) == 1
        put(path, octets)
    assert await files.serial(served) == 2
    assert (served.state.fault, served.state.fault_since) == ("", None)


@pytest.mark.parametrize("octets", [b"", b"no PEM at all", make_pair(3)[0][:300], make_pair(3)[1]])
async def test_a_broken_certificate_keeps_the_old_one(files: Files, octets: bytes) -> None:
    served = Certificate(files.settings, files.clock)
    put(files.certificate, octets)
    assert await files.serial(served) == 1
    assert served.state.fault in (NO_PEM, MISMATCH)
    assert served.state.fault_since
    put(files.certificate, make_pair(4)[0])
    assert await files.serial(served) == 1
    assert served.state.fault == MISMATCH
    files.put(make_pair(5))
    assert await files.serial(served) == 5
    assert served.state.fault == ""


class Counted(type(Path())):  # type: ignore[misc]
    """A path that counts how often a file is asked for by it."""

    asked = 0

    def __fspath__(self) -> str:
        Counted.asked += 1
        return str(self)


@pytest.mark.parametrize("fault", ["", MISMATCH, NO_PEM, "No such file or directory"])
async def test_files_that_stay_as_they_are_are_not_loaded_again(files: Files, fault: str) -> None:
    paths = {"tls_certificate": Counted(files.certificate), "tls_key": Counted(files.key)}
    served = Certificate(files.settings.model_copy(update=paths), files.clock)
    if fault == MISMATCH:
        put(files.key, make_pair(2)[1])
    elif fault == NO_PEM:
        put(files.certificate, b"no PEM")
    elif fault:
        files.key.unlink()
    await files.serial(served)
    assert served.state.fault == fault
    before = Counted.asked
    for _ in range(3):
        assert await files.serial(served) == 1
    assert Counted.asked - before == 3 * 2, "each is looked at, neither is opened"
    assert served.state.fault == fault
    files.put(make_pair(3))
    assert await files.serial(served) == 3


async def test_a_fault_that_is_not_of_the_files_is_tried_again(files: Files) -> None:
    served = Certificate(files.settings, files.clock)
    files.put(make_pair(2))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    files.clock.step(1.0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        served.context()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert served.state.fault == "Too many open files"
    assert await files.serial(served) == 2


async def test_a_file_that_is_gone_keeps_the_old_one_until_it_is_back(files: Files) -> None:
    served = Certificate(files.settings, files.clock)
    files.key.unlink()
    assert await files.serial(served) == 1
    assert served.state.fault == "No such file or directory"
    files.put(make_pair(2))
    assert await files.serial(served) == 2


async def test_the_same_files_put_back_end_the_fault(files: Files) -> None:
    served = Certificate(files.settings, files.clock)
    files.key.rename(files.folder / "away")
    assert await files.serial(served) == 1
    assert served.state.fault
    (files.folder / "away").rename(files.key)
    assert await files.serial(served) == 1
    assert (served.state.fault, served.state.fault_since) == ("", None)


async def test_files_written_over_in_place_are_seen_too(files: Files) -> None:
    served = Certificate(files.settings, files.clock)
    certificate, key = make_pair(2)
    files.certificate.write_bytes(certificate)
    files.key.write_bytes(key)
    assert await files.serial(served) == 2


async def test_links_that_lead_to_a_new_pair_are_followed(files: Files) -> None:
    live = files.folder / "live"
    for version in (1, 2):
        archive = files.folder / f"archive{version}"
        archive.mkdir()
        certificate, key = make_pair(10 + version)
        (archive / "full.pem").write_bytes(certificate)
        (archive / "key.pem").write_bytes(key)
    live.symlink_to(files.folder / "archive1")
    settings = files.settings.model_copy(
        update={"tls_certificate": live / "full.pem", "tls_key": live / "key.pem"}
    )
    served = Certificate(settings, files.clock)
    assert await files.serial(served) == 11
    live.unlink()
    live.symlink_to(files.folder / "archive2")
    assert await files.serial(served) == 12


async def test_a_fault_is_told_once_without_what_is_in_the_files(files: Files) -> None:
    served = Certificate(files.settings, files.clock)
    with capture_logs() as told:
        put(files.key, b"-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
        for _ in range(3):
            assert await files.serial(served) == 1
        files.put(make_pair(2))
        assert await files.serial(served) == 2
    assert [line["event"] for line in told] == ["certificate_not_taken", "certificate_taken"]
    assert "secret" not in str(told)


async def test_with_files_that_never_worked_an_mx_serves_its_own_until_they_do(tmp_path: Path) -> None:
    files = Files(tmp_path)
    Keyring(tmp_path)
    files.put((make_pair(1)[0], make_pair(2)[1]))
    served = Certificate(files.settings, files.clock)
    own = x509.load_pem_x509_certificate((tmp_path / "tls.pem").read_bytes()).serial_number
    assert await files.serial(served) == own
    assert served.state.fault == MISMATCH
    files.put(make_pair(3))
    assert await files.serial(served) == 3


def test_a_key_that_is_locked_asks_no_terminal_for_its_password(tmp_path: Path) -> None:
    files = Files(tmp_path)
    locked = pem_of(ec.generate_private_key(ec.SECP256R1()), b"a password")
    files.put((make_pair(1)[0], locked))
    assert load(files.certificate, files.key) == NO_PEM


def test_a_pair_tells_when_it_ends(files: Files) -> None:
    pair = load(files.certificate, files.key)
    assert isinstance(pair, Pair)
    assert timedelta(days=89) < pair.expires_at - Clock().now() < timedelta(days=91)


async def test_handshakes_amid_renewals_always_see_a_whole_pair(files: Files) -> None:
    served = Certificate(files.settings, files.clock)

    def renew() -> None:
        for serial in range(2, 40):
            files.put(make_pair(serial))

    renewing = asyncio.create_task(asyncio.to_thread(renew))
    seen = [await files.serial(served)]
    while not renewing.done():
        seen.append(await files.serial(served))
        await asyncio.sleep(0)
    await renewing
    seen.append(await files.serial(served))
    assert seen == sorted(seen)
    assert seen[-1] == 39
