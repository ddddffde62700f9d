"""A browser for our own pages: keeps cookies, follows redirects, sends the form that a page shows."""

import re
from html import unescape
from typing import Self

import httpx

_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
_FIELD = re.compile(r"<(?:input|button)\b([^>]*)>")


class Browser:
    """One person's. `page` is the last answer."""

    def __init__(self) -> None:
        self.http = httpx.Client(follow_redirects=True, timeout=20)
        self.page = httpx.Response(204)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def open(self, url: str) -> None:
        self.page = self.http.get(url)
        assert self.page.status_code == 200, self.page.text

    def send(self, action: str, **fields: str) -> None:
        """The form of this page whose action has these words, with what it holds and what one types."""
        for attributes, inside in _FORM.findall(self.page.text):
            target = unescape(_attribute(attributes, "action"))
            if action in target:
                held = {_attribute(each, "name"): unescape(_attribute(each, "value"))
                        for each in _FIELD.findall(inside) if 'type="hidden"' in each}  # fmt: skip
                url = self.page.url
                headers = {"Origin": f"{url.scheme}://{url.netloc.decode()}"}
                self.page = self.http.post(url.join(target or str(url)), data=held | fields, headers=headers)
                return
        raise AssertionError(f"no form for {action} on {self.page.url}")


def _attribute(text: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', text)
    return found[1] if found else ""
