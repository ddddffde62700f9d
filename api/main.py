"""An API process: listens, says when it is ready, ends in order."""

import socket
from collections.abc import Callable

import uvicorn

from api.app import create_app
from api.runtime import ApiRuntime
from mailcore.clock import Clock
from mailcore.database import Wake
from mailcore.settings import Settings

_BACKLOG = 1024


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


async def serve(
    settings: Settings, *, on_ready: Callable[[], None] = lambda: None, wake: Wake = lambda _: None
) -> None:
    """Serves until SIGTERM, SIGINT or cancellation. Raises OSError when the port is taken."""
    listener = _listen(settings.listen_host, settings.api_port)
    try:
        runtime = await ApiRuntime.open(settings, clock=Clock(), wake=wake)
        try:
            await _Server(_config(runtime), on_ready).serve(sockets=[listener])
        finally:
            await runtime.close()
    finally:
        listener.close()


def _config(runtime: ApiRuntime) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(runtime),
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        limit_concurrency=1000,
        timeout_graceful_shutdown=int(runtime.settings.shutdown_grace.total_seconds()),
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
