"""`clearpost canary`: drafts that people sign, checked with a server and without, published once."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from clearpost import canary_commands as commands
from clearpost.checks import canary as doctor
from clearpost.checks.finding import Finding
from clearpost.cli import app
from clearpost.ports import free_port
from customers import canary_document as documents
from customers.canary_document import Fact
from mailcore.clock import Clock, ShiftedClock
from mailcore.database import Database
from mailcore.settings import Settings
from tests.support.canary_signers import ALICE, BOB, CAROL, MALLORY, Person, canary, signers_file

FACT = Fact("It snowed in Bern.", "https://news.test/snow", Clock().now().date())
WISH = commands.Wish(FACT, timedelta(days=30), ())


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    signers = tmp_path / "allowed_signers"
    signers.write_text(signers_file())
    return Settings(database_url=SecretStr(database_url), key_dir=tmp_path / "keys", canary_signers=signers)


def sign(file: Path, *people: Person) -> list[Path]:
    """As they do it on their own machines."""
    made = []
    for person in people or (ALICE, BOB):
        made.append(file.with_name(f"{file.name}.{person.name}.sig"))
        made[-1].write_text(person.sign(file.read_text()))
    return made


def published(settings: Settings) -> list[Any]:
    async def run() -> list[Any]:
        database = await Database.open(settings.database_url.get_secret_value(), size=1)
        try:
            rows = await database.fetch("select number, document, signatures from canary order by number")
            lines = await database.fetch("select actor, action from audit_event")
            return [*rows, *(tuple(line) for line in lines)]
        finally:
            await database.close()

    return asyncio.run(run())


def test_a_draft_is_signed_checked_and_published(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "canary-1.json"
    assert commands.draft_here(settings, file, WISH, as_json=False) == 0
    said = capsys.readouterr().out
    assert "all five statements affirmed" in said
    assert f"ssh-keygen -Y sign -f THEIR_KEY -n clearpost-canary < {file} > NAME.sig" in said
    signatures = sign(file, CAROL, ALICE)
    assert commands.check_here(settings, file, signatures, as_json=False) == 0
    assert "fit to be published" in capsys.readouterr().out
    assert published(settings) == []
    assert commands.publish(settings, file, signatures, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["number"], told["signers"], told["published"]) == (1, ["alice", "carol"], True)
    row, line = published(settings)
    assert row["document"].encode() == file.read_bytes()
    assert json.loads(row["signatures"]) == {
        person.name: person.sign(file.read_text()) for person in (ALICE, CAROL)
    }
    assert line == ("operator", "canary.published")


def test_the_next_draft_stands_on_the_one_that_is_published(settings: Settings, tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(documents.write(canary(Clock().now() - timedelta(hours=1))))
    assert commands.publish(settings, one, sign(one), as_json=True) == 0
    assert commands.draft_here(settings, two, WISH, as_json=True) == 0
    drafted = json.loads(two.read_text())
    assert (drafted["number"], drafted["previous"]) == (2, documents.digest(one.read_text()))
    away = tmp_path / "away.json"
    assert commands.draft_away("", one, away, WISH, as_json=True) == 0
    assert json.loads(away.read_text()) | {"issued": "", "expires": ""} == drafted | {
        "issued": "",
        "expires": "",
    }
    assert commands.publish(settings, two, sign(two), as_json=True) == 0


def test_what_is_refused_says_why_and_publishes_nothing(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "canary.json"
    assert commands.draft_here(settings, file, WISH, as_json=True) == 0
    for people, why in (
        ((ALICE,), "1 of 3 signers have signed it"),
        ((ALICE, MALLORY), "belongs to none of the signers"),
    ):
        for command in (commands.check_here, commands.publish):
            assert command(settings, file, sign(file, *people), as_json=False) == 1
            assert why in capsys.readouterr().err
    signatures = sign(file)
    file.write_text(file.read_text().replace("snowed", "rained"))
    assert commands.publish(settings, file, signatures, as_json=False) == 1
    assert "was changed" in capsys.readouterr().err
    assert published(settings) == []


def test_a_draft_that_could_not_be_published_is_not_written(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = Fact("It snowed.", "https://news.test/", FACT.day - timedelta(days=9))
    for wish, why in (
        (commands.Wish(FACT, timedelta(days=46), ()), "1 to 45 days"),
        (commands.Wish(old, timedelta(days=30), ()), "public fact"),
        (commands.Wish(Fact("It snowed.", "here", FACT.day), timedelta(days=30), ()), "fact.url"),
    ):
        assert commands.draft_here(settings, tmp_path / "new.json", wish, as_json=False) == 1
        assert why in capsys.readouterr().err
        assert not (tmp_path / "new.json").exists()


def test_a_file_that_is_there_is_never_written_over(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "canary.json"
    file.write_text("signed")
    assert commands.draft_here(settings, file, WISH, as_json=False) == 1
    assert "File exists" in capsys.readouterr().err
    assert file.read_text() == "signed"


def test_without_a_server_all_is_checked_by_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, signers = tmp_path / "canary.json", tmp_path / "signers"
    signers.write_text(signers_file())
    wish = commands.Wish(FACT, timedelta(days=2), ("searches",))
    assert commands.draft_away("mine.test", None, file, wish, as_json=False) == 0
    assert "all but searches affirmed" in capsys.readouterr().out
    assert commands.check_away(signers, None, file, sign(file), as_json=False) == 0
    assert "canary 1 of mine.test: all but searches affirmed" in capsys.readouterr().out
    assert commands.check_away(signers, file, file, sign(file), as_json=False) == 1
    assert "the next is 2" in capsys.readouterr().err
    signers.write_text(signers_file(ALICE, BOB))
    assert commands.check_away(signers, None, file, sign(file), as_json=False) == 1
    assert "names 2: 3 people sign" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff\xfe", "this is no text")])
def test_a_file_that_cannot_be_read_is_one_line(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, why: str
) -> None:
    file = tmp_path / "canary.json"
    if content:
        file.write_bytes(content)
    assert commands.publish(settings, file, [file], as_json=False) == 1
    assert why in capsys.readouterr().err


def test_without_signers_in_the_settings_nothing_is_published(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "canary.json"
    assert commands.draft_here(settings, file, WISH, as_json=True) == 0
    bare = settings.model_copy(update={"canary_signers": None})
    assert commands.publish(bare, file, sign(file), as_json=False) == 1
    assert "CLEARPOST_CANARY_SIGNERS is not set" in capsys.readouterr().err


def test_the_command_line_knows_its_statements(tmp_path: Path) -> None:
    file = tmp_path / "canary.json"
    words = [
        "canary",
        "draft",
        str(file),
        "--fact",
        "Snow.",
        "--fact-url",
        "https://a.test",
        "--service",
        "a.test",
    ]
    assert CliRunner().invoke(app, [*words, "--without", "searchs"]).exit_code == 2
    assert CliRunner().invoke(app, [*words, "--without", "searches", "--days", "9"]).exit_code == 0
    drafted = json.loads(file.read_text())
    assert [each["state"] for each in drafted["statements"]] == ["affirmed"] * 4 + ["not affirmed"]
    alone = CliRunner().invoke(app, ["canary", "check", str(file), str(file), "--after", str(file)])
    assert alone.exit_code == 2


# --- the doctor ---


@pytest.mark.parametrize("days", ["0", "46", "99999999999"])
def test_days_that_cannot_be_are_refused_in_a_line(tmp_path: Path, days: str) -> None:
    words = [
        "canary",
        "draft",
        str(tmp_path / "n"),
        "--fact",
        "x",
        "--fact-url",
        "https://n/",
        "--days",
        days,
    ]
    refused = CliRunner().invoke(app, words)
    assert (refused.exit_code, "Invalid value" in refused.output) == (2, True), refused.output


def examined(settings: Settings, days: float = 0) -> Finding:
    (found,) = asyncio.run(doctor.check(settings, ShiftedClock(timedelta(days=days))))
    return found


def test_the_doctor_says_how_long_it_holds(settings: Settings, tmp_path: Path) -> None:
    bare = settings.model_copy(update={"canary_signers": None})
    assert (examined(bare).state, examined(bare).what) == ("ok", "none is published here")
    assert "none was published yet" in examined(settings).what
    file = tmp_path / "canary.json"
    assert commands.draft_here(settings, file, WISH, as_json=True) == 0
    assert commands.publish(settings, file, sign(file), as_json=True) == 0
    for days, state, what in (
        (0, "ok", "number 1 is current and holds for 29 days"),
        (24, "warn", "holds for 5 days"),
        (30, "warn", "has expired"),
    ):
        found = examined(settings, days)
        assert found.state == state
        assert what in found.what
        assert bool(found.mend) == (state != "ok")
    assert examined(bare).what == "the newest is not signed by two of the signers"
    assert settings.canary_signers is not None
    settings.canary_signers.write_text("")
    assert "names 0" in examined(settings).what


def test_the_doctor_leaves_a_database_that_is_away_to_others(settings: Settings) -> None:
    url = SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    away = settings.model_copy(update={"database_url": url})
    assert asyncio.run(doctor.check(away, Clock())) == []
