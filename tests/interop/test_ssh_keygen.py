"""The real ssh-keygen: we take what it signs, it takes what we serve, and it refuses what we refuse."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from api.main import serve
from clearpost import canary_commands as commands
from clearpost.ports import free_port
from customers import canary_document as documents
from customers import canary_rules, canary_signers
from customers.canary_document import Fact
from customers.canary_rules import Ground, Signed
from customers.canary_signers import NAMESPACE, Signers
from mailcore import sshsig
from mailcore.clock import Clock
from mailcore.sshsig import Signature
from tests.support.api import World, running_api
from tests.support.canary_signers import (
    ALICE,
    BOB,
    ISSUED,
    MALLORY,
    SERVICE,
    Person,
    canary,
    signers_file,
)
from tests.support.forgery import change
from tests.support.page_steps import follow, steps_of
from tests.support.published import first, minutes_ago, name_signers, next_after, publish

NOW = ISSUED + timedelta(hours=1)
TEXT = documents.write(canary())


def ssh_keygen(*arguments: str | Path, given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["ssh-keygen", *map(str, arguments)], input=given, capture_output=True, text=True, check=False
    )


def make_key(folder: Path, name: str, kind: str, *options: str) -> Path:
    file = folder / name
    made = ssh_keygen("-q", "-t", kind, *options, "-N", "", "-C", f"{name} at home", "-f", file)
    assert made.returncode == 0, made.stderr
    return file


def sign(key: Path, text: str = TEXT, namespace: str = NAMESPACE, *options: str) -> str:
    made = ssh_keygen("-Y", "sign", "-f", key, "-n", namespace, *options, given=text)
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """One of each kind, made by ssh-keygen as it makes them unasked."""
    return {
        "ed25519": make_key(tmp_path, "ed25519", "ed25519"),
        "ecdsa": make_key(tmp_path, "ecdsa", "ecdsa"),
        "rsa": make_key(tmp_path, "rsa", "rsa"),
    }


def signers_of(keys: dict[str, Path]) -> Signers:
    lines = [f"{name} {file.with_suffix('.pub').read_text()}" for name, file in keys.items()]
    found = canary_signers.read("".join(lines))
    assert isinstance(found, Signers), found
    return found


def judge(signers: Signers, *signatures: str, text: str = TEXT) -> Signed | list[str]:
    return canary_rules.judge(text, signatures, signers, Ground(SERVICE, NOW))


# --- it signs, we verify ---


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_what_it_signs_with_each_kind_of_key_is_taken(keys: dict[str, Path], hash_name: str) -> None:
    signers = signers_of(keys)
    made = {name: sign(key, TEXT, NAMESPACE, "-O", f"hashalg={hash_name}") for name, key in keys.items()}
    found = judge(signers, *made.values())
    assert isinstance(found, Signed), found
    assert found.signatures == made, "kept as it wrote them"


def test_a_fingerprint_is_the_one_that_it_says(keys: dict[str, Path]) -> None:
    for name, key in signers_of(keys).keys.items():
        assert ssh_keygen("-l", "-f", keys[name]).stdout.split()[1] == key.fingerprint


def test_what_it_signs_for_another_use_or_of_another_text_is_refused(keys: dict[str, Path]) -> None:
    signers, good = signers_of(keys), sign(keys["rsa"])
    for name in ("ed25519", "ecdsa"):
        for wrong in (sign(keys[name], TEXT, "git"), sign(keys[name], TEXT.strip())):
            assert isinstance(judge(signers, good, wrong), list)


@pytest.mark.parametrize("options", [("ecdsa", "-b", "384"), ("ecdsa", "-b", "521"), ("rsa", "-b", "2048")])
def test_its_keys_of_other_kinds_and_sizes_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    key = make_key(tmp_path, "other", *options)
    assert isinstance(sshsig.read_signature(sign(key)), str)
    assert isinstance(
        canary_signers.read(signers_file(ALICE, BOB) + f"x {key.with_suffix('.pub').read_text()}"), str
    )


# --- we sign as it does, it verifies ---


def verify(
    folder: Path, name: str, signature: str, text: str, signers: str
) -> "subprocess.CompletedProcess[str]":
    (folder / "signers").write_text(signers)
    (folder / "signature").write_text(signature)
    files = ("-f", folder / "signers", "-s", folder / "signature")
    return ssh_keygen("-Y", "verify", "-n", NAMESPACE, "-I", name, *files, given=text)


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_the_vectors_of_our_tests_are_signatures_to_it(tmp_path: Path, kind: str) -> None:
    person = Person.named(f"dave-{kind}", kind)
    served = canary_signers.read(signers_file(ALICE, BOB, person))
    assert isinstance(served, Signers)
    found = verify(tmp_path, person.name, person.sign(TEXT), TEXT, served.text)
    assert found.returncode == 0, found.stderr
    assert f'Good "{NAMESPACE}" signature for {person.name}' in found.stdout
    assert served.keys[person.name].fingerprint in found.stdout


def test_it_refuses_what_we_refuse(tmp_path: Path) -> None:
    served = canary_signers.read(signers_file())
    assert isinstance(served, Signers)
    for signature, text in (
        (ALICE.sign(TEXT), TEXT.replace("sun", "son")),
        (ALICE.sign(TEXT, namespace="git"), TEXT),
        (MALLORY.sign(TEXT), TEXT),
        (MALLORY.sign(TEXT, key=ALICE.blob), TEXT),
        (BOB.sign(TEXT), TEXT),
        (ALICE.sign(TEXT, version=2), TEXT),
        (ALICE.sign(TEXT, behind=b"x"), TEXT),
    ):
        assert verify(tmp_path, "alice", signature, text, served.text).returncode != 0
        read = sshsig.read_signature(signature)
        if isinstance(read, Signature) and served.name_of(read.key) == "alice":
            assert sshsig.fault(read, NAMESPACE, text.encode())


# --- the page ---


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Served on a port, as the page says where."""
    port, ready = free_port(), asyncio.Event()
    url, signers = f"http://127.0.0.1:{port}", tmp_path / "signers"
    async with running_api(
        database_url, tmp_path, web_url=url, api_port=port, canary_signers=signers
    ) as running:
        name_signers(running)
        task = asyncio.create_task(serve(running.runtime.settings, on_ready=ready.set))
        async with asyncio.timeout(10):
            await ready.wait()
        yield running
        task.cancel()
        await asyncio.wait({task})


