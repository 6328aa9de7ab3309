"""`gateway trace`: prints the history of a message, a send or a customer's messages."""

import re
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from gateway.cli.common import errors
from gateway.cli.common.accounts import AccountChoice, AccountName
from gateway.cli.common.options import Json, parse_customer
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_store
from gateway.cli.local import target
from gateway.core.formats import format_time
from gateway.core.text import printable
from gateway.store.body_codec import Bodies
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.story import Teller
from gateway.store.tracing.story.story_line import StoryLine
from gateway.store.tracing.trace import Search
from gateway.store.tracing.traces import Traces
from gateway.web.api.events.trace_data import TraceData

NOT_FOUND = 1
STYLES = {"": "bold", "good": "bold green", "odd": "bold yellow", "bad": "bold red"}
MOMENT_WIDTH, WHAT_WIDTH = 24, 11


def trace(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="WAMID|SEND|+NUMBER|USERID", help="A message, a send or a customer."
        ),
    ],
    limit: Annotated[
        int, typer.Option(help="Of a customer: how many records at most.", min=1, max=100)
    ] = 10,
    account: AccountName = "",
    reveal: Annotated[bool, typer.Option(help="Show texts and phone numbers.")] = False,
    json: Json = False,
) -> None:
    """Tell what happened to a message: kept, planned and why, sent, and what Meta said of it."""
    given = target.settings()
    choice = AccountChoice.of(given, account)
    with open_store(given.redis_url, "so nothing can be told") as store:
        search = _find(Traces(store, Bodies(given.encryption_keys)), asked.strip(), limit)
    if choice.only:
        search = search.of_account(choice.only.name, choice.has)
    if json:
        print_json(TraceData(Masking(reveal), choice.name_of).search(search))
    else:
        teller = Teller(Masking(reveal), datetime.now(UTC), given.gateway_retention, choice.name_of)
        _show(teller.tell(search))
    if not search.has_results:
        raise typer.Exit(NOT_FOUND)


def _find(traces: Traces, query: str, limit: int) -> Search:
    if re.fullmatch(r"wamid\.[!-~]{1,250}", query):
        return traces.find_by_wamid(query)
    if re.fullmatch(r"[a-z0-9]{24}", query):
        return traces.find_by_send(query)
    if customer := parse_customer(query):
        return traces.find_by_contact(customer, limit)
    raise errors.fail(
        "Give a wamid, the id of a send (24 letters and digits), a number such as +351900000001, "
        "or Meta's user id."
    )


def _show(lines: list[StoryLine]) -> None:
    console = open_console()
    for line in lines:
        console.print(render_tree(line))


def render_tree(line: StoryLine) -> Tree:
    """Return a line and all lines below it as a tree."""
    return _add_below(Tree(_render_line(line)), line)


def _add_below(tree: Tree, line: StoryLine) -> Tree:
    in_columns = any(below.at for below in line.below)
    for below in line.below:
        at = format_time(below.at) if below.at else ""
        is_head = not below.at and below.below
        when = f"{at:{MOMENT_WIDTH}}  " if in_columns and not is_head else ""
        _add_below(tree.add(Text(when, "dim") + _render_line(below), guide_style="dim"), below)
    return tree


def _render_line(line: StoryLine) -> Text:
    # A customer's text could otherwise send control sequences to the terminal.
    details = printable(line.details).replace("\n", "\\n")
    return Text.assemble((f"{line.what:{WHAT_WIDTH}}", STYLES[line.tone]), "  ", details)
