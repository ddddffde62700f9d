"""What rspamd thinks of a message: its score, asked over HTTP while we look at the message ourselves.

Only what its rules need goes along, and nothing that says for whom the mail is. Must never hold up mail that
rspamd does not answer for, act on anything but the score, nor have rspamd write the message into its log.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import httpx
import structlog

from mailcore import metrics
from mailcore.circuit import Circuit
from mailcore.clock import Clock
from mailcore.networks import network_of
from mailcore.settings import Settings
from mailcore.spool_seal import Buffer

log = structlog.get_logger("rspamd")

_CONNECTIONS: Final = 20
_MOST_ANSWER: Final = 1 << 20  # octets; a real one has a few thousand
_FURTHEST: Final = 1000.0  # a score beyond it says no more, and must not fill a page


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as rspamd is shown it: `pieces` gives its `size` octets. `client_name` is the client's
    reverse name, empty where it has none.
    """

    id: UUID
    client_ip: str
    client_name: str
    helo: str
    reverse_path: str
    size: int
    pieces: Callable[[], AsyncIterator[Buffer]]


class SpamFilter:
    """rspamd's normal worker at `settings.rspamd_url`. One for each process, with one client kept."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._url = f"{settings.rspamd_url.rstrip('/')}/checkv2"
        self._password = settings.rspamd_password.get_secret_value()
        self._most = settings.rspamd_most_bytes
        self._seconds = settings.rspamd_timeout.total_seconds()
        self._circuit = Circuit(clock)
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        self._client = httpx.AsyncClient(limits=limits, timeout=self._seconds, trust_env=False)

    async def score(self, message: Shown) -> float | None:
        """None where it was not asked, or does not answer in time: then the message is taken as it is."""
        if message.size > self._most or not self._circuit.probes():
            metrics.SPAM_CHECKS.labels("not-asked").inc()
            return None
        score = await self._ask(message)
        metrics.SPAM_CHECKS.labels("no-answer" if score is None else "scored").inc()
        return score

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, message: Shown) -> float | None:
        """Only what says that rspamd is away lets it rest: one sender's messages must not switch it off."""
        try:
            async with asyncio.timeout(self._seconds):
                answer, said = await self._answer(message)
            self._circuit.answered()
            answer.raise_for_status()
            return _score(said)
        except Exception as error:  # noqa: BLE001  whatever it is, mail goes on
            self._note(error, message)
            log.warning("spam_not_scored", error=type(error).__name__)
            return None

    async def _answer(self, message: Shown) -> tuple[httpx.Response, bytes]:
        """As it comes, not unpacked: a small packed answer may be a large one. Read until it is too long."""
        headers, said = _headers(message, self._password), bytearray()
        async with self._client.stream(
            "POST", self._url, content=_octets(message), headers=headers
        ) as answer:
            async for piece in answer.aiter_raw():
                said += piece
                if len(said) > _MOST_ANSWER:
                    break
        return answer, bytes(said)

    def _note(self, error: Exception, message: Shown) -> None:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            self._circuit.failed()
        elif isinstance(error, TimeoutError | httpx.TimeoutException):
            self._circuit.failed(network_of(message.client_ip))


async def _octets(message: Shown) -> AsyncIterator[bytes]:
    async for piece in message.pieces():
        yield bytes(piece)


def _headers(message: Shown, password: str) -> dict[bytes, bytes]:
    """As rspamd's protocol names them. No Rcpt: its rules need none, and aliases are not its business."""
    said = {
        "Content-Length": str(message.size),
        "Queue-Id": str(message.id),
        "IP": message.client_ip,
        "Hostname": message.client_name,
        "Helo": message.helo,
        "From": f"<{message.reverse_path}>",
        "Password": password,
        "Log": "no",
        "Accept-Encoding": "identity",
    }
    return {name.encode(): value.encode() for name, value in said.items() if value}


def _score(said: bytes) -> float:
    """Raises ValueError, TypeError, LookupError, OverflowError for what is no answer with a number."""
    if len(said) > _MOST_ANSWER:
        raise ValueError
    score = float(json.loads(said)["score"])
    if not math.isfinite(score):
        raise ValueError
    return max(-_FURTHEST, min(score, _FURTHEST))
