"""How long what we promise may take. Must never be more lenient where the machine has time for us."""

import os


def within(seconds: float) -> float:
    """In ms, for Playwright: as promised where a processor is free; where others queue for them, longer by as
    many as queue.
    """
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * 1000 * max(1.0, waiting)
