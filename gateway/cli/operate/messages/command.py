"""`gateway messages`: the operator shows, lists and cancels messages."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from gateway.accounts.source import AccountsSource
from gateway.cli.common import errors
from gateway.cli.common.formats import format_time, pluralize
from gateway.cli.common.options import Json, Number
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target
from gateway.cli.operate.messages.show import print_message
from gateway.config.settings import Settings
from gateway.store import number_list
from gateway.store.api import sent_messages
from gateway.store.api.sent_messages import SentMessage
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.web.api.messages.view import view_message

MOST_LISTED = 1_000

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
    print_message(message, json=json)


@commands.command("list")
def list_messages(
    number: Number = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=MOST_LISTED)] = 50,
    json: Json = False,
) -> None:
    """List messages that wait for their time, the next one first."""
    settings = target.settings()
    with open_store(settings.redis_url, "so nothing can be told") as store:
        numbers = [number] if number else _numbers(store, settings)
        bodies = Bodies(settings.encryption_keys)
        found = sent_messages.list_scheduled(store, bodies, numbers, limit)
    if json:
        now = datetime.now(UTC)
        print_json({"messages": [view_message(one, now) for one in found]})
        return
    table = Table("id", "number", "goes at", "reference")
    for one in found:
        due_at = one.send.state.due_at
        table.add_row(
            one.send.id, one.number, format_time(due_at) if due_at else "", one.send.reference
        )
    open_console().print(table)
    typer.echo(f"{pluralize(len(found), 'message')} scheduled.")


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
    bodies = Bodies(settings.encryption_keys)
    found = sent_messages.find_message(store, bodies, _numbers(store, settings), id_)
    if found is None:
        raise errors.fail(f"No message has the id {id_}, or it is forgotten.")
    return found


def _numbers(store: Store, settings: Settings) -> Sequence[str]:
    """Return all numbers, also those that no account has any more: their sends wait."""
    with errors.exit_on_config_error():
        accounts = AccountsSource(settings).current()
    listed = number_list.numbers_at_meta(store)
    return list(dict.fromkeys([*accounts.numbers_among(listed), *listed]))
