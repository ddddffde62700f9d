"""A link that we mailed opens what it names, for its purpose and time, and nothing else does."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from customers import signed_links
from mailcore.keyring import Keyring

ID = UUID("0192f0c1-8b1e-7c3a-9d59-2f6f5d0b7a11")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = NOW + timedelta(minutes=15)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "keys")


def test_a_link_names_its_thing_until_its_end(keyring: Keyring) -> None:
    token = signed_links.make(keyring, "sign-in", ID, END)
    assert signed_links.read(keyring, "sign-in", token, NOW) == signed_links.SignedLink(ID, END)
    assert signed_links.read(keyring, "sign-in", token, END - timedelta(seconds=1)) is not None
    assert signed_links.read(keyring, "sign-in", token, END) is None


def test_a_link_of_one_kind_is_none_of_another(keyring: Keyring) -> None:
    token = signed_links.make(keyring, "invitation", ID, END)
    assert signed_links.read(keyring, "sign-in", token, NOW) is None


def test_every_changed_bit_is_noticed(keyring: Keyring) -> None:
    token = signed_links.make(keyring, "sign-in", ID, END)
    raw = base64.urlsafe_b64decode(token + "==")
    for place in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        text = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        assert signed_links.read(keyring, "sign-in", text, NOW) is None, place


@pytest.mark.parametrize("token", ["", "a", "====", "é", "a" * 50, "a" * 5000, "../etc", "\x00"])
def test_what_we_never_made_is_no_link(keyring: Keyring, token: str) -> None:
    assert signed_links.read(keyring, "sign-in", token, NOW) is None


def test_another_servers_key_signs_nothing_here(keyring: Keyring, tmp_path: Path) -> None:
    token = signed_links.make(Keyring(tmp_path / "elsewhere"), "sign-in", ID, END)
    assert signed_links.read(keyring, "sign-in", token, NOW) is None
