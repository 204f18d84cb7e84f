"""`python -m audiodiff`."""

from audiodiff.cli.main import main

main()
