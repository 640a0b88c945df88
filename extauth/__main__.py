"""`python -m extauth` is `extauth`."""

from extauth.cli import main

main()
