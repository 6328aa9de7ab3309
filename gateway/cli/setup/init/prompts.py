"""Prompts of `gateway init`: questions asked and answers tried one by one, until all are right."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.markup import escape

from gateway.cli.common import errors
from gateway.cli.setup.init.questions import APP_ID, APP_SECRET, QUESTIONS, TOKEN, Question
from gateway.cli.setup.init.validation import MistakeError, ValidAnswer, check, check_form
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

    def ask(self, question: Question, default: str, hint: str = "", *, hidden: bool) -> str:
        """Return the answer, or the default for an empty line. Raises NobodyError.

        `hidden` answers are not shown while they are typed.
        """
        self._console.print(f"[dim]{escape(' '.join(filter(None, [question.where, hint])))}[/]")
        shown = "keep the one that is known" if question.secret else default
        label = f"{question.label} [{shown}]" if default else question.label
        return self._line(label, hidden=hidden, default=default) or default

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


# Either of a mismatched pair may be wrong, and whoever believes it is the secret types it again.
TO_APP_ID = "(An empty line leads back to the app id.)"
UNSEEN = "(What you type is not shown, in case it is the secret.)"


class PromptAnswers:
    """Answers so far, and the default for each question."""

    def __init__(
        self,
        asker: Asker,
        given: Mapping[str, str],
        before: Mapping[str, str],
        meta: Callable[..., AdminClient],
        *,
        offline: bool = False,
    ) -> None:
        """Take the given answers and the defaults of the others; `meta` opens a client of Meta.

        With `offline` Meta is asked nothing.
        """
        self.is_offline = offline
        self._asker, self._meta = asker, meta
        self._given = dict(given)
        self._defaults = {one.name: before.get(one.name, "") for one in QUESTIONS}
        self._answers: dict[str, str] = {}
        self._mistaken: Question | None = None

    def collect(self) -> dict[str, str]:
        """Ask and try one after the other; ask again for an answer that turns out to be wrong."""
        index = 0
        while index < len(QUESTIONS):
            question = QUESTIONS[index]
            answer = self._get_answer(question)
            if not answer and question is APP_SECRET is self._mistaken:
                index = QUESTIONS.index(APP_ID)
                continue
            self._answers[question.name] = self._defaults[question.name] = answer
            try:
                self._show(question, self._check_answer(question))
                self._mistaken = None
                index += 1
            except MistakeError as mistake:
                errors.errors.print(f"[bold red]no:[/] {escape(mistake.sentence)}")
                self._mistaken = mistake.again or question
                index = self._next_after(question, mistake.again)
        return self._answers

    def _get_answer(self, question: Question) -> str:
        """Return what was given or is answered now, "" for an empty line without a default."""
        if answer := self._given.pop(question.name, ""):
            return answer
        # The secret was typed already, so its owner may believe that it is asked for again.
        is_unseen = question is APP_ID and APP_SECRET.name in self._answers
        hint = UNSEEN if is_unseen else ""
        if question is APP_SECRET is self._mistaken:
            hint = TO_APP_ID
        default = self._defaults[question.name]
        try:
            answer = self._asker.ask(question, default, hint, hidden=question.secret or is_unseen)
        except NobodyError:
            # The sentence about the mistake was already printed.
            if self._mistaken:
                raise typer.Exit(errors.BAD_INPUT) from None
            raise errors.fail(
                f"The {question.label} is missing, and nobody answers: set {question.name} in the "
                "environment, or run gateway init at a terminal."
            ) from None
        if is_unseen and not question.find_malformed(answer):
            self._asker.show(f"  {question.label} {escape(answer)}")
        return answer

    def _check_answer(self, question: Question) -> ValidAnswer:
        known = self._answers
        if self.is_offline:
            check_form(question, known)
            return ValidAnswer("")
        with self._meta(
            app_id=known[APP_ID.name],
            # There are several during a rotation, the newest first.
            app_secret=known.get(APP_SECRET.name, "").partition(",")[0],
            token=known.get(TOKEN.name, ""),
        ) as meta:
            return check(question, known, meta, datetime.now(UTC))

    def _next_after(self, question: Question, again: Question | None) -> int:
        """Return the index of the question that follows a mistake."""
        if again is not None:
            self._defaults[again.name] = ""
            return QUESTIONS.index(again)
        if not self._asker.confirm("Try once more?"):
            sentence = "Go on without Meta, and write what you answer unchecked?"
            if not self._asker.confirm(sentence):
                raise typer.Exit(errors.BAD_INPUT)
            self.is_offline = True
        self._given[question.name] = self._answers[question.name]
        return QUESTIONS.index(question)

    def _show(self, question: Question, answer: ValidAnswer) -> None:
        if answer.summary:
            self._asker.show(f"[green]✓[/] {question.label}: {escape(answer.summary)}")
        for sentence in answer.warnings:
            self._asker.show(f"  [yellow]{escape(sentence)}[/]")
        for name, value in answer.suggested.items():
            self._defaults[name] = self._defaults[name] or value
