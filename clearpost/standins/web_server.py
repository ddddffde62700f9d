"""uvicorn on loopback that says when it listens. Must never listen to anybody else."""

import uvicorn
from starlette.applications import Starlette

from clearpost.readiness import say_ready


class WebServer(uvicorn.Server):
    """It stops on SIGINT and SIGTERM by itself; we only need to know when it listens."""

    @classmethod
    def of(cls, app: Starlette, port: int) -> "WebServer":
        return cls(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=port,
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,  # whoever waits for mail need not wait for its end
            )
        )

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            say_ready()
