"""Checklist of `gateway tunnel`: one line per check, as text or as one JSON object a line."""

from dataclasses import dataclass, field

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from gateway.cli.common.callback_probe import ProbeCheck
from gateway.cli.common.errors import BAD_INPUT
from gateway.cli.common.output import WIDE, print_json
from gateway.cli.local.log_line import BAD, GOOD, ODD, QUIET, LogLine
from gateway.cli.operate.trace.command import render_tree
from gateway.store.tracing.story.story_line import StoryLine as Story

MARKS = {"good": ("✓", GOOD), "odd": ("!", ODD), "bad": ("✗", f"bold {BAD}"), "wait": ("…", "")}
WIDTH = 11


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDE  # output for another program is not wrapped
    return console


@dataclass(frozen=True, slots=True)
class Screen:
    """Prints lines as they come, readable in a terminal, in a file and by programs."""

    json: bool = False
    console: Console = field(default_factory=_console)

    def show(self, check: ProbeCheck) -> None:
        """Print one line, and the advice below it."""
        if self.json:
            fields = ("name", "tone", "reason", "advice")
            print_json({name: getattr(check, name) for name in fields}, one_line=True)
            return
        mark, style = MARKS[check.tone]
        text = Text(check.reason)
        if check.advice:
            text.append(f"\n{check.advice}", style)
        # Long text continues below itself, so that the marks stay in their own column.
        line = Table.grid("", Column(width=WIDTH), Column(overflow="fold"), padding=(0, 1))
        line.add_row(Text(mark, style), check.name, text)
        self.console.print(line)

    def require(self, check: ProbeCheck) -> None:
        """Print one line, and end the command if it is red."""
        self.show(check)
        if check.tone == "bad":
            raise typer.Exit(BAD_INPUT)

    def warn(self, sentence: str) -> None:
        """Print a warning about something dangerous."""
        if self.json:
            self.show(ProbeCheck("real", "odd", sentence))
        else:
            self.console.print(Text(sentence, style=f"bold {BAD}"))

    def log(self, line: LogLine | None) -> None:
        """Print a process's log line, unless it only reports normal operation."""
        if line and not self.json:
            self.console.print(Text(f"  {line.text}", style=line.style or QUIET))

    def story(self, lines: list[Story]) -> None:
        """Print what happened to a message, as `gateway trace` does."""
        for line in lines:
            if self.json:
                print_json({"name": "trace", "story": line.to_dict()}, one_line=True)
            else:
                self.console.print(render_tree(line))
