"""Whole messages before and after: what goes on top, what is cut, what becomes of From, byte for byte.

The key is one that dkimpy publishes among its own test data, so every signature here can be made again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from json import loads
from pathlib import Path
from typing import Any

import dkim
import pytest

from mailcore.authenticity.signing_keys import KeyFolder, load
from mailcore.authenticity.verdicts import Verdicts
from mailcore.clock import Clock
from mailcore.contents import Mail
from mailcore.dressing import Dressing
from mailcore.keyring import Keyring
from mailcore.our_fields import FieldMaker
from mailcore.settings import Settings
from tests.corpus.through import fetched
from tests.support.leased import ALIAS, claimed
from tests.support.services import ROOT

CASES = sorted(path for path in (ROOT / "tests" / "golden" / "dressing").iterdir() if path.is_dir())
DOMAIN, SELECTOR = "clearpost.test", "golden"


class FixedClock(Clock):
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 9, 14, 36, tzinfo=UTC)


@pytest.fixture
def key_dir(tmp_path: Path) -> Path:
    """Known keys only."""
    folder = tmp_path / "keys"
    Keyring(folder)
    for name in ("loop", "from"):
        (folder / f"{name}.key").write_text(f"{(b'k' * 32).hex()}\n")
    (folder / "dkim" / DOMAIN).mkdir(parents=True)
    pem = (fetched("dkimpy") / "dkim" / "tests" / "data" / "2048_testkey.key").read_bytes()
    KeyFolder(folder).file(DOMAIN, SELECTOR).write_bytes(pem)
    KeyFolder(folder).state_file(DOMAIN).write_text(SELECTOR)
    return folder


async def dressed(key_dir: Path, case: Path) -> tuple[bytes, str]:
    """The message as it goes out, and what its event says of it."""
    facts = facts_of(case)
    clock = FixedClock()
    domain = Settings(_env_file=None).service_domain
    maker = FieldMaker.open(key_dir, domain, arc_seal=True, clock=clock)
    dressing = Dressing(clock=clock, keyring=Keyring(key_dir), maker=maker)
    verdicts = Verdicts.from_json(loads(facts["verdicts"])) if facts["verdicts"] != "none" else None
    mail = Mail((case / "in.eml").read_bytes(), verdicts)
    alias = ALIAS if facts["origin"] == "smtp" else None
    try:
        made = await dressing.of(
            claimed(origin=facts["origin"], alias_id=alias, alias_address=facts["alias"]), mail
        )
    finally:
        await dressing.close()
    return b"".join(made.pieces), made.note


def facts_of(case: Path) -> dict[str, str]:
    head = (case / "why.txt").read_text("utf-8").partition("\n\n")[0]
    return {name: value for name, _, value in (line.partition(": ") for line in head.splitlines())}


def dns(key_dir: Path) -> Callable[..., Any]:
    key = load(DOMAIN, KeyFolder(key_dir).file(DOMAIN, SELECTOR))
    records = {f"{key.record_name}.".encode(): key.record.encode()}
    return lambda name, timeout=5: records.get(name)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
async def test_golden_pair(key_dir: Path, case: Path) -> None:
    message, note = await dressed(key_dir, case)
    assert message == (case / "out.eml").read_bytes()
    assert note == facts_of(case).get("note", "")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_what_is_signed_there_verifies(key_dir: Path, case: Path) -> None:
    message = (case / "out.eml").read_bytes()
    header = BytesHeaderParser().parsebytes(message)
    if "DKIM-Signature" in header:
        assert dkim.verify(message, dnsfunc=dns(key_dir))
    if "ARC-Seal" in header:
        holds = dkim.arc_verify(message, dnsfunc=dns(key_dir))[0] == b"pass"
        assert holds == (facts_of(case)["arc"] == "pass")
