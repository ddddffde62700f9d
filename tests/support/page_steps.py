"""The steps that a page tells people to type, typed word by word into a shell of their own.

Must never know what they are: they come from the page's text.
"""

import asyncio
import html
import os
import re
from collections.abc import Sequence
from pathlib import Path

_BLOCK = re.compile(r"<pre[^>]*><code>(.*?)</code></pre>", re.DOTALL)


def steps_of(page: str) -> Sequence[str]:
    """What stands in each block of a page, in order."""
    return [html.unescape(block) for block in _BLOCK.findall(page)]


async def follow(steps: Sequence[str], folder: Path) -> str:
    """Typed in an empty folder; what was printed. AssertionError with it where one fails."""
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-e", "-o", "pipefail", "-c", "\n".join(steps)),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await shell.communicate()
    assert shell.returncode == 0, said.decode()
    return said.decode()
