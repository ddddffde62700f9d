"""For machines: is the process up, does the database answer, and what is counted."""

import asyncio
import ipaddress
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.errors import problem, unavailable
from api.security import Runtime
from mailcore.settings import Settings

router = APIRouter(include_in_schema=False)

_READY_SECONDS: Final = 2.0


@router.get("/healthz")
async def get_health() -> dict[str, str]:
    return {"status": "up"}


@router.get("/readyz")
async def get_readiness(request: Request, runtime: Runtime) -> Response:
    """Whatever goes wrong, the edge answers 503; only silence needs a bound of its own."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await runtime.database.value("select 1")
    except TimeoutError:
        return unavailable(request.state.request_id)
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def get_metrics(request: Request, runtime: Runtime) -> Response:
    """For loopback and the networks of the settings only, and for nobody whom a proxy lets in."""
    host = request.client.host if request.client else ""
    if "x-forwarded-for" in request.headers or not may_read_metrics(host, runtime.settings):
        return problem(request.state.request_id, 403, "forbidden", "This address may not read the metrics.")
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def may_read_metrics(host: str, settings: Settings) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    networks = (ipaddress.ip_network(each, strict=False) for each in settings.metrics_allowed)
    return address.is_loopback or any(address in network for network in networks)
