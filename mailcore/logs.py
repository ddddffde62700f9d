"""How processes log: one JSON object a line, ids and kinds only.

Must never receive an address, a subject or content; libraries that would print them are silenced.
"""

import logging
import sys
from contextlib import suppress
from typing import Any

import structlog

# These print addresses, queries with values, or bodies at some level.
_SILENCED = (
    "mail.log", "aiosmtplib", "asyncpg", "sqlalchemy", "arq", "uvicorn.access", "asyncio",
    "httpx", "httpcore",
)  # fmt: skip


class _Stderr:
    """Writes a line to what stderr is at that moment, and never fails its caller: a log is not worth mail."""

    def __init__(self, *_: Any) -> None:
        """structlog hands in the logger's name; the event carries what matters."""

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def configure(role: str, lane: str = "", level: str = "info") -> None:
    """To be called once, first thing, in every process. At `debug` libraries speak too, but those."""
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if level == "debug":
        logging.basicConfig(level=logging.DEBUG)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _of(role, lane),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
        cache_logger_on_first_use=True,
    )


def _of(role: str, lane: str) -> Any:
    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return event | {"role": role} | ({"lane": lane} if lane else {})

    return add


def where(error: BaseException) -> str:
    """File and line of a fault of ours, without any value."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
