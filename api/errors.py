"""Every error as problem+json (RFC 9457) with a stable code and the request's id.

Must never show an internal detail: what we did not foresee is a 503 that says only that.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mailcore.errors import BusinessError

log = structlog.get_logger("api")

MEDIA_TYPE: Final = "application/problem+json"
# Retry-After of a fault of ours, in seconds.
RETRY_AFTER: Final = "5"

# All codes with their meaning, for the documentation; the texts of an answer may say more.
CODES: Final[Mapping[str, str]] = {
    "unauthorized": "No valid API key was sent as a Bearer token.",
    "scope_missing": "The key or app lacks a scope; `scope` names it.",
    "role_missing": "The person's role in the account does not reach this; `role` names what does.",
    "person_needed": "This is for a person who is signed in, not for a key or an app.",
    "account_needed": "The person is signed in but works in no account now: choose one.",
    "sign_in_again": "This takes a sign-in of the last ten minutes.",
    "account_suspended": "The account is suspended: it is read, taken out, closed, and not changed.",
    "passkey_refused": "This passkey signs nobody in here.",
    "outlives_caller": "What was asked for would last longer than whoever asks: an app, or a key that ends.",
    "passkey_invalid": "This is no answer to the challenge that this browser was given last.",
    "cross_site": "A browser sent this from another site's page.",
    "domain_limited": "The key is limited to some domains; this concerns the whole account.",
    "idempotency_key_reused": "This Idempotency-Key was sent with another request within 24 h.",
    "request_in_progress": "The request with this Idempotency-Key still runs. Try again in a moment.",
    "precondition_failed": "It is not what `If-Match` names any more: read it again.",
    "rate_limited": "Too many requests. Try again after `Retry-After` seconds.",
    "forbidden": "This address may not read this.",
    "policy_unread": "Nobody of the account was told yet what is logged: GET, then POST /v1/account/policy.",
    "key_in_query": "An API key was sent in the query string, where it ends up in logs. Revoke it.",
    "not_found": "There is no such thing in this account.",
    "gone_by_policy": "What is logged of a message is deleted for good after its days, by our policy.",
    "method_not_allowed": "This address does not know that method.",
    "bad_request": "The request could not be read.",
    "validation_failed": "A field is missing, unknown or not allowed; `errors` names each.",
    "invalid_cursor": "The cursor is not one that this list has given out.",
    "invalid": "A value is not allowed.",
    "address_hosted": "Mail to this address is forwarded here: nobody may sign in with it.",
    "address_invalid": "This is not an e-mail address.",
    "alias_signs_in": "Somebody signs in with an address that this alias receives: only an owner changes it.",
    "address_suppressed": "This inbox has asked to get no mail from this service.",
    "member_exists": "The person belongs to the account already.",
    "invitation_exists": "The address is invited already; that invitation can be sent again.",
    "no_grant": "Staff see nothing of an account's log that no live grant of it covers.",
    "passkey_needed": "Staff add a passkey after signing in with one.",
    "claim_exists": "An admin has asked to own the account already.",
    "export_first": "An account is exported before it is deleted, unless that is waived.",
    "sign_up_closed": "Nobody opens an account here by themselves.",
    "last_owner": "An account has an owner at all times.",
    "confirmation_wrong": "What cannot be taken back is confirmed by the account's exact name.",
    "domain_invalid": "This is not a domain name.",
    "domain_reserved": "This domain can never be claimed.",
    "domain_public_suffix": "Others register names below this one.",
    "domain_exists": "The account has this domain already.",
    "local_part_invalid": "This cannot stand before the @.",
    "alias_exists": "The domain has this alias already.",
    "csv_invalid": "The text, or this line of it, is no table of aliases.",
    "named_twice": "Another item of this request names the same alias.",
    "destination_invalid": "This is not an e-mail address.",
    "destination_loops": "The address leads back to this service.",
    "destination_missing": "An alias needs at least one destination.",
    "destination_exists": "The account has this destination already.",
    "key_ended": "The key has expired, been revoked or been rolled already.",
    "destination_suppressed": "This inbox has asked to get no mail from this service.",
    "destination_answered": "The destination is not waiting for an answer: there is nothing to ask.",
    "in_use": "Aliases forward to this destination alone; `aliases` holds their ids, `count` says how many.",
    "conflict": "The thing exists already.",
    "redirect_uri_invalid": "An app cannot be answered at this address.",
    "homepage_invalid": "The homepage of an app is a plain https address.",
    "app_is_public": "A public app has no secret.",
    "oauth_request_invalid": "An app asks for what cannot be given; it hears so at `redirect_to`, if any.",
    "limit_reached": "The plan has no room for more; `resource`, `limit` and `plan` say which.",
    "request_timeout": "The body of the request did not arrive in time.",
    "body_too_large": "The body of a request may have 1 MB.",
    "in_flight": "An attempt is under way: that may still deliver it.",
    "delivery_held": "The delivery is held, so it can't be tried now.",
    "delivery_cancelled": "The delivery is cancelled and about to end.",
    "choice_missing": "Nothing says which deliveries are meant.",
    "test_refused": "Our mx did not take the test message; `reply` is what it said.",
    "billing_off": "Nothing is sold here: plans are set by whoever runs this server.",
    "price_unknown": "This plan is not sold by this interval.",
    "subscription_exists": "There is a subscription already: change that one.",
    "subscription_missing": "There is no subscription yet: buy one first.",
    "payment_due": "A payment is due, and comes before any change.",
    "payment_declined": "The payment was declined. Nothing has changed.",
    "payments_unavailable": "The payment provider does not answer. Try again after `Retry-After` seconds.",
    "signature_invalid": "This is not signed by the payment provider, or not now.",
    "unavailable": "A fault of ours. Try again after `Retry-After` seconds.",
}

_BY_STATUS: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    429: "rate_limited",
    408: "request_timeout",
    413: "body_too_large",
}

SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["/docs#not_found"]},
        "title": {"type": "string", "examples": ["Not Found"]},
        "status": {"type": "integer", "examples": [404]},
        "code": {"type": "string", "enum": list(CODES)},
        "detail": {"type": "string", "examples": ["There is no such thing in this account."]},
        "request_id": {"type": "string", "examples": ["0192f0c1-8b1e-7c3a-9d59-2f6f5d0b7a11"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                },
            },
        },
        "aliases": {
            "type": "array",
            "items": {"type": "string", "format": "uuid"},
            "description": "in_use: aliases without another destination, 100 at most",
        },
        "count": {"type": "integer", "description": "in_use: how many aliases there are in all"},
        "resource": {"type": "string", "description": "limit_reached: what there is no room for"},
        "limit": {"type": "integer", "description": "limit_reached: how many the plan allows"},
        "scope": {"type": "string", "description": "scope_missing: the scope that is lacking"},
        "role": {"type": "string", "description": "role_missing: the role that is lacking"},
        "retry_after": {"type": "integer", "description": "rate_limited: seconds to wait"},
        "redirect_to": {
            "type": "string",
            "description": "oauth_request_invalid: where the browser goes next",
        },
        "plan": {"type": "string", "description": "limit_reached: the account's plan"},
        "reply": {"type": "string", "description": "test_refused: the reply of our mx"},
    },
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a resource for the OpenAPI document; what every one can answer is always there."""
    return only(*sorted({400, 401, 403, 413, 422, 429, 503, *statuses}))


