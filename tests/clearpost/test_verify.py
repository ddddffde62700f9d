"""Whoever changes the past is found out over HTTP: by `clearpost verify`, and by the verifier on its own."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailcore.attestation import Signer
from mailcore.keyring import Keyring, write_once
from tests.support.api import World, listening, running_api
from tests.support.forgery import HOUR, VERIFIERS, Forger, Told, verify
from tests.support.services import free_port

# The order of the group that Ed25519 counts in (RFC 8032 section 5.1).
ORDER = 2**252 + 27742317777372353535851937790883648493
SECOND = timedelta(seconds=1)
pytestmark = pytest.mark.parametrize("verifier", VERIFIERS)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def forger(world: World) -> Forger:
    return await Forger.with_history(world)


@pytest.fixture
async def url(world: World, forger: Forger) -> AsyncIterator[str]:
    async with listening(world) as served:
        yield served


@pytest.fixture
async def head(tmp_path: Path) -> Path:
    return tmp_path / "head.json"


async def good(verifier: str, url: str, head: Path | None = None) -> str:
    code, said = await verify(verifier, url, head)
    assert code == 0, said
    assert "ok: statements 1 to " in said
    return said


def kept(head: Path | None) -> str:
    return head.read_text() if head and head.exists() else ""


async def bad(verifier: str, url: str, reason: str, head: Path | None = None) -> None:
    before = kept(head)
    code, said = await verify(verifier, url, head)
    assert (code, "FAILED: " in said) == (1, True), said
    assert reason in said
    assert kept(head) == before, "no bad head is kept"


def looser(told: Told) -> Told:
    return told | {"staff_views": 41}


async def test_an_honest_history_passes_and_its_head_is_kept(
    verifier: str, url: str, head: Path, forger: Forger
) -> None:
    assert "1 to 4" in await good(verifier, url, head)
    newest = (await forger.all())[-1]
    saved = json.loads(kept(head))
    assert (saved["number"], saved["hash"]) == (4, newest.hash)
    assert "1 to 4" in await good(verifier, url, head), "again, and nothing is new"


async def test_the_head_of_one_verifier_is_good_for_the_other(verifier: str, url: str, head: Path) -> None:
    for each in (verifier, *VERIFIERS):
        await good(each, url, head)


async def test_an_edited_text_has_a_bad_signature(verifier: str, url: str, forger: Forger) -> None:
    edited = json.dumps(looser((await forger.told())[1]))
    await forger.execute("update statement set signed = $1 where number = 2", edited)
    await bad(verifier, url, "statement 2 has a bad signature")


async def test_one_that_is_edited_and_signed_again_breaks_the_chain(
    verifier: str, url: str, forger: Forger
) -> None:
    await forger.resign(2, looser)
    await bad(verifier, url, "statement 3 does not follow the one before it")


async def test_the_newest_that_is_edited_and_signed_again_is_not_the_one_that_was_seen(
    verifier: str, url: str, head: Path, forger: Forger
) -> None:
    await good(verifier, url, head)
    await forger.resign(4, looser)
    await bad(verifier, url, "statement 4 is not the one you saw", head)


async def test_a_dropped_one_is_missing(verifier: str, url: str, forger: Forger) -> None:
    await forger.execute("delete from statement where number = 2")
    await bad(verifier, url, "statement 2 is missing")


async def test_a_dropped_first_one_is_missing(verifier: str, url: str, forger: Forger) -> None:
    await forger.execute("delete from statement where number = 1")
    await bad(verifier, url, "statement 1 is missing")


async def test_two_in_each_others_place_are_out_of_order(verifier: str, url: str, forger: Forger) -> None:
    await forger.execute("update statement set number = 5 - number + 10 where number in (2, 3)")
    await forger.execute("update statement set number = number - 10 where number > 10")
    await bad(verifier, url, "statement 2 is missing")


async def test_a_history_rewritten_without_a_flaw_is_a_fork_to_whoever_kept_a_head(
    verifier: str, url: str, head: Path, forger: Forger
) -> None:
    await good(verifier, url, head)
    history = await forger.told()
    await forger.rewrite([history[0], looser(history[1]), *history[2:]])
    await good(verifier, url)
    await bad(verifier, url, "statement 4 is not the one you saw", head)


async def test_a_fork_that_went_on_is_one_too(verifier: str, url: str, head: Path, forger: Forger) -> None:
    history = await forger.told()
    await forger.rewrite(history[:3])
    earlier = history[2]["at"]
    assert earlier < history[3]["at"]
    await good(verifier, url, head)
    await forger.rewrite([looser(each) for each in history])
    await bad(verifier, url, "statement 3 is not the one you saw", head)


async def test_a_history_that_went_back_is_noticed(
    verifier: str, url: str, head: Path, forger: Forger
) -> None:
    await good(verifier, url, head)
    await forger.execute("delete from statement where number = 4")
    await bad(verifier, url, "statement 4 is not the one you saw", head)


async def test_a_backdated_one_is_not_of_a_later_hour(verifier: str, url: str, forger: Forger) -> None:
    second = (await forger.told())[1]["at"]
    await forger.resign(4, lambda told: told | {"at": second})
    await bad(verifier, url, "statement 4 is not of a later hour")


async def test_an_hour_has_no_two(verifier: str, url: str, forger: Forger) -> None:
    history = await forger.told()
    again = history[3] | {"at": history[3]["at"][:-3] + "59Z"}
    await forger.rewrite([*history, again])
    await bad(verifier, url, "statement 5 is not of a later hour")


async def test_one_of_the_future_is_refused(verifier: str, url: str, forger: Forger, world: World) -> None:
    world.clock.step(HOUR)
    await forger.issue()
    await bad(verifier, url, "statement 5 is of the future")


async def test_a_server_that_fell_silent_is_noticed(verifier: str, url: str, forger: Forger) -> None:
    await forger.execute("delete from statement where number > 1")
    await bad(verifier, url, "the newest is too old")


async def test_a_server_without_any_is_noticed(verifier: str, url: str, forger: Forger) -> None:
    await forger.execute("delete from statement")
    await bad(verifier, url, "the newest is too old: there is none" if verifier == "clearpost" else "too old")


async def test_a_key_that_nobody_announced_signs_nothing(
    verifier: str, url: str, head: Path, forger: Forger, tmp_path: Path
) -> None:
    """The server's own list of keys names it; whoever kept a head believes the statements alone."""
    await good(verifier, url, head)
    other = Signer(Keyring(tmp_path / "other"))
    await forger.execute("delete from statement where number = 4")
    await forger.issue(other)
    await bad(verifier, url, "statement 4 is signed by a key that nobody announced")


