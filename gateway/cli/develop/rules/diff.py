"""`gateway rules diff`: compares the answers of two rulebooks to captured or stored deliveries."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.accounts import zone_of_rules
from gateway.cli.common.options import Json
from gateway.cli.common.output import print_json
from gateway.cli.common.store import open_store
from gateway.cli.develop.rules.paths import (
    FAILED,
    console,
    open_deliveries,
    resolve_rules_path,
    stored_deliveries,
)
from gateway.cli.local import target
from gateway.core.events import Message
from gateway.core.formats import format_time, pluralize
from gateway.core.text import printable
from gateway.rules.loader import load
from gateway.rules.testing.compare import Answer, Change, Comparison, ComparisonTotals
from gateway.rules.testing.recorded import RecordedComparison
from gateway.rules.testing.runner import Difference, fits
from gateway.store.body_codec import Bodies
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.stored_event import list_stored_events

MOST = 200


def format_message(message: Any) -> str:
    """Format a message as in a test, on one line of limited length."""
    line = message if isinstance(message, str) else _format_flow(message)
    line = printable(line).replace("\n", "⏎")
    return line if len(line) <= MOST else f"{line[:MOST]}…"


def diff_lines(differs: Difference) -> Iterator[tuple[str, str]]:
    """Yield each line with its sign: expected (-), got (+), or both ( )."""
    # A message that matches is shown as equal, however little of it the test names.
    expected = [format_message(said) for said in differs.expected]
    got = [_format_as_expected(said, differs.expected) for said in differs.actual]
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


def _format_as_expected(message: Any, expected: Sequence[Any]) -> str:
    return format_message(next((one for one in expected if fits(one, message)), message))


def _format_flow(content: Any) -> str:
    match content:
        case Mapping():
            inner = ", ".join(f"{name}: {_format_flow(value)}" for name, value in content.items())
            return f"{{{inner}}}"
        case list() | tuple():
            return f"[{', '.join(map(_format_flow, content))}]"
        case bool():
            return "yes" if content else "no"
        case _:
            return str(content)


MOST_EXAMPLES = 10


OldRules = Annotated[
    Path | None,
    typer.Argument(help="The rules as they are: a file or a folder.", show_default=False),
]
NewRules = Annotated[
    Path | None, typer.Argument(help="The rules as they would be.", show_default=False)
]
Deliveries = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Captured deliveries: files or folders; what is still in the inbox if left out.",
        show_default=False,
    ),
]
Recorded = Annotated[
    bool,
    typer.Option(
        "--recorded",
        help="Compare the rules that fired when each message was planned with those of "
        "GATEWAY_RULES, or of the one path given: what a release changes.",
    ),
]
Examples = Annotated[int, typer.Option(help="Show so many changes.", min=0)]
Reveal = Annotated[bool, typer.Option(help="Show texts and phone numbers.")]


def diff(
    old: OldRules = None,
    new: NewRules = None,
    deliveries: Deliveries = None,
    recorded: Recorded = False,
    examples: Examples = MOST_EXAMPLES,
    reveal: Reveal = False,
    json: Json = False,
) -> None:
    """Tell whose answer would change; the exit code is 1 where any would.

    What is known of customers is worked out from the deliveries alone, so the first of each is
    their first contact. With --recorded it is what the store knows of them now.
    """
    if recorded:
        result, shown = _compare_recorded(old, new, examples)
    else:
        result, shown = _compare_rulebooks(old, new, deliveries, examples)
    masking = Masking(reveal)
    if json:
        report = _to_dict(result) | {"examples": [_example_to_dict(one, masking) for one in shown]}
        print_json(report)
    else:
        _show(result, shown, masking)
    if result.changed:
        raise typer.Exit(FAILED)


Compared = tuple[ComparisonTotals, list[Change]]


def _compare_rulebooks(
    old: Path | None, new: Path | None, deliveries: list[Path] | None, examples: int
) -> Compared:
    if not old or not new:
        raise errors.fail("Name the rules as they are and as they would be, or use --recorded.")
    with errors.exit_on_config_error():
        # A changed copy elsewhere stands for the rules that an account uses.
        old_zone, new_zone = zone_of_rules(old), zone_of_rules(new)
        before = load(old, zone=old_zone or new_zone)
        comparison = Comparison(before, load(new, zone=new_zone or old_zone))
    with open_deliveries(deliveries) as source:
        changes = comparison.compare((one.delivery, one.is_timed) for one in source)
        return comparison.totals, _take(changes, examples)


def _compare_recorded(rules: Path | None, other: Path | None, examples: int) -> Compared:
    if other:
        raise errors.fail("With --recorded name one path of rules at most.")
    with errors.exit_on_config_error():
        path = resolve_rules_path(rules)
        rulebook = load(path, zone=zone_of_rules(path))
    comparison = RecordedComparison()
    given = target.settings()
    with open_store(given.redis_url, "so nothing can be compared") as store:
        source = stored_deliveries(store, Bodies(given.encryption_keys))
        planned = (one for it in source for one in list_stored_events(store, it.delivery))
        changes = comparison.compare(
            (one.event, one.recorded, one.decide(rulebook)) for one in planned
        )
        return comparison.totals, _take(changes, examples)


def _take(changes: Iterator[Change], examples: int) -> list[Change]:
    """Return the first changes, after all of them were counted."""
    shown = list(islice(changes, examples))
    for _ in changes:
        pass
    return shown


def _show(result: ComparisonTotals, shown: Sequence[Change], masking: Masking) -> None:
    out = console()
    if result.rules:
        out.print(_table(result))
    for one in shown:
        for line in _lines(one, masking):
            out.print(line)
    if result.changed > len(shown):
        out.print(Text(f"and {result.changed - len(shown):,} more", "dim"))
    of = f"of {pluralize(result.events, 'event')}, {result.answered:,} of them answered"
    if not result.changed:
        out.print(Text(f"✓ no answer changes, {of}", "bold green"))
        return
    answers = (
        f"{pluralize(result.changed, 'answer')} to {pluralize(len(result.contacts), 'customer')}"
    )
    out.print(Text(f"! {answers} would change, {of}", "bold yellow"))


def _table(result: ComparisonTotals) -> Table:
    right = [Column(name, justify="right") for name in ("fires now", "would fire", "in changes")]
    table = Table("rule", *right)
    for rule in result.rules:
        counts = (result.old[rule], result.new[rule], result.changed_by[rule])
        style = "yellow" if counts[2] else ""
        table.add_row(Text(rule), *(f"{count:,}" for count in counts), style=style)
    return table


def _lines(change: Change, masking: Masking) -> Iterator[Text]:
    yield Text(
        f"{format_time(change.event.at)}  {printable(masking.event(change.event) + _id(change))}",
        "bold",
    )
    yield from _side("-", change.old, masking, "red")
    yield from _side("+", change.new, masking, "green")


def _id(change: Change) -> str:
    return f"  {change.event.id}" if isinstance(change.event, Message) else ""


def _side(sign: str, answer: Answer, masking: Masking, style: str) -> Iterator[Text]:
    rules = ", ".join(answer.rules) or "no rule"
    if answer.messages is None:
        yield Text(f"  {sign} {rules}", style)
        return
    messages = [mask_message(one, masking) for one in answer.messages] or ["nothing is sent"]
    yield Text(f"  {sign} {rules}: {'; '.join(messages)}", style)


def mask_message(message: Any, masking: Masking) -> str:
    """Format a message, or only its length if texts are masked."""
    line = format_message(message)
    if masking.reveal or line in ("typing", "mark_read"):
        return line
    return f"a message {masking.quote(line)}"


def _to_dict(result: ComparisonTotals) -> dict[str, Any]:
    return {
        "events": result.events,
        "answered": result.answered,
        "changed": result.changed,
        "customers": len(result.contacts),
        "rules": {
            rule: {
                "old": result.old[rule],
                "new": result.new[rule],
                "changed": result.changed_by[rule],
            }
            for rule in result.rules
        },
    }  # fmt: skip


def _example_to_dict(change: Change, masking: Masking) -> dict[str, Any]:
    def side(answer: Answer) -> dict[str, Any]:
        return {
            "rules": answer.rules,
            "said": [mask_message(message, masking) for message in answer.messages or ()],
        }

    return {
        "at": change.event.at.isoformat(),
        "event": masking.event(change.event),
        "id": change.event.id if isinstance(change.event, Message) else "",
        "old": side(change.old),
        "new": side(change.new),
    }
