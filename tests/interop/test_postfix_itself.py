"""The Postfix of these tests: what it says when it cannot start."""

import socket

import pytest

from clearpost.ports import free_port
from tests.interop.postfix import postfix


async def test_a_postfix_that_cannot_start_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=f"did not start.*\n.*{port}: Address already in use"):
            await started(port)
    with pytest.raises(AssertionError, match=r"did not start.*\n.*mail_owner: unknown user name"):
        await started(free_port(), mail_owner="nosuchuser")


async def started(port: int, **main: str) -> None:
    async with postfix("you@inbox.test", host="127.0.0.1", port=port, **main):
        pass
