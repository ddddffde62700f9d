"""No process of ours leaves a core dump: it would hold content, keys and addresses.

Must never be undone by a child: the limit is a hard one, and is inherited by whatever is started.
"""

import resource
from pathlib import Path
from typing import Final

# One octet. No file of that size is written, as with 0; but where the kernel pipes dumps into a program
# (core_pattern begins with a bar), it takes 0 for "not into a file" and dumps all the same, and 1 for "not at
# all" (core(5); fs/coredump.c). systemd-coredump stores neither.
NOTHING: Final = 1


def turn_off() -> None:
    """For this process and all that it starts from now on. A limit that is lower already stays."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = NOTHING if hard == resource.RLIM_INFINITY else min(NOTHING, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def is_off(pid: int) -> bool | None:
    """Whether that process may leave none, whoever it belongs to; None where there is no such process."""
    try:
        lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    soft = next((line.split()[4] for line in lines if line.startswith("Max core file size")), "unlimited")
    return soft.isdecimal() and int(soft) <= NOTHING
