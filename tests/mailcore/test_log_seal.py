"""Sealed fields open under their key, in their row, and nowhere else."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mailcore.log_seal import RowKey, hashed, seal, unseal

ACCOUNT, HOUR = b"a" * 32, b"h" * 32
KEY = RowKey.of(ACCOUNT, HOUR)
FIELDS = ["192.0.2.1", "", 'Größe "x" \N{SNOWMAN}', "Ann <ann@sender.test>"]


def test_what_was_sealed_opens_for_its_row_only() -> None:
    sealed = seal(KEY, b"row 1", FIELDS)
    assert unseal(KEY, b"row 1", sealed) == FIELDS
    assert unseal(KEY, b"row 2", sealed) is None


@pytest.mark.parametrize(
    "other", [RowKey.of(HOUR, ACCOUNT), RowKey.of(ACCOUNT, b"x" * 32), RowKey.of(b"x" * 32, HOUR),
              RowKey.of_account(ACCOUNT)],
)  # fmt: skip
def test_no_other_key_opens_it(other: RowKey) -> None:
    assert unseal(other, b"row", seal(KEY, b"row", FIELDS)) is None


def test_keys_are_derived_as_rfc_5869_says() -> None:
    """The library's HKDF is another implementation: what it derives opens what we sealed."""
    made = HKDF(hashes.SHA256(), length=64, salt=ACCOUNT, info=b"clearpost log row").derive(HOUR)
    assert made[32:] == KEY.hashing
    of_account = HKDF(hashes.SHA256(), length=64, salt=None, info=b"clearpost account").derive(ACCOUNT)
    assert of_account[32:] == RowKey.of_account(ACCOUNT).hashing


def test_a_changed_byte_or_a_short_row_reads_as_not_there() -> None:
    sealed = seal(KEY, b"row", FIELDS)
    for number in range(len(sealed)):
        changed = sealed[:number] + bytes([sealed[number] ^ 1]) + sealed[number + 1 :]
        assert unseal(KEY, b"row", changed) is None
        assert unseal(KEY, b"row", sealed[:number]) is None


def test_lengths_tell_little_and_equal_fields_look_different() -> None:
    lengths = {len(seal(KEY, b"row", ["x" * count])) for count in range(60)}
    assert len(lengths) == 2
    assert seal(KEY, b"row", FIELDS) != seal(KEY, b"row", FIELDS)


def test_hashes_are_equal_within_account_hour_and_label_only() -> None:
    found = hashed(KEY, "alias", "hello@example.org")
    assert len(found) == 16
    assert found == hashed(KEY, "alias", "hello@example.org")
    assert found != hashed(KEY, "untagged", "hello@example.org")
    assert found != hashed(RowKey.of(ACCOUNT, b"x" * 32), "alias", "hello@example.org")


def test_a_key_is_not_shown_by_accident() -> None:
    assert repr(KEY) == "RowKey()"
