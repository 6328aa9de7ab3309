"""The command `gateway` and its subcommands."""

import importlib
import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gateway import __version__
from gateway.config import standard_streams

# The module of each command, in the order in which help shows them.
COMMANDS = {
    "init": "setup.init.command:init",
    "dev": "develop.dev:dev",
    "chat": "develop.chat.command:chat",
    "sandbox": "develop.sandbox:sandbox",
    "rules": "develop.rules.command:rules",
    "tunnel": "setup.tunnel.command:tunnel",
    "capture": "develop.capture:capture",
    "replay": "develop.replay.command:commands",
    "dead-letters": "operate.dead_letters.command:commands",
    "hold": "operate.hold:hold",
    "release": "operate.hold:release",
    "contacts": "operate.contacts.command:commands",
    "send": "operate.messages.send:send",
    "messages": "operate.messages.command:commands",
    "schedules": "operate.schedules.command:commands",
    "campaigns": "operate.campaigns.command:commands",
    "beat": "operate.beat:commands",
    "forwards": "operate.forwards.command:commands",
    "templates": "operate.templates.command:commands",
    "accounts": "operate.accounts:commands",
    "api-keys": "operate.api_keys:commands",
    "console-users": "operate.console_users:commands",
    "serve": "run.serve:serve",
    "worker": "run.worker:worker",
    "migrate": "run.migrate:migrate",
    "adopt": "run.adopt:adopt",
    "status": "operate.status.command:status",
    "doctor": "setup.doctor.command:doctor",
    "trace": "operate.trace.command:trace",
}


class Commands(TyperGroup):
    """Command group that imports a command only when it is needed, so that startup stays fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List all names."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a name, None where there is none."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"gateway.cli.{module}"), name)
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


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def gateway(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """A webhook gateway for Meta's WhatsApp Cloud API."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line."""
    standard_streams.reopen_closed()
    _replace_unprintable()
    app()


def _replace_unprintable() -> None:
    """Let output replace characters that its encoding lacks, instead of failing for them."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")
