"""The process of the demo inbox: `python -m clearpost.standins.inbox_server SMTP_PORT WEB_PORT`."""

import asyncio
import sys

import uvicorn

from clearpost.readiness import say_ready
from clearpost.standins.inbox import Inbox, InboxServer
from clearpost.standins.inbox_page import create_app
from mailcore.clock import Clock


class _Web(uvicorn.Server):
    """uvicorn stops on SIGINT and SIGTERM by itself; we only need to know when it listens."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            say_ready()


async def serve(smtp_port: int, web_port: int) -> None:
    """Serve until told to stop."""
    inbox = Inbox(Clock())
    smtp = InboxServer(inbox, smtp_port)
    await smtp.start()
    config = uvicorn.Config(
        create_app(inbox),
        host="127.0.0.1",
        port=web_port,
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
    await _Web(config).serve()
    await smtp.stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
