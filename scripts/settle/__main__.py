"""`python -m settle` is the command `settle`."""

from settle.cli import main

main()
