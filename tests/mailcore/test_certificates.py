"""TLS of the mx: a certificate of its own where none is given, one for all processes, nothing below 1.2."""

import ssl
from pathlib import Path

from cryptography import x509

from mailcore.certificates import server_context
from mailcore.clock import Clock
from mailcore.keyring import Keyring
from mailcore.settings import Settings


def test_a_certificate_is_made_once_and_kept(tmp_path: Path) -> None:
    Keyring(tmp_path)
    settings = Settings(key_dir=tmp_path, hostname="mx.example.test")
    server_context(settings, Clock())
    first = (tmp_path / "tls.pem").read_bytes()
    server_context(settings, Clock())
    assert (tmp_path / "tls.pem").read_bytes() == first
    assert (tmp_path / "tls.pem").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["tls.pem"]
    names = x509.load_pem_x509_certificate(first).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["mx.example.test"]


def test_nothing_below_tls_1_2_is_spoken(tmp_path: Path) -> None:
    context = server_context(Settings(key_dir=tmp_path), Clock())
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_of_the_settings_come_first(tmp_path: Path) -> None:
    server_context(Settings(key_dir=tmp_path), Clock())
    pem = tmp_path / "tls.pem"
    other = tmp_path / "other"
    server_context(Settings(key_dir=other, tls_certificate=pem, tls_key=pem), Clock())
    assert not other.exists()
