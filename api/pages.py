"""Pages for people: one look, one policy, made on the server, and whole without JavaScript.

Must never make a browser ask anybody else, nor run a script that is not a file of ours.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from api import words

TEMPLATES: Final = Path(__file__).parent / "templates"
_pages: Final = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
# The portal's own variables first: one look (frontend/DESIGN.md).
_STYLE: Final = "".join(
    (TEMPLATES / name).read_text(encoding="utf-8") for name in ("tokens.css", "style.css")
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"
)
# What everybody may read: the header and the foot of each page lead there, and the portal's palette.
PLACES: Final = (
    ("/", "Product"),
    ("/pricing", "Pricing"),
    ("/status", "Status"),
    ("/dns-check", "DNS check"),
    ("/docs", "API reference"),
)
# What anybody can check, under one name in the header: the first of them is where it leads.
CHECKABLE: Final = (
    ("/policy", "Policy"),
    ("/statements", "Statements"),
    ("/canary", "Canary"),
    ("/transparency", "Transparency"),
)
_CODE: Final = re.compile(r"`([^`]+)`")


def page(template: str, *, status: int = 200, scripts: bool = False, **values: object) -> HTMLResponse:
    """A page of api/templates; `scripts` allows script files of ours and what they ask us for."""
    text = _pages.get_template(template).render(style=Markup(_STYLE), **values)
    policy = f"{_POLICY}; script-src 'self'; connect-src 'self'" if scripts else _POLICY
    # Forms of ours tell where they stand: no-referrer would have browsers hide it (api/browser_sessions.py).
    return HTMLResponse(text, status, {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"})


def opens_pages(request: Request) -> bool:
    """A browser asks; programs accept anything, or JSON."""
    return "text/html" in request.headers.get("accept", "")


def _with_code(text: str) -> Markup:
    """Text of ours with `code` set as code; everything is escaped first."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


_pages.filters |= {
    "with_code": _with_code,
    "number": words.number,
    "megabytes": words.megabytes,
    "span": words.span,
}
_pages.globals |= {"places": PLACES, "checkable": CHECKABLE, "money": words.money}
