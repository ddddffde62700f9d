"""The reduced set of faults, in the short form: `make faults` runs all of them."""

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.case import Case, Runner
from tests.faults.ground import Ground
from tests.faults.table import all_cases

# What may take longest begins first: two workers take them in turn, and neither is to wait long at the end.
REDUCED = sorted((case for case in all_cases() if case.reduced), key=lambda case: -case.seconds)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runner]:
    """Postgres that syncs, Valkey, and one service for all cases that do not ask for their own."""
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool tells of each Postgres we kill
    folder = tmp_path_factory.mktemp("faults")
    ground = Ground(folder)
    await ground.start()
    runner = Runner(ground, folder, full=False)
    yield runner
    await runner.close()
    await ground.stop()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", REDUCED, ids=lambda case: str(case.id).replace(" ", "-"))
async def test_a_fault_loses_nothing_and_doubles_within_bounds(runner: Runner, case: Case) -> None:
    result = await runner.run(case)
    assert not result.failure, f"{case.id} {case.what}: {result.failure}"


def test_every_fault_has_a_case() -> None:
    """What the list of faults promises."""
    numbers = {case.id.split()[0] for case in all_cases()}
    missing = [f"F{number}" for number in FAULTS if f"F{number}" not in numbers]
    assert not missing


FAULTS = (
    *range(1, 9), 10, 11, *range(13, 20), 21, 22, *range(25, 28), 30, *range(33, 37), *range(41, 46),
    51, *range(53, 61), 64, *range(69, 72), *range(79, 83), 88,
)  # fmt: skip
