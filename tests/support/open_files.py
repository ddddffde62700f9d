"""Tests open thousands of connections: a soft limit is often 1,024, and may be raised to the hard one."""

import resource


def allow_many() -> None:
    """As every mx does for itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
