"""Output that commands share: JSON, lines of a story, amounts in words, and a progress bar."""

import sys
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.common import errors

WIDE = 10_000


def print_json(value: Any, *, one_line: bool = False) -> None:
    """Print a value as JSON: indented, or on one line in a series of values."""
    typer.echo(orjson.dumps(value, option=0 if one_line else orjson.OPT_INDENT_2))


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


Tone = Literal["", "good", "odd", "bad"]


@dataclass(frozen=True, slots=True)
class StoryLine:
    """Line of a story: what happened, details, and when; `at` is None if the time is unknown."""

    what: str
    details: str = ""
    at: datetime | None = None
    tone: Tone = ""
    below: tuple["StoryLine", ...] = ()

    def with_below(self, *below: "StoryLine") -> "StoryLine":
        """Return the line with more lines below it."""
        return replace(self, below=(*self.below, *below))

    def to_dict(self) -> dict[str, Any]:
        """Return the line and all lines below it in JSON form."""
        at = self.at.isoformat(timespec="milliseconds") if self.at else None
        below = [line.to_dict() for line in self.below]
        return {
            "at": at,
            "what": self.what,
            "details": self.details,
            "tone": self.tone,
            "below": below,
        }
