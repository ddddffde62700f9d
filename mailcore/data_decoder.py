"""DATA as it comes in: finds CRLF.CRLF, takes stuffed dots out, and keeps the pace (pure).

Must give the same content however the stream is cut into chunks, and never end at anything but
CRLF.CRLF (RFC 5321 section 4.1.1.4).
"""

from mailcore.clock import Clock
from mailcore.settings import Settings

_END_OF_DATA = b"\r\n.\r\n"
RATE_WINDOW = 30.0


class DataDecoder:
    """Push chunks until `rest` is set: what followed the final dot, for the next command.

    The stream is looked at through a window that starts with an imagined CRLF, so that a first line that
    begins with a dot needs no special case.
    """

    def __init__(self) -> None:
        self.rest: bytes | None = None
        self._window = b"\r\n"
        self._imagined = 2

    def push(self, chunk: bytes) -> bytes:
        """The content that is certain by now."""
        self._window += chunk
        if b"." not in self._window:  # base64 has none, and most of a large message is that
            return self._take(_safe_cut(self._window), has_dots=False)
        end = self._window.find(_END_OF_DATA)
        if end >= 0:
            self.rest = self._window[end + len(_END_OF_DATA) :]
            return self._take(end + 2)
        return self._take(_safe_cut(self._window))

    def _take(self, cut: int, *, has_dots: bool = True) -> bytes:
        if cut <= self._imagined:
            return b""
        content, imagined = self._window[:cut], self._imagined
        self._window, self._imagined = self._window[cut:], 0
        return (content.replace(b"\r\n.", b"\r\n") if has_dots else content)[imagined:]


def _safe_cut(window: bytes) -> int:
    """How much of the window can go: neither the end mark nor a stuffed dot may lie across the cut.

    Both begin with a CR. Without one near its end all of the window goes, and nothing of it is copied.
    """
    if window.find(b"\r", -len(_END_OF_DATA) + 1) < 0:
        return len(window)
    cut = len(window) - len(_END_OF_DATA) + 1
    if cut <= 0:
        return 0
    if window[cut - 1 : cut] == b"\r":
        return cut - 1
    return cut - 2 if window[max(0, cut - 2) : cut] == b"\r\n" else cut


class Pace:
    """DATA must keep a minimum rate over every window, and end within its time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._least = settings.data_minimum_rate * RATE_WINDOW
        self._deadline = clock.monotonic() + settings.data_timeout.total_seconds()
        self._open_window()

    def patience(self) -> float:
        """Seconds to wait for the next chunk before asking `is_too_slow_after`."""
        return max(0.0, min(self._window_end, self._deadline) - self._clock.monotonic())

    def is_too_slow_after(self, size: int) -> bool:
        """Counts a chunk; true when the time is up, or too little came in the window that ends now."""
        self._seen += size
        now = self._clock.monotonic()
        if now < min(self._window_end, self._deadline):
            return False
        slow = now >= self._deadline or self._seen < self._least
        self._open_window()
        return slow

    def _open_window(self) -> None:
        self._seen = 0
        self._window_end = self._clock.monotonic() + RATE_WINDOW
