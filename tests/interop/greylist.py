"""A policy server as Postfix asks them (SMTPD_POLICY_README): turns each sender away once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

WORDS = "450 4.7.1 You are new here, come again"


@asynccontextmanager
async def greylisting() -> AsyncIterator[str]:
    """What to write into `smtpd_recipient_restrictions`."""
    known: set[str] = set()
    open_streams: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_streams.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                question = (await reader.readuntil(b"\n\n")).decode()
                asked = dict(line.split("=", 1) for line in question.split("\n") if line)
                writer.write(f"action={_answer(asked, known)}\n\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"check_policy_service inet:127.0.0.1:{port}"
    finally:
        server.close()
        for stream in open_streams:
            stream.close()
        await server.wait_closed()


def _answer(asked: dict[str, str], known: set[str]) -> str:
    triplet = f"{asked['client_address']} {asked['sender']} {asked['recipient']}"
    if triplet in known:
        return "DUNNO"
    known.add(triplet)
    return WORDS
