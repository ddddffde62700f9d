"""Stripe's REST API over HTTP, as the `stripe` library speaks it, answered by the stand-in.

Keys, idempotency, errors and lists are as strict as the real one's. Must never accept a live key.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clearpost.standins.stripe_calls import CALLS, Call
from clearpost.standins.stripe_catalog import account, balance, tax_settings
from clearpost.standins.stripe_forms import decode, is_true, known_only, page, rendered
from clearpost.standins.stripe_state import Object, Refused, Store
from clearpost.standins.stripe_time import catch_up

# Where a kind of object is read, and by which of its fields a list of them can be narrowed.
READS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "customers": ("customer", ("email",)),
    "products": ("product", ("active",)),
    "prices": ("price", ("active", "currency", "product", "type", "lookup_keys")),
    "coupons": ("coupon", ()),
    "promotion_codes": ("promotion_code", ("active", "code", "customer")),
    "checkout/sessions": ("checkout.session", ("customer", "subscription", "status", "payment_intent")),
    "subscriptions": ("subscription", ("customer", "status", "price", "collection_method")),
    "subscription_schedules": ("subscription_schedule", ("customer",)),
    "invoices": ("invoice", ("customer", "status", "subscription", "collection_method")),
    "invoice_payments": ("invoice_payment", ("invoice", "status", "payment")),
    "payment_intents": ("payment_intent", ("customer",)),
    "payment_methods": ("payment_method", ("customer", "type")),
    "charges": ("charge", ("customer", "payment_intent")),
    "refunds": ("refund", ("charge", "payment_intent")),
    "disputes": ("dispute", ("charge", "payment_intent")),
    "events": ("event", ("type", "types", "delivery_success")),
    "webhook_endpoints": ("webhook_endpoint", ()),
    "billing_portal/configurations": ("billing_portal.configuration", ("active", "is_default")),
}
_SINGLE: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "account": account, "balance": balance, "tax/settings": tax_settings,
}  # fmt: skip
_PAGING: Final = ("limit", "starting_after", "ending_before", "created")


@dataclass(slots=True)
class Outage:
    """`down`: every call is 503. `lost`: orders are done and answered 500; what is read is answered."""

    mode: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """The first answer to an idempotency key, and what it was asked."""

    asked: str
    status: int
    body: bytes


@dataclass(slots=True)
class Api:
    """`asked`: every call so far, as `POST /v1/customers`, oldest first."""

    store: Store
    secret_key: str
    outage: Outage = field(default_factory=Outage)
    asked: list[str] = field(default_factory=list)
    _kept: dict[str, Kept] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Fixed paths come before those with an id in them."""
        paths: dict[str, dict[str, Call]] = {}
        for (method, path), call in CALLS.items():
            paths.setdefault(path, {})[method] = call
        for path in READS:
            paths.setdefault(path, {})
            paths.setdefault(f"{path}/{{id}}", {})
        ordered = sorted(paths, key=lambda path: "{id}" in path)
        routes = [Route(f"/v1/{path}", self._read_single(read)) for path, read in _SINGLE.items()]
        return routes + [self._route(path, paths[path]) for path in ordered]

    def _route(self, path: str, calls: dict[str, Call]) -> Route:
        async def serve(request: Request) -> Response:
            text = (await request.body()).decode() if request.method == "POST" else request.url.query
            call = calls.get(request.method)
            return self._answer(request, text, lambda parameters: self._do(request, path, call, parameters))

        return Route(f"/v1/{path}", serve, methods=["GET", *calls])

    def _read_single(self, read: Callable[[], Object]) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            return self._answer(request, "", lambda _: read())

        return serve

    def _do(self, request: Request, path: str, call: Call | None, parameters: Object) -> Object:
        identifier = request.path_params.get("id", "")
        expand = parameters.get("expand", [])
        if call is not None:
            known_only(parameters, call.parameters)
            item = call.function(self.store, identifier, parameters)
            return rendered(self.store, item, expand)
        name = path.removesuffix("/{id}")
        if name not in READS:
            raise Refused(f"Unrecognized request URL (GET: /v1/{path}).", status=404)
        kind, filters = READS[name]
        if identifier:
            return rendered(self.store, self.store.find(identifier, kind), expand)
        known_only(parameters, (*filters, *_PAGING))
        if "customer" in parameters:
            self.store.find(parameters["customer"], "customer", "customer")
        found = (item for item in self.store.all(kind) if _matches(item, kind, parameters, filters))
        return page(self.store, found, parameters, f"/v1/{name}")

    def _answer(self, request: Request, text: str, do: Callable[[Object], Object]) -> Response:
        """What every call goes through: outage, key, idempotency, errors in Stripe's shape."""
        self.asked.append(f"{request.method} {request.url.path}")
        if self.outage.mode == "down":
            return _error(503, {"type": "api_error", "message": "The stand-in plays an outage."})
        try:
            self._check_key(request)
            answer = self._once(request, text, do)
        except Refused as refused:
            answer = _error(refused.status, refused.error)
        if self.outage.mode == "lost" and request.method != "GET":
            return _error(500, {"type": "api_error", "message": "The answer was lost."})
        return answer

    def _check_key(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.secret_key.encode()):
            raise Refused(f"Invalid API Key provided: {given[:8]}****", status=401)

    def _once(self, request: Request, text: str, do: Callable[[Object], Object]) -> Response:
        """https://docs.stripe.com/api/idempotent_requests"""
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        asked = f"{request.method} {request.url.path} {sorted(text.split('&'))}"
        if (kept := self._kept.get(key)) is not None:
            return self._again(kept, asked, key)
        try:
            catch_up(self.store)
            status, body = 200, do(decode(text))
        except Refused as refused:
            if refused.status != 402:  # a call that was wrong never began: its key is free
                raise
            status, body = 402, {"error": refused.error}
        answer = _json(status, body)
        if request.method != "GET":
            self.store.save()
        if key:
            self._kept[key] = Kept(asked, status, bytes(answer.body))
        return answer

    def _again(self, kept: Kept, asked: str, key: str) -> Response:
        if kept.asked != asked:
            raise Refused(
                f"Keys for idempotent requests can only be used with the same parameters they were first "
                f"used with. Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        answer = _json(kept.status, json.loads(kept.body))
        answer.headers["Idempotent-Replayed"] = "true"
        return answer


def _matches(item: Object, kind: str, parameters: Object, filters: tuple[str, ...]) -> bool:
    if kind == "subscription" and "status" not in parameters and item["status"] == "canceled":
        return False
    return not item.get("deleted") and all(
        _is_wanted(item, name, parameters[name]) for name in filters if name in parameters
    )


def _is_wanted(item: Object, name: str, wanted: Any) -> bool:
    match item["object"], name:
        case "subscription", "status" if wanted in ("all", "ended"):
            return bool(wanted == "all" or item["status"] in ("canceled", "incomplete_expired"))
        case "subscription", "price":
            return bool(item["items"]["data"][0]["price"]["id"] == wanted)
        case "invoice", "subscription":
            return bool(item["parent"]["subscription_details"]["subscription"] == wanted)
        case "invoice_payment", "payment":
            return bool(item["payment"]["payment_intent"] == wanted.get("payment_intent"))
        case "event", "types":
            return item["type"] in wanted
        case "event", "delivery_success":
            return bool(is_true(wanted) == (item["pending_webhooks"] == 0))
        case "price", "lookup_keys":
            return item["lookup_key"] in wanted
    value: object = item.get(name)
    return bool(value == (is_true(wanted) if isinstance(value, bool) else wanted))


def _json(status: int, body: Object) -> JSONResponse:
    return JSONResponse(body, status, {"Request-Id": f"req_{secrets.token_hex(7)}"})


def _error(status: int, error: Object) -> JSONResponse:
    return _json(status, {"error": error})
