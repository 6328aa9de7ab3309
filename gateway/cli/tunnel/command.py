"""`gateway tunnel`: messages of a real phone on this machine, line by line up to the reply."""

from contextlib import ExitStack
from typing import Annotated

import typer

from gateway.cli.common import errors
from gateway.cli.local import dev_screen, startup
from gateway.cli.tunnel import options
from gateway.cli.tunnel.callback import Meta, called
from gateway.cli.tunnel.ngrok import AGENT
from gateway.cli.tunnel.options import Asked
from gateway.cli.tunnel.screen import Screen
from gateway.cli.tunnel.tunnel_run import Run
from gateway.cli.tunnel.tunnel_set import clear_rest
from gateway.config.settings import environment


def tunnel(
    url: Annotated[
        str,
        typer.Option(help="Public https address of a tunnel of your own; else ngrok opens one."),
    ] = "",
    port: Annotated[int, typer.Option(help="Port of the webhook.", min=1, max=65535)] = 8000,
    real: Annotated[bool, typer.Option(help="Send for real; else to a sandbox.")] = False,
    yes: Annotated[bool, typer.Option(help="Give the app a callback if it has none.")] = False,
    replace: Annotated[
        bool, typer.Option(help="Replace a callback that somebody else set for the number.")
    ] = False,
    clear: Annotated[
        bool, typer.Option(help="Only clear what an earlier run left set at Meta.")
    ] = False,
    reveal: Annotated[bool, typer.Option(help="Show texts and phone numbers.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
    ngrok_api: Annotated[str, typer.Option(help="Where a running ngrok agent is asked.")] = AGENT,
) -> None:
    """Lead a real number's messages to this machine, see them come in, and what is answered."""
    with errors.sentences():
        given = environment()
    screen = Screen(json=json)
    settings = options.read_settings(given)
    asked = options.checked(
        Asked(url, port, real, yes, replace, reveal, ngrok_api), settings, screen
    )
    options.take_folder()
    if json:
        dev_screen.aside()
    stopping = startup.signals()
    with called(settings) as calls:
        meta = Meta(calls, settings)
        clear_rest(meta, screen, asked=clear)
        if not clear:
            with ExitStack() as ending:
                Run(asked, given, settings, screen, meta, stopping, ending).through()
