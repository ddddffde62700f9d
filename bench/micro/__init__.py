"""Single steps of a message's path, timed by pytest-benchmark: `make bench-micro`. Part of no test run."""
