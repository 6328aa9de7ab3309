"""Output that commands share: JSON, lines of a story, amounts in words, and a progress bar."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.common import errors


def print_json(value: Any, *, one_line: bool = False) -> None:
    """Print a value as JSON: indented, or on one line in a series of values."""
    typer.echo(orjson.dumps(value, option=0 if one_line else orjson.OPT_INDENT_2))


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
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


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


def format_duration(length: timedelta) -> str:
    """Format a duration in its largest fitting unit."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def pluralize(count: int, noun: str, plural: str = "") -> str:
    """Format a count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def format_time(moment: datetime) -> str:
    """Format a moment in UTC; Meta's are whole seconds."""
    milliseconds = moment.microsecond // 1000
    part = f".{milliseconds:03d}" if milliseconds else ""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}{part}Z"
