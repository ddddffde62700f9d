"""The stand-alone verifier's Ed25519 is that of RFC 8032, and takes nothing that is not."""

import importlib.util
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.services import ROOT

# RFC 8032 section 7.1: public key, message, signature of tests 1, 2 and 3.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]
Check = Callable[[bytes, bytes, bytes], bool]


@pytest.fixture(scope="module")
def is_signed() -> Check:
    spec = importlib.util.spec_from_file_location("alone", ROOT / "tools" / "verify_statements.py")
    assert spec is not None
    assert spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    check: Check = alone.is_signed
    return check


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_hold_and_none_with_a_bit_changed(
    is_signed: Check, key: str, message: str, signature: str
) -> None:
    told = bytes.fromhex(message), bytes.fromhex(signature), bytes.fromhex(key)
    assert is_signed(*told)
    assert not is_signed(told[0] + b"x", *told[1:])
    for place in (32, 63):
        changed = bytearray(told[1])
        changed[place] ^= 1
        assert not is_signed(told[0], bytes(changed), told[2])


def test_it_agrees_with_the_library(is_signed: Check) -> None:
    for number in range(8):
        private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        message = f"statement {number}".encode() * (number + 1)
        signature, public = private.sign(message), private.public_key().public_bytes_raw()
        assert is_signed(message, signature, public)
        assert not is_signed(message, private.sign(b"other"), public)


@pytest.mark.parametrize(
    "key",
    [
        (2).to_bytes(32, "little"),  # no x belongs to this y
        ((1 << 255) - 19 + 1).to_bytes(32, "little"),  # 1, but not written as RFC 8032 section 5.1.3 asks
        (1 + (1 << 255)).to_bytes(32, "little"),  # x is 0, and said to be odd
        bytes(33),
    ],
)
def test_what_is_no_point_of_the_curve_ends_it(is_signed: Check, key: bytes) -> None:
    with pytest.raises(SystemExit, match="no point of the curve"):
        is_signed(b"", bytes.fromhex(VECTORS[0][2]), key)
