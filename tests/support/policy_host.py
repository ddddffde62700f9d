"""A web server on loopback that publishes MTA-STS policies, or does not quite."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence

from clearpost.standins.dns import Zone


def policy_text(*hosts: str, mode: str = "enforce", max_age: int = 86400) -> str:
    """As RFC 8461 section 3.2 has it."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {max_age}"]
    return "\r\n".join(lines) + "\r\n"


class PolicyHost:
    """`body`, `status`, `media_type`, `headers`: what it answers, whatever is asked; change them at any time.
    `requests`: the first line and the Host of each; `silent`: it never answers.
    """

    def __init__(self, context: ssl.SSLContext, host: str = "127.0.0.1", port: int = 0) -> None:
        self.context, self.host, self.port = context, host, port
        self.body: str | bytes = ""
        self.status, self.media_type, self.headers = 200, "text/plain", ""
        self.silent = False
        self.requests: list[tuple[str, str]] = []
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def publish(self, zone: Zone, domain: str, text: str, policy_id: str) -> None:
        """The policy, and the DNS records that lead to it."""
        self.body = text
        zone.put_txt(f"_mta-sts.{domain}", f"v=STSv1; id={policy_id};")
        zone.put(f"mta-sts.{domain}", "A", self.host)

    async def __aenter__(self) -> "PolicyHost":
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await self._answer(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.requests.append((lines[0], _host(lines[1:])))
        if self.silent:
            await asyncio.Event().wait()
        body = self.body.encode() if isinstance(self.body, str) else self.body
        head = f"HTTP/1.1 {self.status} x\r\ncontent-type: {self.media_type}\r\n{self.headers}"
        writer.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


def _host(lines: Sequence[str]) -> str:
    return next((line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:")), "")
