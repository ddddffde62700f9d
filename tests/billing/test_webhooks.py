"""Events of Stripe's: signatures, what is read of them."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from billing import webhooks
from tests.support.signed_events import event, header

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = json.dumps(event()).encode()
SECRET = "whsec_one"


def test_a_signature_of_one_of_the_secrets_counts() -> None:
    given = header(BODY, NOW, SECRET)
    assert webhooks.is_genuine(BODY, given, (SECRET,), NOW)
    assert webhooks.is_genuine(BODY, given, ("whsec_two", SECRET), NOW)
    assert not webhooks.is_genuine(BODY, given, ("whsec_two",), NOW)
    assert not webhooks.is_genuine(BODY, given, (), NOW)


def test_the_library_agrees_about_what_a_signature_is() -> None:
    given = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, int(NOW.timestamp()))
    assert webhooks.is_genuine(BODY, given, (SECRET,), NOW)


@pytest.mark.parametrize(
    ("late", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_neither_old_nor_future_ones_count(late: int, good: bool) -> None:
    given = header(BODY, NOW - timedelta(seconds=late), SECRET)
    assert webhooks.is_genuine(BODY, given, (SECRET,), NOW) is good


def test_another_body_is_not_what_was_signed() -> None:
    assert not webhooks.is_genuine(BODY + b" ", header(BODY, NOW, SECRET), (SECRET,), NOW)


def test_a_rotated_signature_counts_beside_an_unknown_one() -> None:
    given = header(BODY, NOW, SECRET)
    assert webhooks.is_genuine(BODY, given.replace("v1=", "v1=00,v1="), (SECRET,), NOW)
    assert not webhooks.is_genuine(BODY, given.replace("v1=", "v0="), (SECRET,), NOW)


@pytest.mark.parametrize(
    "given",
    [
        "",
        ",",
        "t=",
        "t=x,v1=y",
        "v1=",
        "t=1" * 100,
        "t=-1,v1=0",
        "t=\u0661,v1=0",
        "t=9" * 9999,
        "\x00",
        "v1=é",
    ],
)
def test_a_header_that_makes_no_sense_is_no_signature(given: str) -> None:
    assert not webhooks.is_genuine(BODY, given, (SECRET,), NOW)


def test_two_moments_are_none() -> None:
    seconds = int(NOW.timestamp())
    old = seconds - 9999
    mac = hmac.new(SECRET.encode(), f"{old}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert not webhooks.is_genuine(BODY, f"t={old},t={seconds},v1={mac}", (SECRET,), NOW)


def test_of_an_event_only_names_are_read() -> None:
    read = webhooks.read(json.dumps(event(object="subscription", customer="cus_1")).encode())
    assert read is not None
    assert (read.id, read.type, read.customer_id) == ("evt_1", "customer.subscription.updated", "cus_1")
    assert (read.is_live, read.dispute_id, read.is_wanted) == (False, None, True)
    dispute = event(kind="charge.dispute.created", object="dispute", id="dp_1", customer=None)
    assert (found := webhooks.read(json.dumps(dispute).encode())) is not None
    assert (found.customer_id, found.dispute_id) == (None, "dp_1")
    expanded = webhooks.read(json.dumps(event(customer={"id": "cus_2"})).encode())
    assert expanded is not None
    assert expanded.customer_id == "cus_2"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff\xfe", b"[]", b"{}", b"null", b'{"id": 1}', b"[" * 100_000, b'"' + b"a" * 9999 + b'"',
        json.dumps(event() | {"id": "a\x00b"}).encode(),
        json.dumps(event() | {"id": "e" * 256}).encode(),
        json.dumps(event() | {"created": 10**30}).encode(),
        json.dumps(event() | {"data": {"object": []}}).encode(),
        json.dumps(event(customer=7)).encode(),
    ],
)  # fmt: skip
def test_what_is_no_event_is_none(body: bytes) -> None:
    assert webhooks.read(body) is None
