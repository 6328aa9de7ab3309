"""The command `gateway`: one entry for each thing that a person does with it."""

import typer

from gateway import __version__
from gateway.cli.serve import serve
from gateway.cli.worker import worker

app = typer.Typer(
    help="A webhook gateway for Meta's WhatsApp Cloud API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(worker)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line."""
    app()
