"""What a person is told of a shadow: the sends that would follow, and how many of what."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.common.masking import Words
from gateway.cli.common.trace_line import many
from gateway.cli.replay.dry_run import Counts, Planning
from gateway.core.text import printable

# A person reads so many; the rest is in the JSON.
SHOWN = 20


def tell(found: Iterable[Planning], counts: Counts, words: Words, *, json: bool) -> None:
    """Print each send as it is found, and the counts at the end."""
    if json:
        for one in found:
            _line(one.plain(words))
        _line({"what": "summary", **plain(counts)})
        return
    shown = 0
    for one in found:
        shown += 1
        if shown <= SHOWN:
            Console(highlight=False, soft_wrap=True).print(_text(one, words))
    if shown > SHOWN:
        typer.echo(f"… and {shown - SHOWN:,} more; --json has all.")
    Console(highlight=False).print(_table(counts))


def plain(counts: Counts) -> Mapping[str, Any]:
    """Return the counts as JSON has them."""
    return {
        "deliveries": counts.deliveries,
        "events": dict(counts.events),
        "known": counts.known,
        "failures": counts.failures,
        "rulebook": counts.rulebook,
        "sends": dict(counts.sends),
        "changes": counts.changes,
        "without_answer": dict(counts.silent),
    }


def _line(told: Mapping[str, Any]) -> None:
    typer.echo(orjson.dumps(told))


def _text(one: Planning, words: Words) -> Text:
    if one.send is None:
        return Text.assemble(("failure  ", "red"), printable(f"{one.where}  {one.error}"))
    told = f"to {words.person(one.send.lane)}  {words.request(one.send.body)}"
    return Text.assemble(
        (f"{one.where}  ", "dim"), (f"rule {one.rule}  ", "green"), printable(told)
    )


def _table(counts: Counts) -> Table:
    rows = [
        ("deliveries", counts.deliveries, ""),
        ("events", counts.events.total(), _by(counts.events)),
        ("known already", counts.known, "without effect" if counts.known else ""),
        ("sends", counts.sends.total(), _by(counts.sends)),
    ]
    rare = [
        ("no answer", sum(counts.silent.values()), _by(counts.silent)),
        ("changed wishes", counts.changes, "about marketing"),
        ("failures", counts.failures, "of planning: a bug of the rules or of the gateway"),
    ]
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for what, count, more in [*rows, *(row for row in rare if row[1])]:
        table.add_row(Text(what, "dim"), f"{count:,}", Text(printable(more)))
    table.add_row(Text("rulebook", "dim"), counts.rulebook)
    return table


def _by(counted: Mapping[str, int]) -> str:
    most = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {count:,}" for name, count in most)


def consequences(counts: Counts) -> str:
    """Say in a few words what would follow."""
    new = counts.events.total() - counts.known
    return f"{many(new, 'new event')}, {many(counts.sends.total(), 'send')}"
