"""The process of the demo inbox: `python -m clearpost.standins.inbox_server SMTP_PORT WEB_PORT`."""

import asyncio
import sys

from clearpost.standins.inbox import Inbox, InboxServer
from clearpost.standins.inbox_page import create_app
from clearpost.standins.web_server import WebServer
from mailcore.clock import Clock


async def serve(smtp_port: int, web_port: int) -> None:
    """Serve until told to stop."""
    inbox = Inbox(Clock())
    smtp = InboxServer(inbox, smtp_port)
    await smtp.start()
    await WebServer.of(create_app(inbox), web_port).serve()
    await smtp.stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