async def test_a_key_that_was_announced_may_sign_the_next(
    verifier: str, url: str, head: Path, forger: Forger, tmp_path: Path
) -> None:
    await forger.execute("delete from statement where number > 2")
    old, new = (Keyring(tmp_path / name).key("statement").hex() for name in ("old", "new"))
    mine = forger.world.runtime.keyring.key("statement").hex()
    world = forger.world
    world.clock.step(-HOUR)
    await forger.issue(_signer(tmp_path / "both", new, mine))
    world.clock.step(HOUR)
    await forger.issue(_signer(tmp_path / "then", new, old))
    third, fourth = (each.signed.key for each in (await forger.all())[2:])
    assert third != fourth, "the new key stands first, and signs once the old one has named it"
    await good(verifier, url, head)


async def test_a_retired_key_signs_nothing_any_more(
    verifier: str, url: str, forger: Forger, tmp_path: Path
) -> None:
    """Each statement says which keys may sign the next; that it was good once is not enough."""
    await forger.execute("delete from statement where number > 1")
    mine, new = forger.world.runtime.keyring.key("statement").hex(), "11" * 32
    world = forger.world
    world.clock.step(-2 * HOUR)
    await forger.issue(_signer(tmp_path / "both", mine, new))
    world.clock.step(HOUR)
    await forger.issue(_signer(tmp_path / "new", new))
    world.clock.step(HOUR)
    await forger.issue()
    await bad(verifier, url, "is signed by a key that nobody announced")


async def test_a_receipt_is_no_statement(verifier: str, url: str, forger: Forger) -> None:
    await forger.resign(4, lambda told: told, kind="receipt")
    await bad(verifier, url, "statement 4 has a bad signature")


@pytest.mark.parametrize("signature", ["00" * 64, "ff" * 64, "ab", "", "no hex"])
async def test_what_is_no_signature_fails(verifier: str, url: str, forger: Forger, signature: str) -> None:
    await forger.execute("update statement set signature = $1 where number = 4", signature)
    await bad(verifier, url, "")


