"""SSHSIG: what ssh-keygen would take is taken, and nothing beside it. Keys and signatures are made here."""

import base64
from typing import Any

import pytest

from mailcore import sshsig
from mailcore.sshsig import PublicKey, Signature
from tests.support.canary_signers import ALICE, MALLORY, Person, armour, string

TEXT = "We have not been asked.\n"
SPACE = "clearpost-canary"
KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


def read(text: str) -> Signature:
    found = sshsig.read_signature(text)
    assert isinstance(found, Signature), found
    return found


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_by_each_kind_of_key_is_good_for_its_text_only(kind: str, hash_name: str) -> None:
    person = Person.named(kind, kind)
    found = read(person.sign(TEXT, hash_name=hash_name))
    assert found.key.line == person.line
    assert sshsig.fault(found, SPACE, TEXT.encode()) == ""
    assert "was changed" in sshsig.fault(found, SPACE, TEXT.strip().encode())
    assert "was changed" in sshsig.fault(found, SPACE, TEXT.replace("not ", "").encode())


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_for_another_namespace_is_refused(kind: str) -> None:
    found = read(Person.named(kind, kind).sign(TEXT, namespace="git"))
    assert "namespace 'git'" in sshsig.fault(found, SPACE, TEXT.encode())


def test_a_namespace_that_was_swapped_afterwards_is_refused() -> None:
    blob = read(ALICE.sign(TEXT, namespace="clearpost-kanary")).blob
    found = read(armour(blob.replace(b"clearpost-kanary", SPACE.encode())))
    assert found.namespace == SPACE
    assert "was changed" in sshsig.fault(found, SPACE, TEXT.encode())


def test_somebody_elses_key_in_a_signature_is_refused() -> None:
    found = read(MALLORY.sign(TEXT, key=ALICE.blob))
    assert found.key.line == ALICE.line
    assert "was changed" in sshsig.fault(found, SPACE, TEXT.encode())


@pytest.mark.parametrize("scheme", [b"ssh-rsa", b"rsa-sha2-256", b"ssh-ed25519"])
def test_rsa_counts_with_sha_512_only(scheme: bytes) -> None:
    found = read(Person.named("ssh-rsa", "ssh-rsa").sign(TEXT, scheme=scheme))
    assert f"by {scheme.decode()}, not rsa-sha2-512" in sshsig.fault(found, SPACE, TEXT.encode())


@pytest.mark.parametrize(
    ("kind", "why"),
    [("ecdsa-sha2-nistp384", "'ecdsa-sha2-nistp384'"), ("rsa-2048", "2048 bits: at least 3072")],
)
def test_a_key_of_another_kind_or_too_short_is_refused(kind: str, why: str) -> None:
    person = Person.named(kind, kind)
    for found in (sshsig.read_signature(person.sign(TEXT)), sshsig.read_key(*person.line.split()[:2])):
        assert isinstance(found, str)
        assert why in found


def test_a_hardware_key_is_refused_by_its_kind() -> None:
    kind = "sk-ssh-ed25519@openssh.com"
    blob = string(kind.encode()) + string(bytes(32)) + string(b"ssh:")
    for found in (
        sshsig.read_key(kind, base64.b64encode(blob).decode()),
        sshsig.read_signature(ALICE.sign(TEXT, key=blob)),
    ):
        assert isinstance(found, str)
        assert kind in found


@pytest.mark.parametrize(
    "wrong",
    [
        {"magic": b"SSHSIX"},
        {"version": 2},
        {"version": 0},
        {"reserved": b"x"},
        {"behind": b"\0"},
        {"hash_name": "sha1"},
        {"hash_name": "md5"},
    ],
    ids=str,
)
def test_what_the_format_does_not_say_is_damaged(wrong: dict[str, Any]) -> None:
    assert sshsig.read_signature(ALICE.sign(TEXT, **wrong)) == "this SSH signature is damaged"


def test_every_cut_of_a_signature_is_damaged() -> None:
    blob = read(ALICE.sign(TEXT)).blob
    for end in range(len(blob)):
        assert isinstance(sshsig.read_signature(armour(blob[:end])), str)


def test_every_changed_octet_is_noticed() -> None:
    blob = read(ALICE.sign(TEXT)).blob
    for place in range(len(blob)):
        changed = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        found = sshsig.read_signature(armour(changed))
        if isinstance(found, Signature):
            assert sshsig.fault(found, SPACE, TEXT.encode()) or found.key.line != ALICE.line, place


@pytest.mark.parametrize(
    "value",
    [b"", bytes(64), string(b"\1"), string(b"") + string(b""), string(b"\xff") * 2, string(b"\1") * 3],
    ids=repr,
)
def test_numbers_that_are_none_of_the_curve_are_refused(value: bytes) -> None:
    for kind in KINDS:
        found = read(Person.named(kind, kind).sign(TEXT, value=value))
        assert "was changed" in sshsig.fault(found, SPACE, TEXT.encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: f"Hello\n{text}",
        lambda text: f"{text}{text}",
        lambda text: text.replace("SSH", "PGP"),
        lambda text: text.replace("\n", "\n!", 1),
        lambda text: text * 100,
        lambda text: text.replace("END", "BEGIN"),
        lambda text: text.replace("-----BEGIN SSH SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\né"),
    ],
)
def test_what_stands_around_a_signature_is_no_signature(change: Any) -> None:
    assert isinstance(sshsig.read_signature(change(ALICE.sign(TEXT))), str)


def test_a_signature_is_written_as_ssh_keygen_writes_it() -> None:
    text = ALICE.sign(TEXT)
    assert read(text).armoured == text
    assert read(f"\r\n{text}".replace("\n", "\r\n")).armoured == text


def test_a_fingerprint_is_that_of_ssh_keygen() -> None:
    # From OpenSSH's own regress/unittests/sshkey/testdata: ed25519_1.pub and ed25519_1.fp.
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFOG6kY7Rf4UtCFvPwKgo/BztXck2xC4a2WyA34XtIwZ"
    key = sshsig.read_key(*line.split())
    assert isinstance(key, PublicKey)
    assert key.line == line
    assert key.fingerprint == "SHA256:L3k/oJubblSY0lB9Ulsl7emDMnRPKm/8udf2ccwk560"


@pytest.mark.parametrize("encoded", ["", "AAAA", "x", "AAAAC3NzaC1lZDI1NTE5AAAAIFOG6kY7", "é"])
def test_what_is_no_key_is_said_so(encoded: str) -> None:
    assert isinstance(sshsig.read_key("ssh-ed25519", encoded), str)