def only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extra: object,
) -> JSONResponse:
    body = {
        "type": f"/docs#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
        **extra,
    }
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


def unavailable(request_id: str) -> JSONResponse:
    return problem(request_id, 503, "unavailable", CODES["unavailable"], headers={"Retry-After": RETRY_AFTER})


def install(app: FastAPI) -> None:
    app.add_exception_handler(BusinessError, _business)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, http)


async def _business(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BusinessError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if "retry_after" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after"])
    return problem(_id(request), error.status, error.code, error.detail, headers=headers, **error.extra)


async def _validation(request: Request, error: Exception) -> JSONResponse:
    """Where and why, never the value: it may be a secret sent to the wrong field."""
    assert isinstance(error, RequestValidationError)
    found = [
        {"loc": [_shown(part) for part in each["loc"]], "msg": _plain(each)} for each in error.errors()[:20]
    ]
    return problem(_id(request), 422, "validation_failed", "The request is not valid.", errors=found)


async def http(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses, such as an address that nobody answers."""
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, "bad_request")
    detail = "There is nothing at this address." if code == "not_found" else CODES[code]
    return problem(_id(request), error.status_code, code, detail, headers=error.headers)


def _id(request: Request) -> str:
    return str(request.state.request_id)


def _plain(error: Mapping[str, Any]) -> str:
    """In a person's words where the library's are a programmer's."""
    if error["type"].endswith("too_short") and error["ctx"]["min_length"] == 1:
        return "Must not be empty"
    return str(error["msg"]).removeprefix("Value error, ")


def _shown(part: str | int) -> str | int:
    """The name of an unknown field comes from the caller: bounded, and fit for JSON."""
    return part if isinstance(part, int) else part[:100].encode("utf-8", "replace").decode()
