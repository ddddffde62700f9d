"""Several processes of one kind on one port: starts them, restarts one that dies, stops them together.

The kernel spreads connections over processes that listen with SO_REUSEPORT. Must never leave a child
behind, nor end while one of them still finishes its mail.
"""

import os
import signal
import subprocess
import sys
import time

import structlog

from clearpost.process import death_signal
from clearpost.readiness import READY_FD, say_ready
from mailcore import logs

log = structlog.get_logger("fleet")

_PAUSE = 1.0
_OURS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


def run(arguments: list[str], count: int, metrics_port: int) -> int:
    """Runs `clearpost ARGUMENTS` this many times until SIGTERM or SIGINT. Returns the exit code.

    The metrics ports of the processes follow each other, from `metrics_port` on; 0 switches them off.
    """
    logs.configure("fleet")
    signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    fleet = [_start(arguments, index, metrics_port) for index in range(count)]
    say_ready()
    while (received := signal.sigwait(_OURS)) == signal.SIGCHLD:
        for index, process in enumerate(fleet):
            if process.poll() is not None:
                log.error("process_died", index=index, code=process.returncode)
                time.sleep(_PAUSE)
                fleet[index] = _start(arguments, index, metrics_port)
    for process in fleet:
        process.send_signal(received)
    return max(abs(process.wait()) for process in fleet)


def _start(arguments: list[str], index: int, metrics_port: int) -> "subprocess.Popen[bytes]":
    """One of them, ready to serve: its readiness is awaited, so that ours means all of them."""
    readable, writable = os.pipe()
    environment = os.environ | {
        "CLEARPOST_MX_PROCESSES": "1",
        "CLEARPOST_METRICS_PORT": str(metrics_port + index if metrics_port else 0),
        READY_FD: str(writable),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "clearpost", *arguments],
        env=environment,
        pass_fds=(writable,),
        preexec_fn=_in_child,
    )
    os.close(writable)
    with open(readable, "rb") as pipe:
        pipe.read()  # "ready", or nothing where it died before
    return process


_die_with_parent = death_signal(signal.SIGTERM)


def _in_child() -> None:
    _die_with_parent()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
