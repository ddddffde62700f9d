"""An API process: listens, says when it is ready, ends in order."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn

from api.app import create_app
from api.runtime import ApiRuntime
from mailcore.clock import Clock
from mailcore.database import Tell, Wake
from mailcore.settings import Settings

_BACKLOG = 1024
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """Tells when it listens, and leaves signals to `serve`: uvicorn would raise them again at its end."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Take no new request, finish those that run; open streams would run on, so they are ended."""
        self._on_stop()
        self.should_exit = True


async def serve(
    settings: Settings,
    *,
    on_ready: Callable[[], None] = lambda: None,
    wake: Wake = lambda _: None,
    tell: Tell = lambda: None,
) -> None:
    """Serves until SIGTERM, SIGINT or cancellation. Raises OSError when the port is taken."""
    with closing(_listen(settings.listen_host, settings.api_port)) as listener:
        runtime = await ApiRuntime.open(settings, clock=Clock(), wake=wake, tell=tell)
        forgetting = asyncio.create_task(runtime.log_keys.forget_forever())
        try:
            await _serve(_Server(_config(runtime), on_ready, runtime.feed.end), listener)
        finally:
            forgetting.cancel()
            await runtime.close()


async def _serve(server: _Server, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, server.stop)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.stop()
        await serving
        raise
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _config(runtime: ApiRuntime) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(runtime),
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        # Those of the setting alone: uvicorn would trust loopback unasked.
        forwarded_allow_ips=[str(each) for each in runtime.settings.trusted_proxies],
        server_header=False,
        limit_concurrency=1000,
        timeout_graceful_shutdown=int(runtime.settings.shutdown_grace.total_seconds()),
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
