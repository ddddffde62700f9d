"""Which names may be claimed as a domain: real ones below a public suffix, and none of ours.

Must never ask DNS: whether the name exists is found out by the check of its records.
"""

from functools import cache

import idna
from publicsuffixlist import PublicSuffixList  # type: ignore[import-untyped,unused-ignore]

from customers.domain_answers import OWNERSHIP_LABEL
from mailcore.envelope import MAX_DOMAIN_OCTETS, normalise_domain
from mailcore.errors import Invalid
from mailcore.settings import Settings

_LONGEST = MAX_DOMAIN_OCTETS - len(OWNERSHIP_LABEL) - 1  # the name with the TXT record must fit, too
# RFC 6761, RFC 6762, RFC 7686, RFC 9476 and names that ICANN will not delegate: no mail can reach them.
_NEVER_PUBLIC = frozenset(
    {
        "test",
        "example",
        "invalid",
        "localhost",
        "local",
        "onion",
        "alt",
        "internal",
        "arpa",
        "corp",
        "home",
        "lan",
        "mail",
    }
)


def claimable(text: str, settings: Settings) -> str:
    """The name as lower-case A-labels. Raises Invalid with the reason in plain words."""
    name = normalise_domain(text.strip())
    if name is None:
        raise Invalid(
            "Write a domain such as example.org, without https:// or an address.", code="domain_invalid"
        )
    if not _decodes(name):
        raise Invalid("A label that begins with xn-- is no valid international name.", code="domain_invalid")
    if len(name) > _LONGEST:
        raise Invalid(
            f"Names of more than {_LONGEST} characters leave no room for our record.", code="domain_invalid"
        )
    if is_of_the_service(name, settings):
        raise Invalid("This domain belongs to the service itself.", code="domain_reserved")
    top = name.rpartition(".")[2]
    if top in _NEVER_PUBLIC and not (top == "test" and settings.environment == "local"):
        raise Invalid("Mail from the internet cannot reach this domain.", code="domain_reserved")
    if _public_suffixes().is_public(name):
        raise Invalid(
            "Others register names below this one, so nobody can claim it.", code="domain_public_suffix"
        )
    return name


def is_of_the_service(name: str, settings: Settings) -> bool:
    """Our own domain, names of our servers, and everything below them."""
    ours = (settings.service_domain, settings.hostname, settings.mx_name, settings.fast_mx_name)
    return any(name == own or name.endswith(f".{own}") for own in (each.lower().rstrip(".") for each in ours))


def _decodes(name: str) -> bool:
    """Whether each A-label is one of IDNA 2008 (RFC 5890 section 2.3.2.1): no registry has any other."""
    try:
        idna.decode(name)
    except UnicodeError:  # idna's own error is one
        return False
    return True


@cache
def _public_suffixes() -> PublicSuffixList:
    """The list as its package ships it; reading it takes 50 ms, so once and only where it is needed."""
    return PublicSuffixList()
