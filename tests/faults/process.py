"""One process of ours under test: ready, told signals, killed, ended."""

import asyncio
import signal
import subprocess

PATIENCE = 40.0


class Process:
    """One process of ours. `is_pristine`: started without anything special in its environment."""

    def __init__(self, popen: "subprocess.Popen[bytes]", ready: int, *, is_pristine: bool) -> None:
        self._popen = popen
        self._ready = ready
        self.is_pristine = is_pristine

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    async def ready(self) -> None:
        said = await asyncio.to_thread(self._await_ready)
        assert said == b"ready\n", f"a process ended with {self._popen.poll()} before it was ready"

    def _await_ready(self) -> bytes:
        with open(self._ready, "rb") as pipe:
            return pipe.read()

    async def kill(self) -> None:
        """SIGKILL: it does nothing more, not even close a file."""
        self._popen.kill()
        await self.ended()

    def tell(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Its exit code, negative for a signal."""
        return await asyncio.to_thread(self._popen.wait, seconds)
