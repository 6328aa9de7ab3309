"""`gateway rules`: what one does with rules before they answer anybody, and after."""

import typer

from gateway.cli.rules_check import check
from gateway.cli.rules_test import run_tests

rules = typer.Typer(
    help="Check rules, test them, and see what they answer, and why.",
    no_args_is_help=True,
    add_completion=False,
)
rules.command("check")(check)
rules.command("test")(run_tests)
