"""Who is counted as one client."""

from ipaddress import ip_network

from mailcore.networks import is_within, network_of


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


def test_an_ip_is_within_the_networks_that_hold_it() -> None:
    ours = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert is_within("10.1.2.3", ours)
    assert is_within("fd00::1%eth0", ours)
    assert not is_within("192.0.2.1", ours)
    assert not is_within("2001:db8::1", ours)
    assert not is_within("10.1.2.3", ())
    assert not is_within("", ours)
    assert not is_within("unknown", ours)
