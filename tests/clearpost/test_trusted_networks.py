"""Doctor warns of networks in the settings that are far too wide."""

import pytest

from clearpost.checks import trusted_networks
from mailcore.settings import Settings

RIGHTS = ("proxy_protocol", "internal_networks", "rates_exempt")


@pytest.mark.parametrize("name", RIGHTS)
@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "8.0.0.0/8", "2001::/16"])
def test_a_network_of_half_the_world_is_named_with_its_setting(name: str, network: str) -> None:
    (finding,) = trusted_networks.check(Settings.model_validate({name: network}))
    assert finding.state == "warn"
    assert f"CLEARPOST_{name.upper()}" in finding.what
    assert network in finding.what


@pytest.mark.parametrize("name", RIGHTS)
def test_private_and_narrow_networks_are_nobodys_business(name: str) -> None:
    own = "10.0.0.0/8,fd00::/8,127.0.0.0/8,192.0.2.7,198.51.100.0/24,2001:db8::/48"
    assert trusted_networks.check(Settings.model_validate({name: own})) == []
