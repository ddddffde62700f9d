"""The application: every resource under one edge. Built around a runtime, so that tests bring their own."""

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from api import (
    accounts,
    address_change,
    alias_bulk,
    alias_csv,
    aliases,
    audit,
    billing,
    canary,
    canary_pages,
    claims,
    confirmations,
    destinations,
    dns_check,
    docs,
    domains,
    errors,
    events,
    health,
    invitations,
    keys,
    leaving,
    ledger,
    log_export,
    log_figures,
    logs,
    me,
    oauth_apps,
    oauth_consent,
    oauth_grants,
    oauth_server,
    passkeys,
    plans,
    portal,
    privacy,
    provider_sign_in,
    public,
    queue,
    request_log,
    sign_in,
    sign_in_flow,
    staff,
    staff_log,
    statements,
    status,
    stripe_webhook,
    support,
    team,
    test_message,
    transparency,
    usage,
)
from api.document import document_of
from api.edge import Edge
from api.parameters import only_known, only_known_to_people
from api.runtime import ApiRuntime

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
    oauth_server.install(app)
    _include(app)
    portal.install(app)
    sign_in_flow.install(app, runtime)
    app.add_middleware(Edge, clock=runtime.clock, requests=runtime.requests)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _include(app: FastAPI) -> None:
    """All that is asked of us but the portal, which comes last."""
    app.include_router(stripe_webhook.router)  # routes are tried in turn, and its events come in storms
    for resource in (
        accounts,
        domains,
        alias_bulk,
        alias_csv,
        aliases,
        destinations,
        keys,
        audit,
        support,
        request_log,
        team,
        invitations,
        leaving,
        privacy,
        claims,
        log_figures,
        log_export,
        logs,
        events,
        queue,
        test_message,
        ledger,
        usage,
        billing,
        oauth_apps,
        oauth_grants,
    ):
        app.include_router(resource.router, dependencies=[Depends(only_known)])
    for own in (me.router, passkeys.router, oauth_consent.router, accounts.of_people, address_change.router):
        app.include_router(own, dependencies=[Depends(only_known_to_people)])
    for pages in (health, status, docs, public, confirmations, dns_check, plans, statements, transparency):
        app.include_router(pages.router)
    app.include_router(invitations.pages)
    for way in (sign_in.router, provider_sign_in.router, passkeys.sign_in_router):
        app.include_router(way)
    app.include_router(address_change.pages)
    app.include_router(claims.pages)
    app.include_router(staff.router)
    for warrant in (canary_pages.router, canary.router, canary.files, canary.for_staff):
        app.include_router(warrant)
    app.include_router(staff_log.router)
    for protocol in (oauth_server.router, oauth_consent.pages):
        app.include_router(protocol)


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Made once."""
    if app.openapi_schema is None:
        app.openapi_schema = document_of(app)
    return app.openapi_schema
