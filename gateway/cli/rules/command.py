"""`gateway rules`: what one does with rules before they answer anybody, and after."""

import typer

from gateway.cli.rules.diff import diff
from gateway.cli.rules.explain import explain_event
from gateway.cli.rules.rules_check import check
from gateway.cli.rules.test import run_tests
from gateway.rules.reference import written

rules = typer.Typer(
    help="Check rules, test them, and see what they answer, and why.",
    no_args_is_help=True,
    add_completion=False,
)
rules.command("check")(check)
rules.command("test")(run_tests)
rules.command("explain")(explain_event)
rules.command("diff")(diff)


@rules.command("schema")
def schema() -> None:
    """Print the JSON Schema of a rules file, by which editors complete and check."""
    typer.echo(written(), nl=False)
