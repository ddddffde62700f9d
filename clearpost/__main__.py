"""`python -m clearpost`: the same as the command."""

from clearpost.cli import main

main()
