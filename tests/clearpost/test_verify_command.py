"""`clearpost verify` as a command: what it prints, and its exit codes."""

import json
from pathlib import Path

from tests.support.api import listening, running_api
from tests.support.forgery import Forger, run
from tests.support.services import free_port

COMMAND = ("-m", "clearpost", "verify")


async def test_it_tells_people_and_programs_what_it_found(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path) as world:
        forger = await Forger.with_history(world, 2)
        async with listening(world) as url:
            code, said = await run(*COMMAND, url, "--head", str(tmp_path / "head.json"))
            assert (code, "ok: statements 1 to 2" in said) == (0, True), said
            code, said = await run(*COMMAND, url, "--json")
            told = json.loads(said)
            assert (code, told["ok"], told["first"], told["head"]["number"]) == (0, True, 1, 2)
            await forger.resign(1, lambda told: told | {"staff_views": 9})
            code, said = await run(*COMMAND, url, "--json")
            assert (code, json.loads(said)["ok"]) == (1, False)
            code, said = await run(*COMMAND, url)
            assert (code, "clearpost: FAILED: statement 2" in said) == (1, True)


async def test_a_server_that_is_away_is_another_exit_code() -> None:
    code, said = await run(*COMMAND, f"http://127.0.0.1:{free_port()}")
    assert (code, "Traceback" in said) == (3, False)
