"""`gateway adopt`: makes a store that another installation owns this one's."""

import typer

from gateway.cli.common import errors
from gateway.cli.common.options import Yes
from gateway.cli.common.store import open_store
from gateway.store.server.ownership import adopt_store, read_owner


def adopt(yes: Yes = False) -> None:
    """Take over the store in REDIS_URL for this installation, with everything that waits in it.

    End the processes of the former owner first: its web processes keep nothing from then on, and
    its other processes do not start again. The store then belongs to GATEWAY_INSTALLATION, or else
    to the number of the settings.
    """
    mine = errors.settings().installation
    with open_store(errors.settings().redis_url) as store:
        owner = read_owner(store).owner
        if owner and owner.installation == mine:
            typer.echo("The store belongs to this installation already.")
            return
        former = str(owner.installation) if owner else "none"
        if owner and not yes:
            typer.confirm(f"Take the store over from {former} for {mine}?", abort=True, err=True)
        adopt_store(store, mine)
    typer.echo(f"The store belongs to {mine} now; its owner was {former}.")
