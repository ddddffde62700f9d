"""The API reference, which is made from the OpenAPI document.

Must never make a browser ask anybody else: no script, no font, no image from anywhere.
"""

from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from api import error_codes, reference
from api.errors import CODES
from api.pages import page
from api.security import Runtime
from customers.callers import IN_WORDS
from mailcore.settings import Settings

router = APIRouter(include_in_schema=False)

_GUIDES: Final = (
    ("first-steps", "First steps"),
    ("before", "Before you start"),
    ("authentication", "Authentication"),
    ("errors", "Errors"),
    ("pagination", "Pagination"),
    ("idempotency", "Idempotency"),
    ("etags", "ETags"),
    ("rates", "Rate limits"),
    ("live", "Live events"),
    ("oauth", "OAuth for apps"),
)


@router.get("/docs")
async def show_reference(request: Request, runtime: Runtime) -> HTMLResponse:
    """Made once: neither the document nor a setting changes while the process lives."""
    state = request.app.state
    if not hasattr(state, "reference"):
        state.reference = _reference(request.app, runtime.settings)
    made: HTMLResponse = state.reference
    return HTMLResponse(
        made.body, headers={"Content-Security-Policy": made.headers["content-security-policy"]}
    )


def _reference(app: FastAPI, settings: Settings) -> HTMLResponse:
    document = app.openapi()
    return page(
        "docs.html",
        document=document,
        settings=settings,
        guides=_GUIDES,
        groups=reference.groups(document),
        schemas=list(reference.schemas(document)),
        scopes=IN_WORDS,
        everywhere=error_codes.everywhere(),
        codes=CODES,
    )
