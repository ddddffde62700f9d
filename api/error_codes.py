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
    "cross_site": 403,
    "scope_missing": 403,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "request_in_progress": 409,
    "body_too_large": 413,
    "validation_failed": 422,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "unavailable": 503,
}
# What every operation may get that says so by its status.
BY_STATUS: Final[Mapping[int, Sequence[str]]] = {404: ("not_found",), 412: ("precondition_failed",)}


@dataclass(frozen=True, slots=True)
class Place:
    """`operations` by id."""

    status: int
    operations: Sequence[str]


_WRITE_ALIAS: Final = (
    "create_alias",
    "update_alias",
    "bulk_aliases",
    "change_matching_aliases",
    "import_aliases",
)
_OF_DOMAIN_NAME: Final = ("create_domain", "check_dns")
_GIVE_DESTINATION: Final = (*_WRITE_ALIAS, "create_destination")
_DESCRIBE_APP: Final = ("create_oauth_app", "change_oauth_app")
SOME: Final[Mapping[str, Place]] = {
    "policy_unread": Place(403, ("create_domain",)),
    "limit_reached": Place(403, ("create_domain", "create_oauth_app", *_WRITE_ALIAS)),
    "domain_invalid": Place(422, _OF_DOMAIN_NAME),
    "domain_reserved": Place(422, _OF_DOMAIN_NAME),
    "domain_public_suffix": Place(422, _OF_DOMAIN_NAME),
    "domain_exists": Place(409, ("create_domain",)),
    "local_part_invalid": Place(422, _WRITE_ALIAS),
    "alias_exists": Place(409, _WRITE_ALIAS),
    "named_twice": Place(409, ("bulk_aliases", "import_aliases")),
    "csv_invalid": Place(422, ("import_aliases",)),
    "destination_invalid": Place(422, _GIVE_DESTINATION),
    "destination_loops": Place(422, _GIVE_DESTINATION),
    "destination_missing": Place(422, _WRITE_ALIAS),
    "destination_exists": Place(409, ("create_destination",)),
    "in_use": Place(409, ("delete_destination",)),
    "expired": Place(404, ("get_message",)),
    "key_ended": Place(409, ("roll_key",)),
    "in_flight": Place(409, ("retry_delivery", "cancel_delivery")),
    "delivery_held": Place(409, ("retry_delivery",)),
    "delivery_cancelled": Place(409, ("retry_delivery",)),
    "choice_missing": Place(422, ("retry_queue", "cancel_queue")),
    "test_refused": Place(409, ("send_test",)),
    "redirect_uri_invalid": Place(422, _DESCRIBE_APP),
    "homepage_invalid": Place(422, _DESCRIBE_APP),
    "app_is_public": Place(422, ("roll_oauth_app_secret",)),
    "oauth_request_invalid": Place(422, ("show_consent", "decide_consent")),
}


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
