"""A spool of its own for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcore.spool import Spool
from mailcore.spool_writer import SegmentWriter
from tests.support.ground import SteppedClock
from tests.support.spools import writer_of


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def spool(tmp_path: Path, clock: SteppedClock) -> Iterator[Spool]:
    spool = Spool.open(tmp_path / "spool", tmp_path / "keys", clock)
    yield spool
    spool.close()


@pytest.fixture
def writer(spool: Spool, clock: SteppedClock) -> Iterator[SegmentWriter]:
    writer = writer_of(spool, clock)
    yield writer
    writer.close()
