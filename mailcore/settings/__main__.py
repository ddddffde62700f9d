"""Prints `.env.example`. Must never print a value that was set."""

from mailcore.settings import example_env

print(example_env())
