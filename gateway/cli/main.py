"""The command `gateway`: one entry for each thing that a person does with it."""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

from gateway import __version__

# Each is a function, or a group of them, in the module of its name; help shows them in this order.
COMMANDS = (
    "init", "dev", "chat", "rules", "tunnel", "capture", "replay", "dead-letters", "hold",
    "release", "serve", "worker", "migrate", "status", "doctor", "trace",
)  # fmt: skip


class Commands(TyperGroup):
    """Imports a command when it is asked for: a process that starts pays for what it uses."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List all names."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a name, None where there is none."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"gateway.cli.{name}")
        command = getattr(module, "commands", None) or getattr(module, name)
        if isinstance(command, typer.Typer):
            return typer.main.get_command(command)
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(command)
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=Commands,
    help="A webhook gateway for Meta's WhatsApp Cloud API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def gateway() -> None:
    """A webhook gateway for Meta's WhatsApp Cloud API."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line."""
    app()
