"""The house of every journey: a service of its own, and the invariants asked when the journey is over."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import invariants, leaks
from tests.support.destination import Destination
from tests.support.stack import Stack, service

Opener = Callable[..., AbstractAsyncContextManager[Stack]]


@pytest.fixture
def opened(database_url: str, redis_url: str, tmp_path: Path) -> Opener:
    """`async with opened({"inbox.test": inbox}, **settings) as stack`; unchecked if it empties the log."""

    @asynccontextmanager
    async def open_stack(
        routes: dict[str, Destination], *, check: bool = True, **changes: Any
    ) -> AsyncIterator[Stack]:
        settings = {"redis_url": redis_url} | changes
        async with service(database_url, settings.pop("redis_url"), tmp_path, routes, **settings) as stack:
            yield stack
            if check:
                await invariants.check(stack)
                await leaks.check(stack)

    return open_stack
