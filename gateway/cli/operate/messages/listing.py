"""`gateway messages list`: messages by the filters of the API."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from gateway.accounts.account import Accounts
from gateway.accounts.source import AccountsSource
from gateway.cli.common import errors
from gateway.cli.common.options import Json, Number, Since, Until, parse_moment, selector
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_store
from gateway.cli.local import target
from gateway.config.prices import read_prices
from gateway.config.settings import Settings
from gateway.core.api.lists.list_request import ListRequest, read_message_list
from gateway.core.formats import format_time, pluralize
from gateway.store import number_list
from gateway.store.api.lists.message_list import MessageList
from gateway.store.api.message_status import status_of
from gateway.store.api.sent_messages import SentMessage
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.web.api.messages.view import to_filter, view_listed

MOST_LISTED = 1_000
PAGE = 200  # messages that are read at once


def list_messages(
    to: Annotated[str, selector("To this phone number or user id.")] = "",
    reference: Annotated[str, selector("With this reference.")] = "",
    status: Annotated[str, selector("With this status, or one of several with commas.")] = "",
    since: Since = "",
    until: Until = "",
    number: Number = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=MOST_LISTED)] = 50,
    json: Json = False,
) -> None:
    """List messages, the newest first; of those that are only scheduled the next one."""
    settings = target.settings()
    with errors.exit_on_config_error():
        accounts = AccountsSource(settings).current()
    query = {"to": to, "from": number, "reference": reference, "status": status}
    wanted = _read_filter(query, accounts, since, until)
    with open_store(settings.redis_url, "so nothing can be told") as store:
        numbers = [number] if number else known_numbers(store, accounts)
        found = _read(store, settings, numbers, wanted, limit)
    if json:
        now = datetime.now(UTC)
        prices = read_prices(settings.gateway_prices)
        print_json({"messages": [view_listed(one, now, prices) for one in found]})
        return
    _print(found)


def known_numbers(store: Store, accounts: Accounts) -> Sequence[str]:
    """Return all numbers, also those that no account has any more: their sends wait."""
    listed = number_list.numbers_at_meta(store)
    return list(dict.fromkeys([*accounts.numbers_among(listed), *listed]))


def _read_filter(
    query: Mapping[str, str], accounts: Accounts, since: str, until: str
) -> ListRequest:
    """Return the filter of the options, or end the command."""
    country = accounts.country_of(query["from"] or accounts.default_number)
    wanted = read_message_list({name: text for name, text in query.items() if text}, country)
    if not isinstance(wanted, ListRequest):
        lines = [f"{one.pointer.removeprefix('#/')}: {one.detail}" for one in wanted]
        raise errors.fail("The messages cannot be listed:\n  " + "\n  ".join(lines))
    now = datetime.now(UTC)
    return replace(wanted, since=parse_moment(since, now), until=parse_moment(until, now))


def _read(
    store: Store, settings: Settings, numbers: Sequence[str], wanted: ListRequest, limit: int
) -> list[SentMessage]:
    lists = MessageList(store, Bodies(settings.encryption_keys), numbers, to_filter(wanted))
    found, after = list[SentMessage](), None
    while len(found) < limit:
        page = lists.read_page(after, min(PAGE, limit - len(found)))
        found += page.items
        if (after := page.end) is None:
            break
    return found


def _print(found: Sequence[SentMessage]) -> None:
    table = Table("id", "number", "status", "asked for, or goes at", "reference")
    for one in found:
        send = one.send
        status = "damaged" if send.damage else status_of(send)
        at = send.state.due_at if status == "scheduled" else send.planned_at
        table.add_row(send.id, one.number, status, format_time(at) if at else "", send.reference)
    open_console().print(table)
    typer.echo(f"{pluralize(len(found), 'message')}.")
