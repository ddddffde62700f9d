"""What a signature costs beside the RSA operation that nobody can spare."""

from datetime import UTC, datetime

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.lanes_letters import body
from bench.micro.timing import ratio
from mailcore.authenticity.canonical import body_hash
from mailcore.authenticity.sealing import Signer, dkim_signature
from mailcore.authenticity.signatures import Header
from mailcore.authenticity.signing_keys import KeyFolder

_HEADER = (
    b"From: Ann <ann@sender.test>\r\nTo: hello@shop.test\r\nSubject: Monday\r\n"
    b"Date: Mon, 23 Nov 2026 06:00:00 +0000\r\nMessage-ID: <1@sender.test>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n"
)
_BODY = body(4096)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    folder = KeyFolder(tmp_path_factory.mktemp("keys"))
    folder.ensure("shop.test")
    (key,) = folder.keys("shop.test")
    return Signer(key, datetime(2026, 11, 23, tzinfo=UTC))


def _sign(signer: Signer) -> bytes | None:
    hashed = body_hash([_BODY], "relaxed")
    assert hashed
    return dkim_signature(Header(_HEADER), hashed, signer)


def test_sign_4_kb(benchmark: BenchmarkFixture, signer: Signer) -> None:
    assert benchmark(_sign, signer)


def test_the_rsa_operation_alone(benchmark: BenchmarkFixture, signer: Signer) -> None:
    benchmark(signer.key.sign, _HEADER)


def test_signing_costs_at_most_half_as_much_again_as_the_rsa_operation(signer: Signer) -> None:
    assert ratio(lambda: _sign(signer), lambda: signer.key.sign(_HEADER)) <= 1.5
