"""What is done at Meta on a person's word, and undone at the end or at the next start."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import typer

from gateway.cli.common import errors
from gateway.cli.common.tunnel_checks import Check
from gateway.cli.init.init_ask import at_terminal
from gateway.cli.tunnel import tunnel_note
from gateway.cli.tunnel.callback import Meta
from gateway.cli.tunnel.callback_plan import Consent, plan, taken_from
from gateway.cli.tunnel.options import Asked
from gateway.cli.tunnel.screen import Screen
from gateway.graph.admin.errors import SetupError

NOT_CLEARED = 1


def clear_rest(meta: Meta, screen: Screen, *, asked: bool) -> None:
    """Clear what an earlier run in this folder left set; end where that cannot be done."""
    if note := tunnel_note.read():
        screen.must(meta.clear(note))
    elif asked:
        screen.show(Check("cleared", "good", "no run in this folder has left anything set"))


def lead_here(meta: Meta, callback: str, asked: Asked, screen: Screen, ending: ExitStack) -> str:
    """Let the number's messages come to a callback until the end; return how the number is shown.

    What was begun is cleared also where it could not be finished.
    """
    try:
        found = meta.standing()
    except SetupError as error:
        screen.must(Check("callback", "bad", error.sentence, error.reference))
        raise
    todo = plan(found, callback)
    if isinstance(todo, Check):
        screen.must(todo)
        raise typer.Exit
    if theirs := taken_from(found, callback):
        screen.show(theirs)
    for question in todo.questions:
        _agree(question, asked)
    ending.callback(_clear, meta, screen)
    try:
        for check in meta.set(todo.steps, callback):
            screen.must(check)
    except OSError as error:
        raise errors.fail(f"Cannot write into .gateway: {error.strerror}.") from None
    return f"+{found.number.display.removeprefix('+')}"


def _clear(meta: Meta, screen: Screen) -> None:
    note = tunnel_note.read()
    if note is None:
        return
    check = meta.clear(note)
    screen.show(check)
    if check.tone == "bad":
        raise typer.Exit(NOT_CLEARED)


def _agree(question: Consent, asked: Asked) -> None:
    """Go on only if a person agrees, by an option or now."""
    if asked.agrees(question.option):
        return
    if not at_terminal():
        raise errors.fail(f"{question.asked} Say {question.option} to agree.")
    with _leaving():
        if not typer.confirm(question.asked):
            raise errors.fail("Nothing was changed at Meta.")


@contextmanager
def _leaving() -> Iterator[None]:
    """Let whoever is asked also leave; elsewhere that waits until everything is cleared."""
    endings = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(ending, signal.default_int_handler) for ending in endings]
    try:
        yield
    finally:
        for ending, handler in zip(endings, before, strict=True):
            signal.signal(ending, handler)
