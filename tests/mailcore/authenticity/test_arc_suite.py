"""The ARC validation cases of ValiMail, all of them; skipped by name where their data is absent."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from clearpost.standins.dns import DnsStandin
from mailcore.authenticity import arc
from mailcore.clock import Clock
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from tests.support import second_opinion
from tests.support.arc_suite import CASES, SUITE, ArcCase, cases
from tests.support.signed_mail import Records

needs_the_suite = pytest.mark.skipif(
    not SUITE.exists(), reason=f"no ARC validation cases beside the project: {SUITE.name}"
)
ALL = list(cases()) if SUITE.exists() else []


@contextlib.asynccontextmanager
async def serving(records: dict[str, str]) -> AsyncIterator[Resolver]:
    async with DnsStandin() as dns:
        for name, text in records.items():
            dns.zone.put_txt(name, text)
        resolver = Resolver(settings=Settings(dns_servers=(dns.address,)), clock=Clock())
        try:
            yield resolver
        finally:
            await resolver.close()


@needs_the_suite
def test_every_case_of_the_suite_is_there() -> None:
    assert len(ALL) == CASES


@needs_the_suite
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
async def test_valimail_case(case: ArcCase) -> None:
    header, body = case.parts
    assert (await arc.verify(header, [body], Records(case.records))).result == case.result


@needs_the_suite
async def test_valimail_cases_with_keys_from_real_dns() -> None:
    """Each world once, by its last case that passes: those with records of their own among them."""
    worlds = {tuple(case.records): case for case in ALL if case.result == "pass"}
    assert len(worlds) == 3
    for case in worlds.values():
        async with serving(case.records) as resolver:
            header, body = case.parts
            assert (await arc.verify(header, [body], resolver)).result == "pass"


@needs_the_suite
@pytest.mark.parametrize("case", [case for case in ALL if case.settled], ids=lambda case: case.name)
def test_dkimpy_says_the_same(case: ArcCase) -> None:
    """The second opinion on the data, and on how we read it."""
    assert second_opinion.chain(case.message, case.records) == case.result
