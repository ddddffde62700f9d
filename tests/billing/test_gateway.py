"""How Stripe is asked: never waiting in the loop, and no order without a key that makes it one."""

import ast
from pathlib import Path

from billing import gateway

TREE = ast.parse(Path(gateway.__file__).read_text())
ORDERS = ("create", "update", "cancel", "release", "expire")
# Deleting twice deletes once, and a preview orders nothing.
NO_ORDER = {"create_preview_async"}


def test_every_order_carries_an_idempotency_key() -> None:
    found = 0
    for call in ast.walk(TREE):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        name = call.func.attr
        if name in NO_ORDER or not (name.startswith(ORDERS) and name.endswith("_async")):
            continue
        found += 1
        assert "idempotency_key" in ast.unparse(call), f"line {call.lineno}: {name}"
    assert found >= 12


def test_the_library_is_asked_by_coroutines_only() -> None:
    for call in ast.walk(TREE):
        if isinstance(call, ast.Call) and "self._stripe.v1" in ast.unparse(call.func):
            assert ast.unparse(call.func).endswith("_async"), f"line {call.lineno}"
