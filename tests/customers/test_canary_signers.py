"""The three who sign: an allowed_signers file that leaves no doubt."""

from pathlib import Path

import pytest

from customers import canary_signers
from customers.canary_signers import Signers
from tests.support.canary_signers import ALICE, BOB, CAROL, MALLORY, Person, signers_file


def test_three_names_with_a_key_each_are_read_with_comments_and_without_options() -> None:
    for options in ("", 'namespaces="clearpost-canary" '):
        text = f"# Who signs\n\n{signers_file(options=options)}"
        found = canary_signers.read(text)
        assert isinstance(found, Signers)
        assert {name: key.line for name, key in found.keys.items()} == {
            each.name: each.line for each in (ALICE, BOB, CAROL)
        }
        assert found.text == "".join(
            f'{each.name} namespaces="clearpost-canary" {each.line}\n' for each in (ALICE, BOB, CAROL)
        )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names 0: 3 people sign"),
        (signers_file(ALICE, BOB), "names 2: 3 people sign"),
        (signers_file(ALICE, BOB, CAROL, MALLORY), "names 4: 3 people sign"),
        (signers_file(ALICE, BOB, BOB), "line 3 of the signers: this name or key stands there already"),
        (signers_file(ALICE, BOB, Person("bob", CAROL.key)), "line 3"),
        (signers_file(ALICE, BOB, Person("dave", BOB.key)), "line 3"),
        (signers_file(options='namespaces="git" '), "kept for other namespaces"),
        (signers_file(options='namespaces="*" '), "kept for other namespaces"),
        (signers_file(options="cert-authority "), "write it as"),
        (signers_file(options='valid-before="20270101" '), "write it as"),
        (signers_file().replace("alice ", "alice,bob "), "write it as"),
        (signers_file().replace("alice ", "* "), "write it as"),
        (signers_file().replace("alice ", "../alice "), "write it as"),
        (signers_file().replace("ssh-ed25519", "ssh-dss"), "'ssh-dss'"),
        (signers_file(ALICE, BOB, Person.named("weak", "rsa-2048")), "2048 bits"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "write it as"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, why: str) -> None:
    found = canary_signers.read(text)
    assert isinstance(found, str)
    assert why in found


def test_a_file_that_is_not_there_is_a_fault_and_no_setting_is_none(tmp_path: Path) -> None:
    assert canary_signers.of(None) is None
    assert "cannot be read (FileNotFoundError)" in str(canary_signers.of(tmp_path / "none"))
    (tmp_path / "file").write_bytes(b"\xff")
    assert "cannot be read" in str(canary_signers.of(tmp_path / "file"))
    (tmp_path / "file").write_text(signers_file())
    assert isinstance(canary_signers.of(tmp_path / "file"), Signers)
