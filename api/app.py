"""The application: every resource under one edge. Built around a runtime, so that tests bring their own."""

import json
import re
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api import accounts, aliases, destinations, docs, domains, errors, health, keys, ledger, logs
from api.edge import Edge
from api.parameters import only_known
from api.runtime import ApiRuntime

_PAGE = re.compile(r"Page_(\w+)Out_")
_OUT = re.compile(r"(\w+)Out$")

DESCRIPTION = """\
Forward mail for your domains. Authenticate with an API key: `Authorization: Bearer cp_live_...`.
Lists come in pages: give `next_cursor` as `cursor` while `has_more` is true.
Errors are problem+json (RFC 9457); `code` is stable, `request_id` names the request in our logs.
"""


def create_app(runtime: ApiRuntime) -> FastAPI:
    app = FastAPI(
        title="Clearpost",
        version="1",
        summary="Email forwarding that loses nothing and keeps nothing",
        description=DESCRIPTION,
        servers=[{"url": runtime.settings.web_url}],
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.runtime = runtime
    errors.install(app)
    for resource in (accounts, domains, aliases, destinations, keys, logs, ledger):
        app.include_router(resource.router, dependencies=[Depends(only_known)])
    for pages in (health, docs):
        app.include_router(pages.router)
    app.add_middleware(Edge, clock=runtime.clock)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document with our own shape of errors, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        document["components"]["schemas"]["Problem"] = errors.SCHEMA
        app.openapi_schema = _with_plain_names(document)
    return app.openapi_schema


def _with_plain_names(document: dict[str, Any]) -> dict[str, Any]:
    """Schemas are called by what they show, as generated clients will call them: Domain, DomainPage."""
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        plain = _OUT.sub(r"\1", _PAGE.sub(r"\1Page", name))
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{plain}"')
        text = text.replace(f'"{name}": {{', f'"{plain}": {{')
        text = text.replace(f'"title": "{_title(name)}"', f'"title": "{plain}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _title(name: str) -> str:
    """As pydantic writes the title of a page: Page[DomainOut]."""
    match = _PAGE.fullmatch(name)
    return f"Page[{match[1]}Out]" if match else name
