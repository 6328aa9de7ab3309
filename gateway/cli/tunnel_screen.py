"""The checklist of `gateway tunnel`: a tick a line, for people or as one JSON object a line."""

import sys
from dataclasses import dataclass, field

import orjson
import typer
from rich.console import Console
from rich.text import Text

from gateway.cli.dev_lines import BAD, GOOD, ODD, QUIET, Line
from gateway.cli.failing import BAD_INPUT
from gateway.cli.trace import WIDE, grown
from gateway.cli.trace_line import Line as Story
from gateway.cli.tunnel_checks import Check

MARKS = {"good": ("✓", GOOD), "odd": ("!", ODD), "bad": ("✗", f"bold {BAD}"), "wait": ("…", "")}
WIDTH = 12


def _console() -> Console:
    # What is read by another program is not folded.
    width = None if sys.stdout.isatty() else WIDE
    return Console(highlight=False, soft_wrap=True, width=width)


@dataclass(frozen=True, slots=True)
class Screen:
    """Prints lines as they come, to be read in a terminal, in a file and by programs alike."""

    json: bool = False
    console: Console = field(default_factory=_console)

    def show(self, check: Check) -> None:
        """Print one line, and below it what to change."""
        if self.json:
            told = {name: getattr(check, name) for name in ("name", "tone", "told", "advice")}
            typer.echo(orjson.dumps(told))
            return
        mark, style = MARKS[check.tone]
        self.console.print(Text.assemble((mark, style), f" {check.name:{WIDTH}}", check.told))
        if check.advice:
            self.console.print(Text(f"  {'':{WIDTH}}{check.advice}", style=style))

    def must(self, check: Check) -> None:
        """Print one line, and end where it is red."""
        self.show(check)
        if check.tone == "bad":
            raise typer.Exit(BAD_INPUT)

    def warn(self, sentence: str) -> None:
        """Say what is dangerous."""
        self.show(Check("real", "odd", sentence)) if self.json else self.console.print(
            Text(sentence, style=f"bold {BAD}")
        )

    def log(self, line: Line | None) -> None:
        """Print what a process says, if it is more than that all goes its way."""
        if line and not self.json:
            self.console.print(Text(f"  {line.text}", style=line.style or QUIET))

    def story(self, lines: list[Story]) -> None:
        """Print what happened to a message, as `gateway trace` does."""
        for line in lines:
            if self.json:
                typer.echo(orjson.dumps({"name": "trace", "story": line.plain()}))
            else:
                self.console.print(grown(line))
