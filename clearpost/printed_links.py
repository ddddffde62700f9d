"""Prints the links that our letters bring to the demo inbox. Must never show a link to elsewhere."""

import asyncio
from typing import Final

from clearpost.api_client import ApiClient, ApiError
from clearpost.progress import say

_PAUSE_SECONDS: Final = 1.0


async def print_links(inbox: ApiClient, web_url: str) -> None:
    """One line for each, for ever: the inbox answers as soon as there is mail, or after a while without."""
    last = 0
    while True:
        try:
            answer = await inbox.get(f"/links.json?after={last}")
        except ApiError:  # it is being started again, and then counts from the start
            last = 0
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        last = answer["last"]
        for link in answer["links"]:
            if link["url"].startswith(f"{web_url}/"):
                say(f"  {link['kind']} link for {link['to']}:  {link['url']}")
