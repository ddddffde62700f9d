"""What the DNS of any domain says about mail through us: for everybody, as JSON or as a page.

Must never know an account, a claim or a customer: DNS alone answers, and few questions a minute may be asked.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from api import public
from api.domains import RecordFound
from api.fields import Text
from api.rate_limits import asker
from api.runtime import ApiRuntime
from api.security import Runtime
from customers import domain_answers
from customers.domain_names import claimable
from customers.domain_watch import judge, wanted_of
from mailcore.errors import BusinessError
from mailcore.rates import Rate

router = APIRouter(include_in_schema=False)

RATE: Final = Rate(20, timedelta(minutes=1))
_TITLES: Final = {"ownership": "Ownership (TXT)", "mx": "Mail (MX)", "spf": "SPF", "dmarc": "DMARC"}


class DnsCheckOut(BaseModel):
    """`ownership` is `ok` where any account's code stands there: whose, DNS does not say."""

    domain: str = Field(examples=["example.org"])
    ownership: RecordFound
    mx: RecordFound
    spf: RecordFound
    dmarc: RecordFound


@router.get("/dns-check", response_model=DnsCheckOut)
async def check_dns(
    request: Request, runtime: Runtime, domain: Annotated[Text, Query(max_length=255)] = ""
) -> DnsCheckOut | Response:
    """No key is needed; 20 a minute for each address. A browser gets a page."""
    for_people = "text/html" in request.headers.get("accept", "")
    if for_people and not domain:
        return _page(request, runtime, "")
    try:
        await runtime.rates.need("dns-check", asker(request), RATE, "Too many checks from your address.")
        found = await _look(runtime, domain)
    except BusinessError as error:
        if not for_people:
            raise
        return _page(request, runtime, domain, trouble=error.detail, status=error.status)
    return _page(request, runtime, found.domain, _rows(found)) if for_people else found


async def _look(runtime: ApiRuntime, domain: str) -> DnsCheckOut:
    """Raises Invalid for what no customer can have: an IP, a single label, a public suffix, ours."""
    settings = runtime.settings
    name = claimable(domain, settings)
    answers = await domain_answers.ask(runtime.resolver, name)
    rows = judge(name, wanted_of(settings, None, (settings.mx_name,)), answers)
    shown = {kind: RecordFound.model_validate(row, from_attributes=True) for kind, row in rows.items()}
    return DnsCheckOut(domain=name, **shown)


def _rows(found: DnsCheckOut) -> dict[str, RecordFound]:
    return {title: getattr(found, kind) for kind, title in _TITLES.items()}


def _page(
    request: Request,
    runtime: ApiRuntime,
    domain: str,
    rows: Mapping[str, RecordFound] | None = None,
    *,
    trouble: str = "",
    status: int = 200,
) -> HTMLResponse:
    values = {"domain": domain, "rows": rows or {}, "trouble": trouble}
    return public.show(request, runtime, "dns_check.html", values, status=status)
