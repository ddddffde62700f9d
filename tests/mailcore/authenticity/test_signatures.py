"""The signed messages of the standards, and keys of every size."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from mailcore.authenticity import dkim
from mailcore.authenticity.canonical import Field
from mailcore.authenticity.public_keys import PublicKey, read_record
from mailcore.authenticity.signatures import Header, Signature, holds
from tests.support.signed_mail import Records, ed25519_key, record, rsa_key

NOW = datetime(2026, 5, 1, tzinfo=UTC)

DINNER = """\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>
"""
BODY = """\
Hi.

We lost the game. Are you hungry yet?

Joe.
"""

# RFC 6376 appendix A.2 and C
RFC6376_KEY = (
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxO"
    "CKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQP"
    "NUYckcQ2QIDAQAB"
)
RFC6376 = f"""\
DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
{DINNER}"""

# RFC 8463 appendix A
RFC8463_KEYS = {
    "brisbane._domainkey.football.example.com": (
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    ),
    "test._domainkey.football.example.com": (
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOK"
        "b2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
        "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
    ),
}
RFC8463 = f"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
{DINNER}"""


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


async def results(header: str, body: str, keys: dict[str, str]) -> list[str]:
    return [each.result for each in await dkim.verify(crlf(header), [crlf(body)], Records(keys), now=NOW)]


async def test_the_message_of_rfc_6376_passes_and_any_change_to_it_fails() -> None:
    keys = {"brisbane._domainkey.example.com": RFC6376_KEY}
    assert await results(RFC6376, BODY, keys) == ["pass"]
    assert await results(RFC6376.replace("dinner", "lunch"), BODY, keys) == ["fail"]
    assert await results(RFC6376.replace("Joe Six", "Joe  Six"), BODY, keys) == ["fail"]
    assert await results(RFC6376, BODY.replace("game.", "game. "), keys) == ["fail"]


async def test_the_message_of_rfc_8463_passes_and_any_change_to_it_fails() -> None:
    assert await results(RFC8463, BODY, RFC8463_KEYS) == ["pass", "pass"]
    assert await results(RFC8463.replace("Joe Six", "Joe  Six"), BODY + "\n\n", RFC8463_KEYS) == [
        "pass",
        "pass",
    ]
    assert await results(RFC8463.replace("dinner", "lunch"), BODY, RFC8463_KEYS) == ["fail", "fail"]
    assert await results(RFC8463, BODY.replace("game", "goat"), RFC8463_KEYS) == ["fail", "fail"]


@pytest.mark.parametrize("value", [b"", b"x", b"\0" * 128, b"\xff" * 128, b"\xff" * 127, b"x" * 100_000])
def test_a_value_of_any_size_does_not_hold(value: bytes) -> None:
    odd = RSAPublicNumbers(3, (1 << 1024) - 1).public_key()
    keys = [read_record(record(rsa_key())), read_record(record(ed25519_key())), PublicKey("rsa", odd)]
    for key, algorithm in zip(keys, ["rsa-sha256", "ed25519-sha256", "rsa-sha256"], strict=True):
        assert isinstance(key, PublicKey)
        assert not holds(Signature(Field(b"", b""), "a.test", "s", algorithm, value), key, b"text")


def test_the_value_of_b_is_no_part_of_what_it_signs() -> None:
    """RFC 6376 section 3.7, wherever it stands and however it is folded; and only it, not bh=."""
    header = Header(b"")
    for raw, wanted in [
        (b"X: a=1; b=abc; bh=def\r\n", b"X: a=1; b=; bh=def"),
        (b"X: b =\r\n\tabc\r\n def ;bh=b=\r\n", b"X: b =;bh=b="),
        (b"X: a=1;bh=b;\r\n b=abc=\r\n\t\r\n", b"X: a=1;bh=b;\r\n b="),
    ]:
        assert header.over([], Field(b"x", raw), "simple") == wanted
