"""How far something got, beside what is printed."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.common import errors


def a_bar(*, silent: bool = False) -> Progress:
    """Return a bar that counts; none is drawn where nobody sees it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    silent = silent or not errors.errors.is_terminal
    return Progress(*columns, console=errors.errors, disable=silent)
