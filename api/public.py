"""The public pages, whole without JavaScript: product, pricing, status; and what stands around them.

Must never look up who asks (whether there is a cookie decides where the way in leads), nor stay silent where
a part of the service is away.
"""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.browser_sessions import read_cookie
from api.pages import page
from api.plans import PlansOut, PriceOut, list_plans
from api.runtime import ApiRuntime
from api.security import MaybePerson, Runtime
from api.sign_in_flow import HOME
from api.status import look
from customers import policy
from customers.policy import page as policy_page

router = APIRouter(include_in_schema=False)

_WAY_IN: Final = ("/auth/sign-in", "Sign in")
_WAY_BACK: Final = (HOME, "Overview")


def show(
    request: Request, runtime: ApiRuntime, template: str, values: Mapping[str, object], *, status: int = 200
) -> HTMLResponse:
    """A template that extends public.html; `way_in` is where its header leads."""
    way_in = _WAY_BACK if read_cookie(request, runtime.settings) else _WAY_IN
    return page(template, status=status, scripts=False, way_in=way_in, here=request.url.path, **values)


@router.get("/")
async def show_product(request: Request, runtime: Runtime, who: MaybePerson) -> Response:
    """Who is signed in has a portal to be in."""
    if who is not None:
        return RedirectResponse(HOME, 303)
    settings = runtime.settings
    kept = policy.sentences(settings.log_retention)
    logged = {"Of each message": policy.of_each_message(), "Of each event": policy.of_each_event()}
    return show(request, runtime, "front.html", {"settings": settings, "kept": kept, "logged": logged})


@router.get("/pricing")
async def show_pricing(request: Request, runtime: Runtime) -> HTMLResponse:
    """As GET /v1/plans tells it."""
    plans = await list_plans(request, runtime)
    return show(request, runtime, "pricing.html", {"plans": plans, "prices": _prices(plans)})


@router.get("/policy")
async def show_policy(request: Request, runtime: Runtime) -> HTMLResponse:
    """As docs/policy.md tells it."""
    values = {"title": policy_page.TITLE, "sections": policy_page.sections()}
    return show(request, runtime, "policy.html", values)


@router.get("/status")
async def show_status(request: Request, runtime: Runtime) -> HTMLResponse:
    """As /status.json tells it, 503 included."""
    found = await look(request, runtime)
    status = 503 if found.status == "down" else 200
    return show(request, runtime, "status.html", {"found": found}, status=status)


def _prices(plans: PlansOut) -> dict[str, list[PriceOut | None]]:
    """By interval, one for each plan; without those at which nothing is sold."""
    rows = {
        interval: [
            next((each for each in plan.prices if each.interval == interval), None) for plan in plans.data
        ]
        for interval in ("month", "year")
    }
    return {interval: row for interval, row in rows.items() if any(row)}
