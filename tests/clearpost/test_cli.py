"""The command: what each process loads, whose settings it takes, and what it says when it can't."""

import asyncio
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from clearpost import chosen_settings, doctor, running_stack, status
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.settings import Settings, example_env
from mailcore.spool import Spool
from mailcore.spool_record import Entry, Location
from mailcore.spool_writer import SegmentWriter
from tests.support.services import ROOT

HEAVY = "fastapi sqlalchemy sqlmodel alembic aiosmtpd arq uvicorn dns asyncpg"


def run(*arguments: str, cwd: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, with no settings but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLEARPOST_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def loaded_by(statement: str) -> set[str]:
    """Which heavy packages a Python that did only this has loaded."""
    code = f"{statement}\nimport sys; print(*[name for name in '{HEAVY}'.split() if name in sys.modules])"
    return set(run("-c", code).stdout.split())


# --- start-up ---


def test_the_command_itself_loads_nothing_heavy() -> None:
    assert loaded_by("import clearpost.cli") == set()


@pytest.mark.parametrize(
    "modules", ["clearpost.mx, clearpost.processes", "workers.delivery, clearpost.processes"]
)
def test_a_mail_process_loads_neither_the_web_nor_an_orm(modules: str) -> None:
    assert loaded_by(f"import {modules}").isdisjoint({"fastapi", "sqlmodel", "sqlalchemy", "alembic"})


def test_help_names_every_command() -> None:
    shown = run("-m", "clearpost", "--help").stdout
    for command in (
        "up",
        "demo",
        "mx",
        "worker",
        "upkeep",
        "api",
        "migrate",
        "doctor",
        "send",
        "queue",
        "spool",
    ):
        assert f" {command} " in shown


# --- settings ---


@pytest.mark.parametrize("command", ["mx", "api"])
def test_a_process_without_settings_ends_with_2_and_one_line(command: str) -> None:
    ended = run("-m", "clearpost", command)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "CLEARPOST_DATABASE_URL is not set" in ended.stderr


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_are_none_are_named_at_start(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    ended = run(
        "-m", "clearpost", "mx",
        CLEARPOST_DATABASE_URL="postgresql://localhost/none", CLEARPOST_REDIS_URL="redis://localhost/0",
        CLEARPOST_AUTHORITIES=str(file),
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith("clearpost: CLEARPOST_AUTHORITIES: no certificates in PEM there")


def test_one_of_several_values_is_told_under_the_name_of_the_setting() -> None:
    ended = run("-m", "clearpost", "mx", CLEARPOST_RATES_EXEMPT="10.0.0.0/8,somewhere")
    assert (ended.returncode, "CLEARPOST_RATES_EXEMPT: " in ended.stderr) == (2, True)


def test_a_bad_setting_is_named_but_not_shown() -> None:
    ended = run("-m", "clearpost", "mx", CLEARPOST_MX_PORT="geheim")
    assert ended.returncode == 2
    assert "CLEARPOST_MX_PORT" in ended.stderr
    assert "geheim" not in ended.stderr


def test_production_without_a_postmaster_does_not_start() -> None:
    ended = run("-m", "clearpost", "mx", CLEARPOST_ENVIRONMENT="production")
    assert ended.returncode == 2
    assert "CLEARPOST_POSTMASTER_ADDRESS" in ended.stderr


def test_doctor_ends_with_1_where_something_is_broken() -> None:
    ended = run(
        "-m", "clearpost", "doctor", "--json",
        CLEARPOST_DATABASE_URL="postgresql://ada:secret@127.0.0.1:1/mail", CLEARPOST_REDIS_URL="redis://127.0.0.1:1",
        CLEARPOST_DNS_SERVERS="127.0.0.1:1", CLEARPOST_DNS_TIMEOUT="1",
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert json.loads(ended.stdout)["fit"] is False
    assert "secret" not in ended.stdout + ended.stderr


# --- the running local stack ---


def test_a_running_stack_is_found_and_its_file_is_private(tmp_path: Path) -> None:
    running_stack.announce(tmp_path, {"CLEARPOST_DATABASE_URL": "postgresql://a b'c", "HOME": "/root"})
    stack = running_stack.find(tmp_path / "nowhere", tmp_path)
    assert stack is not None
    assert stack.pid == os.getpid()
    assert stack.environment == {"CLEARPOST_DATABASE_URL": "postgresql://a b'c"}
    assert stat.S_IMODE((tmp_path / running_stack.FILE).stat().st_mode) == 0o600


def test_accounts_and_migrations_are_for_the_running_stack(database_url: str, tmp_path: Path) -> None:
    keys = str(tmp_path / "keys")
    running_stack.announce(tmp_path, {"CLEARPOST_DATABASE_URL": database_url, "CLEARPOST_KEY_DIR": keys})
    for command in (["migrate"], ["account", "create", "ada@example.org"]):
        ended = run("-m", "clearpost", *command, CLEARPOST_VAR_DIR=str(tmp_path))
        assert ended.returncode == 0, ended.stderr
        assert f"speaking to the local stack in {tmp_path}" in ended.stderr


def test_the_command_calls_itself_clearpost() -> None:
    assert "Usage: clearpost [OPTIONS]" in run("-m", "clearpost", "--help").stdout


def test_a_stack_that_was_killed_is_not_found(tmp_path: Path) -> None:
    running_stack.announce(tmp_path, {})
    file = tmp_path / running_stack.FILE
    file.write_text(f"# process {os.getpid()} started 1000.00\n")
    assert running_stack.find(tmp_path) is None


def test_a_second_start_does_not_withdraw_the_first(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        running_stack.announce(tmp_path, {}, pid=other.pid)
        running_stack.withdraw(tmp_path)
        stack = running_stack.find(tmp_path)
        other.kill()
    assert stack is not None
    assert stack.pid == other.pid


def test_a_stack_that_stops_is_withdrawn(tmp_path: Path) -> None:
    running_stack.announce(tmp_path, {})
    running_stack.withdraw(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_commands_that_ask_speak_to_the_running_stack_and_say_so(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    running_stack.announce(
        tmp_path, {"CLEARPOST_DATABASE_URL": database_url, "CLEARPOST_REDIS_URL": redis_url}
    )
    ended = await asyncio.to_thread(
        run, "-m", "clearpost", "queue", "status", cwd=tmp_path, CLEARPOST_VAR_DIR=str(tmp_path)
    )
    assert ended.returncode == 0, ended.stderr
    assert f"speaking to the local stack in {tmp_path}" in ended.stderr
    assert "Nothing waits." in ended.stdout


# --- status ---


def settings_of(folder: Path, **changes: Any) -> Settings:
    return Settings(_env_file=None, spool_dir=folder, **changes)


async def test_queue_status_counts_and_the_ledger_adds_up(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = await Database.open(database_url, size=1)
    async with database.transaction() as tx:
        await tx.execute(
            "insert into ledger (origin, created, delivered, hard_bounced) values ('smtp', 3, 2, 0)"
        )
    await database.close()
    settings = settings_of(tmp_path, database_url=SecretStr(database_url))
    code = await asyncio.to_thread(status.queue, settings, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["ledger"][0]["difference"] == 1
    assert code == 1, "a ledger that does not add up is a finding"


def test_spool_status_counts_segments_and_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    spool = Spool.open(tmp_path, tmp_path / "keys", clock)
    writer = SegmentWriter(spool, clock, largest=1 << 20, oldest_seconds=60)
    place: Location = writer.append([Entry(clock.new_id(), {}, [b"content"])])[0]
    assert status.spool(settings_of(tmp_path), as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["current"] == {"segments": 1, "bytes": place.length, "oldest_seconds": 0}
    assert document["node"] == str(spool.node_id)
    writer.close()
    spool.close()


def test_a_machine_without_a_spool_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.spool(settings_of(tmp_path / "none"), as_json=False) == 1
    assert "No such file" in capsys.readouterr().err


# --- names that no setting has ---


def test_a_name_that_no_setting_has_is_told_at_the_start_and_by_doctor() -> None:
    wrong = {"CLEARPOST_LOG_LEVEL": "debug", "CLEARPOST_DATABASE_URL": "", "CLEARPOST_API_PORT": "8025"}
    started = run("-m", "clearpost", "worker", cwd=ROOT, **wrong)
    line = "clearpost: warning: no setting is called CLEARPOST_LOG_LEVEL, so it does nothing"
    assert [each for each in started.stderr.splitlines() if "warning" in each] == [line]
    assert "debug" not in started.stderr
    (finding,) = doctor.unread(wrong)
    assert (finding.area, finding.state) == ("settings", "warn")
    assert "CLEARPOST_LOG_LEVEL" in finding.what


def test_each_setting_and_what_launchers_set_is_known() -> None:
    names = re.findall(r"^#(CLEARPOST_\w+)=", example_env(), re.MULTILINE)
    names += ["CLEARPOST_VAR_DIR", "CLEARPOST_PORT_BASE", "clearpost_api_port", "CLEARPOST_READY_FD", "PATH"]
    assert chosen_settings.unknown(dict.fromkeys(names, "1")) == []
