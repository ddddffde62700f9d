"""The command's own small client of our API: bearer key and JSON. Must never log the key."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

SECONDS = 10.0


class ApiError(Exception):
    """The API said no; the text holds method, path, status and the problem's title."""


class ApiClient:
    """Calls `url` with this key. Blocking I/O runs in a thread."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    async def get(self, path: str) -> Any:
        return await self._call("GET", path)

    async def post(self, path: str) -> Any:
        return await self._call("POST", path)

    async def _call(self, method: str, path: str) -> Any:
        return await asyncio.to_thread(self._request, method, path)

    def _request(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        data = b"" if method == "POST" else None
        request = urllib.request.Request(self._url + path, data=data, headers=headers, method=method)
        # A proxy of the environment must not see a request to this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(f"{method} {path} answered {error.code}: {_title(error.read())}") from None
        except (OSError, ValueError) as error:
            raise ApiError(f"{method} {path} failed: {error}") from None


def _title(body: bytes) -> str:
    """The problem's words (RFC 9457), if it is one."""
    try:
        problem = json.loads(body)
        return str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        return "no reason given"