async def steps(world: World) -> list[str]:
    return list(steps_of((await world.anonymous.get("/canary")).text))


def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "visitor"
    folder.mkdir()
    return folder


async def test_the_steps_of_the_page_verify_it_word_by_word(world: World, tmp_path: Path) -> None:
    one = await publish(world, canary(minutes_ago(world, 100)))
    two = await next_after(world, one)
    said = await follow(await steps(world), empty(tmp_path))
    for person in (ALICE, BOB):
        key = sshsig.read_key(*person.line.split())
        assert not isinstance(key, str)
        assert f'Good "{NAMESPACE}" signature for {person.name} with ED25519 key {key.fingerprint}' in said
    assert documents.write(two) in said
    assert two.previous is not None
    assert said.count(two.previous) == 2, "in the document, and as the hash of the one before"


@pytest.mark.parametrize("edit", ["'2026', '2027'", "'sun', 'son'", "'affirmed', 'not affirmed'"])
async def test_the_steps_fail_where_the_document_was_edited(world: World, tmp_path: Path, edit: str) -> None:
    await first(world)
    typed = await steps(world)
    await change(world, "canary", f"update canary set document = replace(document, {edit})")
    with pytest.raises(AssertionError, match="Could not verify signature"):
        await follow(typed, empty(tmp_path))


async def test_the_steps_fail_with_the_signers_of_somebody_else(world: World, tmp_path: Path) -> None:
    await first(world)
    typed, folder = await steps(world), empty(tmp_path)
    name_signers(world, ALICE, MALLORY, Person("bob", Person.named("dave").key))
    with pytest.raises(AssertionError, match="Could not verify signature"):
        await follow(typed, folder)


# --- the ceremony, as `clearpost canary draft` says it ---


def test_the_draft_is_signed_by_the_commands_that_it_prints(
    tmp_path: Path, keys: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file, signers = tmp_path / "canary-1.json", tmp_path / "allowed_signers"
    signers.write_text("".join(f"{name} {key.with_suffix('.pub').read_text()}" for name, key in keys.items()))
    news = Fact("It snowed.", "https://news.test/", Clock().now().date())
    wish = commands.Wish(news, timedelta(days=30), ())
    assert commands.draft_away(SERVICE, None, file, wish, as_json=False) == 0
    (printed,) = [line for line in capsys.readouterr().out.splitlines() if "ssh-keygen" in line]
    for name in ("ed25519", "rsa"):
        typed = printed.replace("THEIR_KEY", str(keys[name])).replace("NAME", str(tmp_path / name))
        subprocess.run(["bash", "-ec", typed], check=True, capture_output=True)
    signatures = [tmp_path / "ed25519.sig", tmp_path / "rsa.sig"]
    assert commands.check_away(signers, None, file, signatures, as_json=False) == 0
    assert "signed by ed25519 and rsa" in capsys.readouterr().out
