"""`gateway messages`: the operator shows, lists and cancels messages."""

from typing import Annotated

import typer

from gateway.accounts.source import AccountsSource
from gateway.cli.common import errors
from gateway.cli.common.options import Json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target
from gateway.cli.operate.messages.listing import known_numbers, list_messages
from gateway.cli.operate.messages.show import print_message
from gateway.config.prices import read_prices
from gateway.config.settings import Settings
from gateway.store.api import sent_messages
from gateway.store.api.sent_messages import SentMessage
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store

commands = typer.Typer(
    name="messages",
    help="Show, list and cancel messages.",
    no_args_is_help=True,
    add_completion=False,
)
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the message.")]


@commands.command()
def show(message_id: Id, json: Json = False) -> None:
    """Show what became of a message; exit code 1 if it failed."""
    settings = target.settings()
    with open_store(settings.redis_url, "so nothing can be told") as store:
        message = _find(store, settings, message_id)
    print_message(message, read_prices(settings.gateway_prices), json=json)


commands.command("list")(list_messages)


@commands.command()
def cancel(message_id: Id) -> None:
    """Cancel a message of which no attempt began."""
    settings = target.settings()
    with open_own_store(settings, "so nothing was cancelled") as store:
        message = _find(store, settings, message_id)
        if obstacle := sent_messages.cancel(store, message.number, message_id):
            raise errors.fail(f"It is too late: the message is {obstacle}.")
    typer.echo(f"The message {message_id} is cancelled.")


def _find(store: Store, settings: Settings, id_: str) -> SentMessage:
    with errors.exit_on_config_error():
        accounts = AccountsSource(settings).current()
    bodies = Bodies(settings.encryption_keys)
    found = sent_messages.find_message(store, bodies, known_numbers(store, accounts), id_)
    if found is not None and found.send.damage:
        raise errors.fail(f"The stored row of the message {id_} is damaged: {found.send.damage}.")
    if found is None:
        raise errors.fail(f"No message has the id {id_}, or it is forgotten.")
    return found
