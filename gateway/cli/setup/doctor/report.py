"""Report of `gateway doctor`: a tree of groups, and a summary of what is wrong at its end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from gateway.cli.setup.doctor.findings import Result, State
from gateway.core.formats import pluralize

FOLDED_FROM = 4
MARKS: dict[State, tuple[str, str]] = {
    "fine": ("✓", "green"),
    "warning": ("!", "yellow"),
    "broken": ("✗", "bold red"),
    "unseen": ("–", "dim"),
}


def screen(results: Sequence[Result]) -> RenderableType:
    """Render all results, group by group."""
    trees = []
    for group, members in groupby(results, key=lambda one: one.group):
        tree = Tree(Text(group, "bold"), guide_style="dim")
        for one in _merge_advice(_fold_unseen(members)):
            tree.add(_render_result(one))
        trees.append(tree)
    return Group(*trees, Text(), _verdict(results))


def results_to_dict(results: Sequence[Result]) -> dict[str, Any]:
    """Return all results in JSON form."""
    counts: dict[str, Any] = {state: sum(one.state == state for one in results) for state in MARKS}
    checks = [
        {
            "group": one.group, "check": one.name, "state": one.state,
            "reason": one.message, "advice": one.advice,
        }
        for one in results
    ]  # fmt: skip
    return {"well": not counts["broken"], "counts": counts, "checks": checks}


def _fold_unseen(members: Iterable[Result]) -> Iterator[Result]:
    """Fold several checks that were skipped for the same reason into one line."""
    for why, group in groupby(
        members, key=lambda one: one.message if one.state == "unseen" else ""
    ):
        alike = list(group)
        if why and len(alike) >= FOLDED_FROM:
            yield Result(alike[0].group, f"{len(alike)} checks", "unseen", why)
        else:
            yield from alike


def _merge_advice(members: Iterable[Result]) -> Iterator[Result]:
    """Show the same advice of consecutive results only once, below the last of them."""
    for _, group in groupby(members, key=lambda one: one.advice):
        *before, last = group
        yield from (replace(one, advice="") for one in before)
        yield last


def _render_result(result: Result) -> RenderableType:
    mark, style = MARKS[result.state]
    row = Table.grid(padding=(0, 1))
    row.add_column(no_wrap=True)
    row.add_column(no_wrap=True, min_width=16)
    row.add_column()
    text = Text(result.message, "dim" if result.state == "unseen" else "")
    if result.advice:
        text.append(f"\n→ {result.advice}", style)
    row.add_row(Text(mark, style), Text(result.name, style), text)
    return row


def _verdict(results: Sequence[Result]) -> Text:
    bad, dubious, blind = (
        sum(one.state == state for one in results) for state in ("broken", "warning", "unseen")
    )
    rest = f"{pluralize(dubious, 'warning')}, {blind} not looked at"
    if bad:
        return Text(f"✗ {pluralize(bad, 'thing')} broken, {rest}", "bold red")
    return Text(f"● nothing is broken; {rest}", "yellow" if dubious else "bold green")
