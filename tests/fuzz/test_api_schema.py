"""The running API against its own OpenAPI document: valid and invalid requests of each operation.

Schemathesis makes them. No answer may be a fault, nor have a status, a type or a shape that the document
does not name.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mailcore.plans import Plan
from tests.support.api import Tenant, listening, running_api

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EFFORT = settings(
    max_examples=8,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

# Never ends by itself (tests/api/test_events.py); needs an mx (tests/journeys/test_owner_and_queue.py).
ELSEWHERE = {"GET /v1/events", "POST /v1/aliases/{alias_id}/test"}

# Text that fits the document is seldom a name that can be claimed: half of the bodies here are.
NUMBERS = itertools.count()
FITTING: dict[str, Callable[[int], dict[str, Any]]] = {
    "POST /v1/domains": lambda number: {"name": f"fuzz-{number}.test"},
    "POST /v1/destinations": lambda number: {"address": f"fuzz-{number}@inbox.test"},
}


async def known_ids(tenant: Tenant) -> dict[str, str]:
    """What exists, so that not every path ends in 404."""
    domain = await tenant.claim("fuzz-home.test")
    alias = await tenant.alias(domain)
    return {"domain_id": domain["id"], "alias_id": alias["id"]}


@dataclass
class Told:
    """What all requests came to: (operation, status) of each answer, and the failures."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def statuses(self) -> set[int]:
        return {status for _, status in self.answers}


def ask_everything(url: str, secret: str, known: dict[str, str], mode: GenerationMode) -> Told:
    """Every operation, many times. Blocks: runs in a thread."""
    told = Told()
    for found in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        assert isinstance(found, Ok), found
        if (operation := found.ok()).label not in ELSEWHERE:
            ask_one(operation, secret, known, mode, told)
    return told


def ask_one(operation: Any, secret: str, known: dict[str, str], mode: GenerationMode, told: Told) -> None:
    @EFFORT
    @given(case=operation.as_strategy(generation_mode=mode), exists=st.booleans())
    def ask(case: Any, exists: bool) -> None:
        if exists and case.method != "DELETE":
            case.path_parameters = {**(case.path_parameters or {}), **chosen(case, known)}
        if exists and operation.label in FITTING and mode is GenerationMode.POSITIVE:
            case.body = FITTING[operation.label](next(NUMBERS))
        answer = case.call(headers={"Authorization": f"Bearer {secret}"})
        told.answers[operation.label, answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        # An operation that takes nothing has no wrong way to be asked.
        if mode is GenerationMode.POSITIVE or takes_something(operation):
            told.failures.append(f"{operation.label}: nothing to ask it")
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  all of them are to be told
        told.failures.append(f"{operation.label}: {error} {getattr(error, 'exceptions', '')}")


def takes_something(operation: Any) -> bool:
    return bool(operation.body) or any(True for _ in operation.iter_parameters())


def chosen(case: Any, known: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in known.items() if f"{{{name}}}" in case.operation.path}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("mode", "seen"), [(GenerationMode.POSITIVE, {200, 201, 404}), (GenerationMode.NEGATIVE, {422})], ids=str
)
async def test_every_answer_is_as_the_document_says(
    database_url: str, tmp_path: Path, mode: GenerationMode, seen: set[int]
) -> None:
    async with running_api(database_url, tmp_path) as world, listening(world) as url:
        tenant = await world.tenant(plan=Plan.BUSINESS)
        known = await known_ids(tenant)
        told = await asyncio.to_thread(ask_everything, url, tenant.secret, known, mode)
    assert not told.failures, "\n\n".join(told.failures)
    assert told.statuses() >= seen, told.answers
