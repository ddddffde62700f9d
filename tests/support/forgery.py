"""Statements as a dishonest operator would have them, who holds database and keys; and both verifiers.

Must never be what is under test.
"""

import asyncio
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from clearpost.verify import main
from customers import statements
from customers.statements import NOTHING_BEFORE, Statement
from mailcore.attestation import Kind, Signed, Signer
from tests.support.api import World
from tests.support.services import ROOT

HOUR = timedelta(hours=1)
VERIFIERS = ("alone", "clearpost")
Told = dict[str, Any]


@dataclass(slots=True)
class Forger:
    world: World
    signer: Signer

    @classmethod
    async def with_history(cls, world: World, count: int = 4) -> "Forger":
        """So many honest statements, the newest of this hour."""
        forger = cls(world, Signer(world.runtime.keyring))
        world.clock.step(-(count - 1) * HOUR)
        for number in range(count):
            if number:
                world.clock.step(HOUR)
            assert await forger.issue()
        return forger

    async def issue(self, signer: Signer | None = None) -> bool:
        return await statements.issue(
            self.world.runtime.database, signer or self.signer, self.world.clock, "https://clearpost.test"
        )

    async def told(self) -> list[Told]:
        return [json.loads(each.signed.text) for each in await self.all()]

    async def all(self) -> Sequence[Statement]:
        return await statements.after(self.world.runtime.database, 0, 500)

    async def execute(self, query: str, *values: object) -> None:
        await change(self.world, "statement", query, *values)

    async def resign(
        self,
        number: int,
        change: Callable[[Told], Told],
        *,
        signer: Signer | None = None,
        kind: Kind = "statement",
    ) -> None:
        """One statement says something else, and is signed as it now stands; those after it stay."""
        told = (await self.told())[number - 1]
        await self._put(number, (signer or self.signer).sign(kind, json.dumps(change(told))))

    async def rewrite(self, history: Sequence[Told]) -> None:
        """The whole history anew, in itself without a flaw."""
        await self.execute("delete from statement")
        before = NOTHING_BEFORE
        for number, told in enumerate(history, 1):
            signed = self.signer.sign("statement", json.dumps(told | {"number": number, "previous": before}))
            await self._put(number, signed)
            found = await statements.find(self.world.runtime.database, number)
            assert found is not None
            before = found.hash

    async def _put(self, number: int, signed: Signed) -> None:
        await self.execute(
            "insert into statement (number, at, signed, key, signature) values ($1, now(), $2, $3, $4) "
            "on conflict (number) do update set signed = $2, key = $3, signature = $4",
            *(number, signed.text, signed.key, signed.signature),
        )


async def change(world: World, table: str, query: str, *values: object) -> None:
    """As the owner of the tables can, whom no trigger holds."""
    async with world.runtime.database.transaction() as tx:
        await tx.execute(f"alter table {table} disable trigger only_grows")
        await tx.execute(query, *values)
        await tx.execute(f"alter table {table} enable trigger only_grows")


async def verify(verifier: str, url: str, file: Path | None = None) -> tuple[int, str]:
    """The exit code, and what was said."""
    if verifier == "clearpost":
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = await asyncio.to_thread(main, url, file, as_json=False)
        return code, said.getvalue()
    return await run(str(ROOT / "tools" / "verify_statements.py"), url, *([str(file)] if file else []))


async def run(*arguments: str) -> tuple[int, str]:
    """In a Python of its own, as a stranger would."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env={**os.environ, "NO_PROXY": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()
