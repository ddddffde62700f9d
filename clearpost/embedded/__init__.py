"""Real Postgres and Valkey from their wheels, on loopback. Never used where a setting names other servers."""
