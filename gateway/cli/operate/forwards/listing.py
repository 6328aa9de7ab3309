"""Receivers as a table, or as JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.common.output import open_console, print_json
from gateway.config.types import without_secrets
from gateway.core.formats import format_duration
from gateway.core.forwards.receiver import Receiver
from gateway.store.outgoing.receiver_states import (
    ReceiverState,
    describe_condition,
    state_to_dict,
)

Receivers = Mapping[str, Mapping[str, Receiver]]  # by number, then by name
_TONES = {"well": "green", "failing": "yellow", "paused": "yellow", "down": "red"}


def print_states(states: Sequence[ReceiverState], receivers: Receivers, *, json: bool) -> None:
    """Print the states of receivers, also of those that have had nothing yet."""
    seen = {(one.number, one.receiver) for one in states}
    new = [
        ReceiverState(number, name)
        for number, own in receivers.items()
        for name in own
        if (number, name) not in seen
    ]
    rows = sorted((*states, *new), key=lambda one: (one.receiver, one.number))
    if json:
        print_json({"data": [_to_dict(one, receivers) for one in rows]})
    elif not rows:
        typer.echo("There are no `forwards` in the rules, and nothing waits for any.")
    else:
        _print_table(rows, receivers)


def _to_dict(state: ReceiverState, receivers: Receivers) -> Mapping[str, object]:
    receiver = receivers.get(state.number, {}).get(state.receiver)
    url = without_secrets(receiver.url) if receiver else None
    form = receiver.form if receiver else None
    return {**state_to_dict(state), "url": url, "as": form}


def _print_table(rows: Sequence[ReceiverState], receivers: Receivers) -> None:
    table = Table("name", "number", "as", "how it is", "waiting", "oldest", "dead", "delivered")
    now = datetime.now(UTC)
    for one in rows:
        receiver = receivers.get(one.number, {}).get(one.receiver)
        condition = describe_condition(one)
        table.add_row(
            one.receiver,
            one.number or "–",
            receiver.form if receiver else "–",
            Text(condition, _TONES.get(condition, "yellow")),
            f"{one.waiting:,}",
            format_duration(now - one.oldest_at) if one.oldest_at else "",
            f"{one.dead:,}",
            f"{one.delivered:,}",
        )
    open_console().print(table)