async def test_a_signature_has_one_form_only(verifier: str, url: str, forger: Forger) -> None:
    """RFC 8032 section 5.1.7: the second half must be less than the order of the group."""
    signature = bytes.fromhex((await forger.all())[3].signed.signature)
    larger = int.from_bytes(signature[32:], "little") + ORDER
    other = signature[:32] + larger.to_bytes(32, "little")
    await forger.execute("update statement set signature = $1 where number = 4", other.hex())
    await bad(verifier, url, "statement 4 has a bad signature")


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"number": 4}'])
async def test_what_is_no_statement_fails(verifier: str, url: str, forger: Forger, text: str) -> None:
    signed = forger.signer.sign("statement", text)
    await forger.execute(
        "update statement set signed = $1, signature = $2 where number = 4", text, signed.signature
    )
    code, _ = await verify(verifier, url)
    assert code in (1, 3), "a server that cannot show its list answers for it"


async def test_hours_in_which_the_service_was_down_are_told_and_pass(
    verifier: str, url: str, forger: Forger, world: World
) -> None:
    await forger.execute("delete from statement where number > 1")
    await forger.issue()
    assert "note: no statement from" in await good(verifier, url)


def hour_start(world: World, hours_ago: int) -> datetime:
    return world.clock.now().replace(minute=0, second=0, microsecond=0) - hours_ago * HOUR


def at(told: Told, moment: datetime) -> Told:
    return told | {"at": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


def note_of(hour: datetime) -> str:
    form = "%Y-%m-%dT%H:00Z"
    return f"note: no statement from {hour.strftime(form)} to {(hour + HOUR).strftime(form)}"


async def test_each_clock_hour_without_one_is_noted(
    verifier: str, url: str, head: Path, forger: Forger, world: World
) -> None:
    """However short the time between two is, and whatever was kept."""
    first, second, *_, last = await forger.told()
    made = [at(first, hour_start(world, 3) + SECOND), at(second, hour_start(world, 1)), last]
    await forger.rewrite(made[:2])
    assert note_of(hour_start(world, 2)) in await good(verifier, url, head)
    await forger.rewrite(made)
    assert "note" not in await good(verifier, url, head), "it was noted"
    assert note_of(hour_start(world, 2)) in await good(verifier, url)


async def test_an_hour_that_is_over_without_one_is_noted_before_the_next_one_comes(
    verifier: str, url: str, forger: Forger, world: World
) -> None:
    first, *_ = await forger.told()
    await forger.rewrite([at(first, hour_start(world, 1) - SECOND)])
    assert note_of(hour_start(world, 1)) in await good(verifier, url)


CANARY = {"number": 2, "sha256": "ab" * 32}


@pytest.mark.parametrize(
    "later", [None, {"number": 1, "sha256": "ab" * 32}, {"number": 2, "sha256": "cd" * 32}]
)
async def test_a_canary_that_went_back_or_was_exchanged_fails(
    verifier: str, url: str, head: Path, forger: Forger, later: Told | None
) -> None:
    history = [told | {"canary": CANARY} for told in await forger.told()]
    await forger.rewrite([*history[:3]])
    await good(verifier, url, head)
    await forger.rewrite([*history[:3], history[3] | {"canary": later}])
    for kept_before in (None, head):
        await bad(verifier, url, "statement 4 changes or drops a canary", kept_before)
    await forger.rewrite([*history[:3], history[3] | {"canary": {"number": 3, "sha256": "cd" * 32}}])
    await good(verifier, url, head)


async def test_a_long_history_comes_in_several_pages(verifier: str, url: str, forger: Forger) -> None:
    history = await forger.told()
    first = history[0]
    world = forger.world
    world.clock.step(-610 * HOUR)
    await forger.execute("delete from statement")
    told = []
    for _ in range(611):
        told.append(first | {"at": world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")})
        world.clock.step(HOUR)
    world.clock.step(-HOUR)
    await forger.rewrite(told)
    assert "1 to 611" in await good(verifier, url)


async def test_a_server_that_is_away_is_told(verifier: str, tmp_path: Path) -> None:
    code, said = await verify(verifier, f"http://127.0.0.1:{free_port()}")
    assert code == (3 if verifier == "clearpost" else 1)
    assert "Traceback" not in said


def _signer(folder: Path, *seeds: str) -> Signer:
    folder.mkdir(mode=0o700)
    (folder / "statement.key").write_text("".join(f"{seed}\n" for seed in seeds))
    return Signer(Keyring(folder))


@pytest.mark.parametrize("text", ["[]", "{}", "", "7", "no json", '{"number": 1}', '{"number": "x"}'])
async def test_a_file_that_is_no_head_is_told(verifier: str, url: str, tmp_path: Path, text: str) -> None:
    head = tmp_path / "statement.key"
    write_once(head, text.encode())
    code, said = await verify(verifier, url, head)
    assert code == (2 if verifier == "clearpost" else 1)
    assert "holds no head of statements" in said
    assert "Error" not in said
