"""What links in our letters lead to while the portal has no page for it: what to ask the API there.

Must never show anything of an account: whoever holds such a link need not be signed in.
"""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.pages import page

router = APIRouter(include_in_schema=False)

_OPERATIONS: Final = {
    "domains": ("get_domain", "Your domain", "What its DNS says, and what to publish: GET /v1/domains."),
    "destinations": ("list_destinations", "Your destinations", "Which of them fail: GET /v1/destinations."),
    "logs": ("list_messages", "Your log", "What became of each message: GET /v1/messages."),
    "billing": ("get_billing", "Your plan", "Plan, payment and invoices: GET /v1/billing."),
}


@router.get("/domains/{domain_id}")
async def show_domain_place(domain_id: str) -> HTMLResponse:
    return _place("domains")


@router.get("/destinations")
async def show_destinations_place() -> HTMLResponse:
    return _place("destinations")


@router.get("/logs")
async def show_logs_place() -> HTMLResponse:
    return _place("logs")


@router.get("/billing")
async def show_billing_place() -> HTMLResponse:
    return _place("billing")


def _place(name: str) -> HTMLResponse:
    operation, title, line = _OPERATIONS[name]
    link = (f"/docs#{operation}", "How to ask for it")
    return page("message.html", title=title, lines=[line], link=link)
