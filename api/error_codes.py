"""Which operation may answer with which error code, and under which status: for the reference page.

Must never miss a code of errors.CODES: a test compares, and looks into the code that raises them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.errors import CODES

# What any request may get. The reference says these once.
EVERYWHERE: Final[Mapping[str, int]] = {
    "bad_request": 400,
    "key_in_query": 400,
    "unauthorized": 401,
    "account_needed": 403,
    "account_suspended": 403,
    "cross_site": 403,
    "scope_missing": 403,
    "role_missing": 403,
    "person_needed": 403,
    "domain_limited": 403,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "request_in_progress": 409,
    "body_too_large": 413,
    "validation_failed": 422,
    "invalid": 422,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "unavailable": 503,
}
# What every operation may get that says so by its status.
BY_STATUS: Final[Mapping[int, Sequence[str]]] = {
    404: ("not_found",),
    409: ("conflict",),
    412: ("precondition_failed",),
}


@dataclass(frozen=True, slots=True)
class Place:
    """`operations` by id."""

    status: int
    operations: Sequence[str]


_WRITE_ALIAS: Final = ("create_alias", "update_alias", "bulk_aliases", "import_aliases")
_GIVE_DESTINATION: Final = (*_WRITE_ALIAS, "change_matching_aliases", "create_destination")
_OF_DOMAIN_NAME: Final = ("create_domain",)
_WRITE_APP: Final = ("create_oauth_app", "update_oauth_app")
_PAGES: Final = (
    "list_domains", "list_aliases", "list_domain_aliases", "list_destinations", "list_keys", "list_audit",
    "list_requests", "list_members", "list_invitations", "list_messages", "list_queue", "list_oauth_apps",
    "list_oauth_grants", "list_support_requests", "list_support_views",
)  # fmt: skip
_FRESH: Final = (
    "change_email", "create_passkey", "create_passkey_options", "delete_identity", "delete_me",
    "delete_account", "delete_passkey", "lift_suppression", "transfer_account",
)  # fmt: skip
_ORDER: Final = ("open_checkout", "change_subscription", "preview_change")
_ASK_STRIPE: Final = (*_ORDER, "open_portal")
_END_DELIVERY: Final = ("cancel_queue", "cancel_delivery")
_TRY_DELIVERY: Final = ("retry_queue", "retry_delivery")
SOME: Final[Mapping[str, Place]] = {
    "address_suppressed": Place(422, ("create_invitation", "send_invitation")),
    "address_hosted": Place(422, ("create_invitation", "change_email")),
    "alias_signs_in": Place(403, (*_WRITE_ALIAS, "change_matching_aliases", "delete_alias")),
    "address_invalid": Place(422, ("create_invitation", "change_email")),
    "alias_exists": Place(409, _WRITE_ALIAS),
    "app_is_public": Place(422, ("roll_oauth_app_secret",)),
    "billing_off": Place(404, ("get_billing", *_ASK_STRIPE)),
    "choice_missing": Place(422, ("retry_queue", "cancel_queue")),
    "claim_exists": Place(409, ("create_claim",)),
    "confirmation_wrong": Place(422, ("transfer_account", "delete_account")),
    "csv_invalid": Place(422, ("import_aliases",)),
    "delivery_cancelled": Place(409, _TRY_DELIVERY),
    "delivery_held": Place(409, _TRY_DELIVERY),
    "destination_answered": Place(409, ("ask_destination",)),
    "destination_exists": Place(409, ("create_destination",)),
    "destination_invalid": Place(422, _GIVE_DESTINATION),
    "destination_loops": Place(422, _GIVE_DESTINATION),
    "destination_missing": Place(422, _WRITE_ALIAS),
    "destination_suppressed": Place(422, _GIVE_DESTINATION),
    "domain_exists": Place(409, ("create_domain",)),
    "domain_invalid": Place(422, _OF_DOMAIN_NAME),
    "domain_public_suffix": Place(422, _OF_DOMAIN_NAME),
    "domain_reserved": Place(422, _OF_DOMAIN_NAME),
    "export_first": Place(409, ("delete_account",)),
    "gone_by_policy": Place(410, ("get_message",)),
    "homepage_invalid": Place(422, _WRITE_APP),
    "in_flight": Place(409, (*_TRY_DELIVERY, *_END_DELIVERY)),
    "in_use": Place(409, ("delete_destination",)),
    "invalid_cursor": Place(422, _PAGES),
    "invitation_exists": Place(409, ("create_invitation",)),
    "key_ended": Place(409, ("roll_key",)),
    "last_owner": Place(409, ("update_member", "remove_member", "delete_me")),
    "limit_reached": Place(403, ("create_domain", *_WRITE_ALIAS, "create_oauth_app", "create_passkey")),
    "local_part_invalid": Place(422, _WRITE_ALIAS),
    "member_exists": Place(409, ("create_invitation",)),
    "named_twice": Place(409, ("bulk_aliases", "import_aliases")),
    "oauth_request_invalid": Place(422, ("show_consent", "decide_consent")),
    "outlives_caller": Place(
        403, ("create_key", "roll_key", *_WRITE_APP, "roll_oauth_app_secret", "open_support_request")
    ),
    "passkey_invalid": Place(422, ("create_passkey",)),
    "payment_declined": Place(402, ("change_subscription",)),
    "payment_due": Place(409, ("change_subscription", "preview_change")),
    "payments_unavailable": Place(503, _ASK_STRIPE),
    "policy_unread": Place(403, ("create_domain",)),
    "price_unknown": Place(422, _ORDER),
    "redirect_uri_invalid": Place(422, _WRITE_APP),
    "sign_in_again": Place(403, _FRESH),
    "sign_up_closed": Place(403, ("create_account",)),
    "subscription_exists": Place(409, ("open_checkout",)),
    "subscription_missing": Place(409, ("change_subscription", "open_portal")),
    "test_refused": Place(409, ("send_test",)),
}
# Of pages, and of what is no part of /v1.
ELSEWHERE: Final = ("forbidden", "no_grant", "passkey_needed", "passkey_refused", "signature_invalid")


@dataclass(frozen=True, slots=True)
class Meaning:
    status: int
    code: str
    text: str


def everywhere() -> list[Meaning]:
    return [Meaning(status, code, CODES[code]) for code, status in EVERYWHERE.items()]


def codes_of(operation: str, statuses: Sequence[int]) -> list[Meaning]:
    """What this operation may answer beside what all may, by status."""
    by_status = [(status, code) for status in statuses for code in BY_STATUS.get(status, ())]
    own = [(place.status, code) for code, place in SOME.items() if operation in place.operations]
    return [Meaning(status, code, CODES[code]) for status, code in sorted({*by_status, *own})]
