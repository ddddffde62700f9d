"""Small real servers that stand in for the outside world on one machine. Never part of production."""
