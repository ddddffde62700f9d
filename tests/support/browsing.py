"""Debian's chromium, driven by Playwright, and a guard over every page that it opens.

The guard fails a test whose pages ask another origin, break the content security policy, log an error or
throw one. Must never let a page out of loopback.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebError,
    async_playwright,
    expect,
)

from api.browser_sessions import cookie_name
from mailcore.settings import Settings
from tests.support.api import SignedInPerson
from tests.support.services import ROOT

CHROMIUM = "/usr/bin/chromium"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SCREENS = ROOT / "var" / "screens"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DESK, PHONE = (1280, 900), (360, 740)
_PATIENCE = 10_000  # ms; a busy machine takes longer
_RESOLVER = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
_TELL_BREACHES = """
addEventListener("securitypolicyviolation",
  (broken) => tellBreach(`${broken.effectiveDirective} of ${broken.blockedURI} at ${broken.sourceFile}`));
"""


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    expect.set_options(timeout=_PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", _RESOLVER]
        )
        yield browser
        await browser.close()


@dataclass  # no slots: Playwright keeps notes on whose methods it calls
class Guard:
    """Of one test. `allow` says what it means to provoke: a pattern of what `troubles` would say."""

    site: str
    troubles: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        self.allowed.append(pattern)

    def check(self) -> None:
        found = [each for each in self.troubles if not any(re.search(known, each) for known in self.allowed)]
        assert not found, "pages are not clean:\n" + "\n".join(found)

    async def watch(self, context: BrowserContext) -> None:
        context.on("request", self._on_request)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        await context.expose_binding("tellBreach", self._on_breach)
        await context.add_init_script(_TELL_BREACHES)

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.site}/", "data:", "blob:")):
            self.troubles.append(f"asked another origin: {request.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        """A refusal of the API is an answer like any other, though chromium logs it."""
        url = message.location["url"]
        refused = re.search(r"the server responded with a status of 4\d\d", message.text)
        if message.type == "error" and not (
            refused and urlsplit(url).path.startswith(("/v1/", "/staff/v1/"))
        ):
            self.troubles.append(f"console: {message.text} ({url})")

    def _on_error(self, error: WebError) -> None:
        self.troubles.append(f"thrown: {error.error}")

    def _on_breach(self, _: Any, what: str) -> None:
        self.troubles.append(f"policy: {what}")


@dataclass(slots=True)
class Browsing:
    """Opens pages of people, each in a browser profile of its own; `pages` are all of them."""

    browser: Browser
    settings: Settings
    guard: Guard
    contexts: list[BrowserContext] = field(default_factory=list)

    async def __call__(
        self,
        person: SignedInPerson | None = None,
        *,
        size: tuple[int, int] = DESK,
        dark: bool = False,
        javascript: bool = True,
    ) -> Page:
        """A page that shows nothing yet; nobody is signed in where there is no person."""
        context = await self.browser.new_context(
            base_url=self.settings.web_url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
            java_script_enabled=javascript,
            permissions=["clipboard-read", "clipboard-write"],
        )
        self.contexts.append(context)
        context.set_default_timeout(_PATIENCE)
        await self.guard.watch(context)
        if person is not None:
            name, url = cookie_name(self.settings), self.settings.web_url
            await context.add_cookies([{"name": name, "value": person.secret, "url": url}])
        return await context.new_page()

    async def close(self) -> None:
        for context in self.contexts:
            await context.close()


async def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA, one line for each rule and place. Works under any policy."""
    session = await page.context.new_cdp_session(page)
    await session.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    options = {"runOnly": AXE_TAGS, "resultTypes": ["violations"], "preload": False}
    found = await page.evaluate(f"async () => (await axe.run(document, {json.dumps(options)})).violations")
    await session.detach()
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


async def keep_screen(page: Page, name: str) -> Path:
    """The whole page as it stands, in var/screens."""
    path = SCREENS / f"{name}.png"
    await page.screenshot(path=path, full_page=True, animations="disabled")
    return path
