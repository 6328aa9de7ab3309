"""`python -m gateway.cli`: the command where no script was installed for it."""

from gateway.cli.main import main

main()
