"""`python -m fakescope` is the command."""

from fakescope.cli import main

main()
