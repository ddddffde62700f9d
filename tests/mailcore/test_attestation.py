"""Whoever has the public key can check what we attest to, and nothing passes for what it is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from mailcore.attestation import Signed, Signer, id_of, is_signed, message
from mailcore.keyring import Keyring

SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
OTHER = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"


def signer_of(folder: Path, *seeds: str) -> Signer:
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "statement.key").write_text("".join(f"{seed}\n" for seed in seeds))
    return Signer(Keyring(folder))


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signer_of(tmp_path / "keys", SEED)


def test_the_key_is_the_seed_of_rfc_8032(signer: Signer) -> None:
    """Section 7.1: the public keys of the first two test vectors."""
    assert signer.public_keys == {id_of(PUBLIC): PUBLIC}


def test_what_was_signed_is_known_by_the_public_key_alone(signer: Signer) -> None:
    signed = signer.sign("receipt", "gone: über alles")
    assert signed.key == id_of(PUBLIC)
    assert is_signed("receipt", signed, {id_of(PUBLIC): PUBLIC})


def test_a_key_is_made_where_there_is_none(tmp_path: Path) -> None:
    first, again = Signer(Keyring(tmp_path / "keys")), Signer(Keyring(tmp_path / "keys"))
    assert is_signed("statement", first.sign("statement", "1"), again.public_keys)


def test_a_receipt_never_passes_for_a_statement(signer: Signer) -> None:
    assert not is_signed("statement", signer.sign("receipt", "text"), signer.public_keys)
    assert message("receipt", "text") != message("statement", "text")


@pytest.mark.parametrize(
    "change",
    [
        {"text": "other"},
        {"signature": "00" * 64},
        {"signature": "00"},
        {"signature": "no hex"},
        {"signature": ""},
        {"key": "0" * 16},
    ],
)
def test_whatever_was_changed_is_not_signed(signer: Signer, change: dict[str, str]) -> None:
    signed = signer.sign("statement", "text")
    assert not is_signed("statement", replace(signed, **change), signer.public_keys)


@pytest.mark.parametrize("key", ["", "zz", "00", "ff" * 32])
def test_what_is_no_public_key_has_signed_nothing(signer: Signer, key: str) -> None:
    signed = signer.sign("statement", "text")
    assert not is_signed("statement", signed, {signed.key: key})


def test_after_a_rotation_the_new_key_signs_and_the_old_one_is_still_known(tmp_path: Path) -> None:
    old = signer_of(tmp_path / "old", SEED).sign("statement", "1")
    rotated = signer_of(tmp_path / "new", OTHER, SEED)
    new = rotated.sign("statement", "2")
    assert list(rotated.public_keys) == [new.key, old.key]
    assert is_signed("statement", old, rotated.public_keys)
    assert is_signed("statement", new, rotated.public_keys)
    assert not is_signed("statement", Signed(old.text, new.key, old.signature), rotated.public_keys)
