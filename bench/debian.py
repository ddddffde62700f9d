"""The Debian packages that the stack needs. Must never install one."""

from collections.abc import Mapping
from typing import Final

from scripts.system_suite import is_there

# package -> what is there once it is installed: a program on the path, or a file
NEEDS: Final = {
    "opendkim": "/usr/sbin/opendkim",
    "opendmarc": "/usr/sbin/opendmarc",
    "postfix": "/usr/sbin/smtp-source",
    "postfix-pgsql": "/usr/lib/postfix/postfix-pgsql.so",
    "postsrsd": "/usr/sbin/postsrsd",
    "strace": "strace",
    "unbound": "/usr/sbin/unbound",
}


def lacking(needs: Mapping[str, str] = NEEDS) -> list[str]:
    """The packages whose proof is not there."""
    return [package for package, proof in needs.items() if not is_there(proof)]
