"""Prompts of `gateway init`: questions asked and answers tried one by one, until all are right."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.markup import escape

from gateway.cli.common import errors
from gateway.cli.setup.init.questions import APP_ID, APP_SECRET, QUESTIONS, TOKEN, Question
from gateway.cli.setup.init.validation import MistakeError, ValidAnswer, check
from gateway.graph.admin.client import AdminClient


class NobodyError(Exception):
    """Input has ended, so no answer can come."""


def at_terminal() -> bool:
    """Return whether input is a terminal; a process may also have no input at all."""
    return sys.stdin is not None and sys.stdin.isatty()


class Asker:
    """Asks at the terminal; if input is no terminal, reads one line per question."""

    def __init__(self, console: Console) -> None:
        """Take the console for the questions."""
        self._console = console
        self._at_terminal = at_terminal()

    def show(self, line: str) -> None:
        """Show a result, as rich markup."""
        self._console.print(line)

    def ask(self, question: Question, default: str) -> str:
        """Return the answer, or the default for an empty line. Raises NobodyError."""
        self._console.print(f"[dim]{escape(question.where)}[/]")
        shown = "keep the one that is known" if question.secret else default
        label = f"{question.label} [{shown}]" if default else question.label
        return self._line(label, hidden=question.secret, default=default) or default

    def confirm(self, sentence: str) -> bool:
        """Return whether the operator says yes; without an operator the answer is no."""
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


class PromptAnswers:
    """Answers so far, and the default for each question."""

    def __init__(
        self,
        asker: Asker,
        given: Mapping[str, str],
        before: Mapping[str, str],
        meta: Callable[..., AdminClient],
    ) -> None:
        """Take the given answers and the defaults of the others; `meta` opens a client of Meta."""
        self._asker, self._meta = asker, meta
        self._given = dict(given)
        self._defaults = {one.name: before.get(one.name, "") for one in QUESTIONS}
        self._answers: dict[str, str] = {}
        self._mistaken = False

    def collect(self) -> dict[str, str]:
        """Ask and try one after the other; go back to an answer that turns out to be wrong."""
        index = 0
        while index < len(QUESTIONS):
            question = QUESTIONS[index]
            self._ask_question(question)
            try:
                self._show(question, self._check_answer(question))
                self._mistaken = False
                index += 1
            except MistakeError as mistake:
                errors.errors.print(f"[bold red]no:[/] {escape(mistake.sentence)}")
                self._mistaken = True
                index = self._back_to(question, mistake.again)
        return self._answers

    def _ask_question(self, question: Question) -> None:
        answer = self._given.pop(question.name, "")
        try:
            answer = answer or self._asker.ask(question, self._defaults[question.name])
        except NobodyError:
            # The sentence about the mistake was already printed.
            if self._mistaken:
                raise typer.Exit(errors.BAD_INPUT) from None
            raise errors.fail(
                f"The {question.label} is missing, and nobody answers: set {question.name} in the "
                "environment, or run gateway init at a terminal."
            ) from None
        self._answers[question.name] = self._defaults[question.name] = answer

    def _check_answer(self, question: Question) -> ValidAnswer:
        known = self._answers
        with self._meta(
            app_id=known[APP_ID.name],
            # There are several during a rotation, the newest first.
            app_secret=known.get(APP_SECRET.name, "").partition(",")[0],
            token=known.get(TOKEN.name, ""),
        ) as meta:
            return check(question, known, meta, datetime.now(UTC))

    def _back_to(self, question: Question, again: Question | None) -> int:
        if again is not None:
            self._defaults[again.name] = ""
            # Either of a mismatched pair may be wrong; an empty line keeps the id.
            return QUESTIONS.index(APP_ID if again is APP_SECRET else again)
        if not self._asker.confirm("Try once more?"):
            raise typer.Exit(errors.BAD_INPUT)
        self._given[question.name] = self._answers[question.name]
        return QUESTIONS.index(question)

    def _show(self, question: Question, answer: ValidAnswer) -> None:
        if answer.summary:
            self._asker.show(f"[green]✓[/] {question.label}: {escape(answer.summary)}")
        for sentence in answer.warnings:
            self._asker.show(f"  [yellow]{escape(sentence)}[/]")
        for name, value in answer.suggested.items():
            self._defaults[name] = self._defaults[name] or value
