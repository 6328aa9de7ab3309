"""The table of a run, for a terminal and for the documentation."""

from collections.abc import Iterator, Sequence, Set

from rich.table import Table

from tests.chaos.run import Found

COLUMNS = ("tries", "kept", "large", "requests", "lost", "doubled", "buried", "in doubt", "hung")


def table(found: Found) -> Table:
    """Return the table of one system for a terminal."""
    made = Table("fault", *COLUMNS, title=found.system)
    for name, figures in _rows(found):
        made.add_row(name, *(f"{figure:,}" for figure in figures))
    return made


def markdown(found: Sequence[Found], told: str) -> str:
    """Return the tables of all systems as Markdown; `told` says when and how they were made."""
    lines = [f"Made on {told}.", ""]
    lines += [f"| System | Fault | {' | '.join(COLUMNS)} |"]
    lines += ["|---|---|" + "---:|" * len(COLUMNS)]
    for one in found:
        for name, figures in _rows(one):
            cells = " | ".join(f"{figure:,}" for figure in figures)
            lines.append(f"| {one.system} | {name} | {cells} |")
    return "\n".join(lines) + "\n"


def _rows(found: Found) -> Iterator[tuple[str, list[int]]]:
    """Return the figures of each fault, of all that are kills, of all others, and of all."""
    for fault in sorted(found.tries):
        yield fault, _figures(found, {fault})
    yield "all kills", _figures(found, found.kills)
    yield "all other faults", _figures(found, set(found.tries) - found.kills)
    yield "all", _figures(found, set(found.tries))


def _figures(found: Found, faults: Set[str]) -> list[int]:
    counts = (
        found.tries,
        found.kept,
        found.large,
        found.requests,
        found.lost,
        found.doubled,
        found.buried,
        found.in_doubt,
        found.hung,
    )
    return [sum(count[fault] for fault in faults) for count in counts]
