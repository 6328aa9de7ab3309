"""`gateway rules diff`: whose answer would change, over captured deliveries or the inbox."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Column, Table
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.masking import Masking
from gateway.cli.common.output import clock, many
from gateway.cli.develop.rules.paths import FAILED, Json, console, given_or_kept
from gateway.core.events import Message
from gateway.core.text import printable
from gateway.rules.loader import load
from gateway.rules.testing.compare import Answer, Change, Comparison, ComparisonTotals
from gateway.rules.testing.runner import Difference, fits

MOST = 200


def written(said: Any) -> str:
    """Write a message as a test has it, on one line and no longer than one reads."""
    line = said if isinstance(said, str) else _flow(said)
    line = printable(line).replace("\n", "⏎")
    return line if len(line) <= MOST else f"{line[:MOST]}…"


def compared(differs: Difference) -> Iterator[tuple[str, str]]:
    """Give each line with its sign: expected (-), got (+), or both ( )."""
    # What fits is the same to a reader, however much of it a test names.
    expected = [written(said) for said in differs.expected]
    got = [_as_expected(said, differs.expected) for said in differs.actual]
    if not expected:
        yield "-", "(nothing)"
    for change, low, high, start, end in SequenceMatcher(None, expected, got).get_opcodes():
        if change == "equal":
            yield from ((" ", line) for line in expected[low:high])
            continue
        yield from (("-", line) for line in expected[low:high])
        yield from (("+", line) for line in got[start:end])
    if not got:
        yield "+", "(nothing)"


def _as_expected(said: Any, expected: Sequence[Any]) -> str:
    return written(next((one for one in expected if fits(one, said)), said))


def _flow(said: Any) -> str:
    match said:
        case Mapping():
            inner = ", ".join(f"{name}: {_flow(value)}" for name, value in said.items())
            return f"{{{inner}}}"
        case list() | tuple():
            return f"[{', '.join(map(_flow, said))}]"
        case bool():
            return "yes" if said else "no"
        case _:
            return str(said)


MOST_EXAMPLES = 10


def diff(
    old: Annotated[Path, typer.Argument(help="The rules as they are: a file or a folder.")],
    new: Annotated[Path, typer.Argument(help="The rules as they would be.")],
    deliveries: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Captured deliveries: files or folders; what is still in the inbox if left out.",
            show_default=False,
        ),
    ] = None,
    examples: Annotated[int, typer.Option(help="Show so many changes.", min=0)] = MOST_EXAMPLES,
    reveal: Annotated[bool, typer.Option(help="Show texts and phone numbers.")] = False,
    json: Json = False,
) -> None:
    """Tell whose answer would change; the exit code is 1 where any would.

    What is known of customers is worked out from the deliveries alone, so the first of each is
    their first contact.
    """
    with errors.sentences():
        comparison = Comparison(load(old), load(new))
    with given_or_kept(deliveries) as found:
        changes = comparison.compare(found)
        shown = list(islice(changes, examples))
        for _ in changes:
            pass  # only counted
    seen, words = comparison.totals, Masking(reveal)
    if json:
        told = _plain(seen) | {"examples": [_example(one, words) for one in shown]}
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        _show(seen, shown, words)
    if seen.changed:
        raise typer.Exit(FAILED)


def _show(seen: ComparisonTotals, shown: Sequence[Change], words: Masking) -> None:
    out = console()
    if seen.rules:
        out.print(_table(seen))
    for one in shown:
        for line in _lines(one, words):
            out.print(line)
    if seen.changed > len(shown):
        out.print(Text(f"and {seen.changed - len(shown):,} more", "dim"))
    of = f"of {many(seen.events, 'event')}, {seen.answered:,} of them answered"
    if not seen.changed:
        out.print(Text(f"✓ no answer changes, {of}", "bold green"))
        return
    answers = f"{many(seen.changed, 'answer')} to {many(len(seen.contacts), 'customer')}"
    out.print(Text(f"! {answers} would change, {of}", "bold yellow"))


def _table(seen: ComparisonTotals) -> Table:
    right = [Column(name, justify="right") for name in ("fires now", "would fire", "in changes")]
    table = Table("rule", *right)
    for rule in seen.rules:
        counts = (seen.old[rule], seen.new[rule], seen.changed_by[rule])
        style = "yellow" if counts[2] else ""
        table.add_row(Text(rule), *(f"{count:,}" for count in counts), style=style)
    return table


def _lines(one: Change, words: Masking) -> Iterator[Text]:
    yield Text(f"{clock(one.event.at)}  {printable(words.event(one.event) + _id(one))}", "bold")
    yield from _side("-", one.old, words, "red")
    yield from _side("+", one.new, words, "green")


def _id(one: Change) -> str:
    return f"  {one.event.id}" if isinstance(one.event, Message) else ""


def _side(sign: str, answer: Answer, words: Masking, style: str) -> Iterator[Text]:
    rules = ", ".join(answer.rules) or "no rule"
    said = [_said(one, words) for one in answer.messages] or ["nothing is sent"]
    yield Text(f"  {sign} {rules}: {'; '.join(said)}", style)


def _said(said: Any, words: Masking) -> str:
    line = written(said)
    if words.reveal or line in ("typing", "mark_read"):
        return line
    return f"a message {words.said(line)}"


def _plain(seen: ComparisonTotals) -> dict[str, Any]:
    return {
        "events": seen.events,
        "answered": seen.answered,
        "changed": seen.changed,
        "customers": len(seen.contacts),
        "rules": {
            rule: {
                "old": seen.old[rule], "new": seen.new[rule], "changed": seen.changed_by[rule],
            }
            for rule in seen.rules
        },
    }  # fmt: skip


def _example(one: Change, words: Masking) -> dict[str, Any]:
    def side(answer: Answer) -> dict[str, Any]:
        return {"rules": answer.rules, "said": [_said(said, words) for said in answer.messages]}

    return {
        "at": one.event.at.isoformat(),
        "event": words.event(one.event),
        "id": one.event.id if isinstance(one.event, Message) else "",
        "old": side(one.old),
        "new": side(one.new),
    }
