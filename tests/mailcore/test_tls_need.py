"""Who asks for which TLS, and what is left where it is missing."""

from itertools import permutations

from mailcore import tls_need
from mailcore.dns_answers import Tlsa
from mailcore.tls_need import OPPORTUNISTIC, TlsNeed

GOOD, OF_NO_USE = Tlsa(3, 1, 1, bytes(32)), Tlsa(2, 1, 1, bytes(32))
OWNER = tls_need.of_owner("mx.a.test")
ENFORCED = tls_need.of_policy("mx.a.test", testing=False, named=True)
TESTED = tls_need.of_policy("mx.a.test", testing=True, named=True)
UNNAMED = tls_need.of_policy("mx.a.test", testing=True, named=False)
PROVEN = tls_need.of_records("mx.a.test", [GOOD, OF_NO_USE])
ENCRYPTED = tls_need.of_records("mx.a.test", [OF_NO_USE])


def test_nobody_asks_for_anything() -> None:
    assert tls_need.strongest([]) == OPPORTUNISTIC


def test_the_strongest_need_counts_in_whatever_order() -> None:
    weakest_first = [OPPORTUNISTIC, TESTED, ENCRYPTED, ENFORCED, PROVEN]
    for count in range(1, len(weakest_first) + 1):
        for order in permutations(weakest_first[:count]):
            assert tls_need.strongest(order) == weakest_first[count - 1]


def test_a_trial_never_lowers_what_the_owner_asks() -> None:
    assert tls_need.strongest([TESTED, OWNER]) == tls_need.strongest([OWNER, UNNAMED]) == OWNER


def test_only_what_is_not_required_may_be_missing() -> None:
    for need in (OWNER, ENFORCED, PROVEN, ENCRYPTED):
        assert need.without("the server offers no STARTTLS") is None
    clear = OPPORTUNISTIC.without("STARTTLS failed")
    assert clear is not None
    assert clear.level == "clear"


def test_a_trial_goes_on_and_says_what_was_missing() -> None:
    less = TESTED.without("the server's certificate has expired")
    assert less == TlsNeed(note="MTA-STS testing: the server's certificate has expired")
    assert less.without("STARTTLS failed") == TlsNeed("clear", note=less.note)
