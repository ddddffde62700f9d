"""Who is counted as one client."""

from mailcore.networks import network_of


def test_one_client_is_an_ipv4_address_or_a_64_of_ipv6() -> None:
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == network_of("2001:db8:0:0:1::")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("fe80::1%eth0") == network_of("fe80::2")


def test_an_ipv4_client_of_an_ipv6_socket_is_one_of_ipv4() -> None:
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1" != network_of("::ffff:192.0.2.2")


def test_what_is_no_ip_stands_for_itself() -> None:
    assert network_of("") == ""
    assert network_of("unknown:80") == "unknown:80" != network_of("other:80")
