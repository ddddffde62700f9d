"""The portal's page and its files: built from frontend/, the same for everybody, under a policy of its own.

Must never put anything of an account into the page, nor ask the database for it (it comes while that is
away), nor let a browser run or ask what is not ours.
"""

import re
import secrets
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from api import errors
from api.browser_sessions import read_cookie
from api.pages import page
from api.rate_limits import asker
from api.security import Runtime, runtime
from mailcore import metrics
from mailcore.rates import Rate
from mailcore.settings import Settings

router = APIRouter(include_in_schema=False)

# How every path of the portal's begins.
SCREENS: Final = ("overview", "welcome", "domains", "aliases", "destinations", "logs", "queue", "billing",
                  "developers", "team", "security", "privacy", "support-access", "profile",
                  "staff")  # fmt: skip
# What machines ask: what is not there is said to them as a problem, whatever they accept.
_FOR_MACHINES: Final = ("/v1/", "/auth/", "/oauth/", "/assets/", "/webhooks/", "/.well-known/")
_NONCE: Final = "__CSP_NONCE__"
_REPORTS: Final = "/csp-reports"
# A script or a style is a file of ours, or bears the nonce of this one answer.
_POLICY: Final = "; ".join((
    "default-src 'none'", f"script-src 'self' 'nonce-{_NONCE}'", f"style-src 'self' 'nonce-{_NONCE}'",
    "img-src 'self' data:", "font-src 'self'", "connect-src 'self'", "form-action 'self'",
    "frame-ancestors 'none'", "base-uri 'none'", f"report-uri {_REPORTS}", "report-to csp",
))  # fmt: skip
_ASSET: Final = re.compile(r"\w[\w.-]*(\.\w+)", re.ASCII)
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png",
                 ".woff2": "font/woff2", ".json": "application/json"}  # fmt: skip
_YEAR: Final = "public, max-age=31536000, immutable"
_REPORTS_RATE: Final = Rate(30, timedelta(minutes=1))


async def show_screen(request: Request, runtime: Runtime) -> Response:
    """The portal, or the way to sign in and back. Only the API knows whether the cookie still counts."""
    if not read_cookie(request, runtime.settings):
        here = f"{quote(request.url.path)}?{request.url.query}".removesuffix("?")
        return RedirectResponse(f"/auth/sign-in?{urlencode({'next': here})}", 303)
    return _shell(runtime.settings) or _not_built()


for _screen in SCREENS:
    router.add_api_route(f"/{_screen}", show_screen)
    router.add_api_route(f"/{_screen}/{{rest:path}}", show_screen)


@router.get("/assets/{name}")
async def send_asset(name: str, request: Request, runtime: Runtime) -> Response:
    """Its name holds a hash of its content, so a browser never asks for it again."""
    matched = _ASSET.fullmatch(name)
    kind = _TYPES.get(matched[1]) if matched else None
    file = runtime.settings.portal_folder / "assets" / name
    if kind is None or not file.is_file():
        raise HTTPException(404)
    headers = {"Cache-Control": _YEAR, "Vary": "Accept-Encoding"}
    packed = file.with_name(f"{name}.gz")
    if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
        file, headers["Content-Encoding"] = packed, "gzip"
    return FileResponse(file, headers=headers, media_type=kind)


@router.post(_REPORTS, status_code=204)
async def count_report(request: Request, runtime: Runtime) -> None:
    """That something broke the policy is counted; what the browser says of it is not even read."""
    await runtime.rates.need("csp reports", asker(request), _REPORTS_RATE, "These were told already.")
    metrics.CSP_REPORTS.inc()


def install(app: FastAPI) -> None:
    """After all other routes: an unknown address that a person opens is a page as well."""
    app.include_router(router)
    app.add_exception_handler(404, _not_found)


async def _not_found(request: Request, error: Exception) -> Response:
    if not _is_for_a_person(request):
        return await errors.http(request, error)
    settings = runtime(request).settings
    shell = _shell(settings, 404) if read_cookie(request, settings) else None
    lines = ["The address may be mistyped, or what was here is gone."]
    return shell or page(
        "message.html", status=404, title="Nothing here", lines=lines, link=("/", "To the front page")
    )


def _is_for_a_person(request: Request) -> bool:
    opened = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    return opened and not request.url.path.startswith(_FOR_MACHINES)


def _shell(settings: Settings, status: int = 200) -> HTMLResponse | None:
    """None where it is not built. Read anew each time, so that a new build needs no new start."""
    try:
        html = (settings.portal_folder / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    nonce = secrets.token_urlsafe(16)
    headers = {
        "Content-Security-Policy": _POLICY.replace(_NONCE, nonce),
        "Reporting-Endpoints": f'csp="{_REPORTS}"',
        "Referrer-Policy": "same-origin",  # its forms tell where they stand, as those of api/pages.py
    }
    return HTMLResponse(html.replace(_NONCE, nonce), status, headers)


def _not_built() -> HTMLResponse:
    lines = [
        "Whoever runs this server builds it with: python3 bootstrap.py portal",
        "Mail flows without it, and the API does all that it does.",
    ]
    return page(
        "message.html",
        status=503,
        title="The portal is not built yet",
        lines=lines,
        link=("/docs", "API reference"),
    )
