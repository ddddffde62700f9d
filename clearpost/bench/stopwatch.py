"""Seconds that never go back, the same in all processes of this machine. Must decide nothing about mail."""

import time


def seconds() -> float:
    """CLOCK_MONOTONIC: what one process notes can be taken from what another one does."""
    return time.monotonic()


def pause(duration: float) -> None:
    """Between two looks at something that can only be looked at."""
    time.sleep(duration)
