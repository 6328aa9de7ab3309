"""Output that commands share: JSON, a file, a console, and a progress bar."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.common import errors

WIDE = 10_000


def print_json(value: Any, *, one_line: bool = False) -> None:
    """Print a value as JSON: indented, or on one line in a series of values."""
    typer.echo(orjson.dumps(value, option=0 if one_line else orjson.OPT_INDENT_2))


def write_parts(parts: Iterable[str], out: Path | None) -> None:
    """Write the parts of a text to a file, or to the output where none is named.

    End the command where the file cannot be written.
    """
    if out is None:
        for part in parts:
            sys.stdout.write(part)
        return
    try:
        with out.open("w", encoding="utf-8") as file:
            file.writelines(parts)
    except OSError as error:
        raise errors.fail(f"{out} cannot be written whole: {error.strerror}.") from None


def open_console() -> Console:
    """Return the console for output, which is as wide as its content where it is no terminal.

    Another program reads lines, and an id broken in two cannot be searched for.
    """
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def progress_bar(*, silent: bool = False) -> Progress:
    """Return a progress bar; it is not drawn if stderr is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    silent = silent or not errors.errors.is_terminal
    return Progress(*columns, console=errors.errors, disable=silent)
