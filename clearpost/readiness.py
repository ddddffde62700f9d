"""How a child process tells the supervisor that it is ready. Must never fail where there is no supervisor."""

import os

READY_FD = "CLEARPOST_READY_FD"


def say_ready() -> None:
    """Write `ready` to the pipe the supervisor gave us, once; does nothing when started by hand."""
    number = os.environ.pop(READY_FD, None)
    if number is not None:
        with open(int(number), "wb") as pipe:
            pipe.write(b"ready\n")
