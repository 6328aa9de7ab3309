"""`python -m gateway.cli`: the `gateway` command where its script is not installed."""

from gateway.cli.main import main

main()
