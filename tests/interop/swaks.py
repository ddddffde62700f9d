"""swaks (Debian's) as somebody's mail program. Must never repair what it is given."""

import asyncio
import os
import tempfile

from tests.interop.postfix import Postfix

_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}


async def swaks(server: Postfix, by: str, to: str | list[str], content: bytes, *options: str) -> None:
    """Hands a message (CRLF) to a Postfix: one transaction, which must end with 250 to all of it."""
    recipients = to if isinstance(to, str) else ",".join(to)
    with tempfile.NamedTemporaryFile() as file:
        file.write(_on_the_wire(content))
        file.flush()
        argv = ("--server", server.host, "--port", str(server.port), "--ehlo", "laptop.test", "--from", by)
        data = ("--to", recipients, "--data", f"@{file.name}", "--no-data-fixup", "--suppress-data")
        process = await asyncio.create_subprocess_exec(
            "swaks",
            *(*argv, *data, *options),
            env=_ENVIRONMENT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    assert process.returncode == 0, f"swaks ended with {process.returncode}:\n{said.decode()}\n{server.log}"


def _on_the_wire(content: bytes) -> bytes:
    """With its final dot; swaks adds the last CRLF."""
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b"."
