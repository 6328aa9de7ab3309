"""How `gateway init` asks a person, or a file of answers; secrets are never shown."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from gateway.cli.init.questions import Question


class NobodyError(Exception):
    """There is nobody to answer."""


def at_terminal() -> bool:
    """Say whether a person may be there; a process may also have no input at all."""
    return sys.stdin is not None and sys.stdin.isatty()


class Asker:
    """Asks at the terminal; where the input is none, reads a line for each question."""

    def __init__(self, console: Console) -> None:
        """Take where to show what is asked."""
        self._console = console
        self._at_terminal = at_terminal()

    def show(self, line: str) -> None:
        """Show what was found out, as rich's markup."""
        self._console.print(line)

    def ask(self, question: Question, default: str) -> str:
        """Return the answer, or the default where nothing is written. Raises NobodyError."""
        self._console.print(f"[dim]{escape(question.where)}[/]")
        shown = "keep the one that is known" if question.secret else default
        label = f"{question.label} [{shown}]" if default else question.label
        return self._line(label, hidden=question.secret, default=default) or default

    def agreed(self, sentence: str) -> bool:
        """Return whether a person says yes; nobody says no."""
        try:
            answer = self._line(f"{sentence} [y/N]", hidden=False, default="n")
        except NobodyError:
            return False
        return answer.lower() in {"y", "yes"}

    def _line(self, label: str, *, hidden: bool, default: str) -> str:
        if self._at_terminal:
            answer = typer.prompt(label, default="", show_default=False, hide_input=hidden)
            return str(answer).strip()
        self._console.print(f"{escape(label)}:")
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line and not default:
            raise NobodyError
        return line.strip()
