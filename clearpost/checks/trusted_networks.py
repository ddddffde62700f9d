"""Networks that the settings give a right to: a slip of the hand there gives it to the whole Internet.

Must never ask anybody: what is written in the settings is all it looks at.
"""

from ipaddress import IPv4Network, IPv6Network
from typing import Final

from clearpost.checks.finding import Finding, warn
from mailcore.settings import Settings

_AREA: Final = "settings"
# Nobody runs load balancers, or exempts clients, by the thousands of public networks.
_WIDEST: Final = {4: 16, 6: 32}
_RIGHTS: Final = {
    "proxy_protocol": "say for whom they speak, and be believed",
    "internal_networks": "be where MX records of strangers lead to",
    "rates_exempt": "send as much as they like, whatever blocklists say",
}


def check(settings: Settings) -> list[Finding]:
    """A warning for each network that is too wide; nothing to find otherwise."""
    return [
        _too_wide(name, network)
        for name in _RIGHTS
        for network in getattr(settings, name)
        if not network.is_private and network.prefixlen < _WIDEST[network.version]
    ]


def _too_wide(name: str, network: IPv4Network | IPv6Network) -> Finding:
    what = f"CLEARPOST_{name.upper()} lets all of {network} {_RIGHTS[name]}"
    return warn(_AREA, what, "name the addresses of your own machines there, and no others")
