"""Callback setup of `gateway tunnel`: performs the steps of a plan at Meta, and undoes them."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import typer

from gateway.cli.common import errors
from gateway.cli.common.callback_probe import NGROK_PLAN_NOTE, ProbeCheck, is_free_ngrok
from gateway.cli.setup.init import validation
from gateway.cli.setup.init.prompts import at_terminal
from gateway.cli.setup.init.questions import APP_ID, APP_SECRET, NUMBER_ID, TOKEN, WABA_ID, Question
from gateway.cli.setup.tunnel import callback_plan
from gateway.cli.setup.tunnel.callback_plan import (
    FIELD,
    CallbackConsent,
    CallbackNote,
    CallbackState,
    Step,
    Undo,
    plan,
    warn_of_takeover,
)
from gateway.cli.setup.tunnel.options import TunnelOptions
from gateway.cli.setup.tunnel.screen import Screen
from gateway.config.settings import Settings
from gateway.graph.admin.client import AdminClient
from gateway.graph.admin.errors import SetupError

LOOKS = (("app secret", APP_SECRET), ("token", TOKEN), ("account", WABA_ID), ("number", NUMBER_ID))
HANDSHAKE_FAILED = 2200
NEEDED = ("meta_app_id", "meta_waba_id")
AGAIN = (
    "gateway tunnel --clear tries again, with the settings that it was set with; where they are "
    f"gone, delete {callback_plan.FILE}, which is the note of it."
)


def open_client(settings: Settings, proof_secret: bytes = b"") -> AdminClient:
    """Return the client of Meta's administration for these settings.

    `proof_secret` is the app secret of which the account sends a proof with its token.
    """
    return AdminClient(
        settings.meta_graph_url,
        settings.meta_graph_version,
        app_id=settings.meta_app_id,
        app_secret=settings.app_secrets[0].decode(),
        token=settings.meta_access_token.get_secret_value(),
        proof_secret=proof_secret,
    )


def check_missing_settings(settings: Settings) -> ProbeCheck | None:
    """Return a red line if the settings do not name the app and the account."""
    missing = [name.upper() for name in NEEDED if not getattr(settings, name)]
    if not missing:
        return None
    problem = f"{' and '.join(missing)} not set"
    return ProbeCheck(
        "settings", "bad", problem, "gateway init asks for all of them, and writes .env."
    )


def answers_from_settings(settings: Settings) -> Mapping[str, str]:
    """Return the settings in the form of answers to `gateway init`."""
    return {
        APP_ID.name: settings.meta_app_id,
        APP_SECRET.name: settings.app_secrets[0].decode(),
        TOKEN.name: settings.meta_access_token.get_secret_value(),
        WABA_ID.name: settings.meta_waba_id,
        NUMBER_ID.name: settings.meta_phone_number_id,
    }


class CallbackClient:
    """Callback of the configured number at Meta: read, set and cleared."""

    def __init__(self, client: AdminClient, settings: Settings) -> None:
        """Take the client of Meta and the settings."""
        self._client = client
        self._answers = answers_from_settings(settings)
        self._app, self._waba = settings.meta_app_id, settings.meta_waba_id
        self._number = settings.meta_phone_number_id
        self._graph = settings.meta_graph_url
        self._verify_token = settings.meta_verify_token.get_secret_value()

    def check_settings(self) -> Iterator[ProbeCheck]:
        """Check that secret, token, account and number belong together; changes nothing."""
        for name, question in LOOKS:
            yield _check_setting(name, question, self._answers, self._client)

    def read_state(self, number: str = "") -> CallbackState:
        """Return the present state at Meta. Raises SetupError."""
        return CallbackState(
            self._app,
            self._client.number(number or self._number),
            self._client.callbacks(),
            self._client.subscribed_apps(self._waba),
        )

    def clear(self, note: CallbackNote) -> ProbeCheck:
        """Clear the callbacks of a note that are still in place; then delete the note."""
        if (note.graph, note.app) != (self._graph, self._app):
            problem = f"an earlier run set {note.callback} for another app, {note.app}"
            return ProbeCheck("cleared", "bad", problem, AGAIN)
        undoing: Mapping[Undo, Callable[[], None]] = {
            "clear_override": lambda: self._client.clear_override(note.number),
            "clear_app": self._client.clear_callback,
        }
        try:
            state = self.read_state(note.number)
            steps = callback_plan.undo(state, note)
            for step in steps:
                undoing[step]()
        except SetupError as error:
            problem = f"{note.callback} may still be set for number {note.number}. {error.sentence}"
            return ProbeCheck("cleared", "bad", problem, AGAIN)
        callback_plan.delete_note()
        return _report_cleared(steps, note, state.number.callbacks.number)

    def set(self, steps: Sequence[Step], callback: str) -> Iterator[ProbeCheck]:
        """Perform the steps of a plan, each noted beforehand; stops after a red line.

        Raises OSError if the note cannot be written.
        """
        if "override" not in steps:
            yield ProbeCheck(
                "callback", "good", f"the number's is {callback} already, and stays so"
            )
        note = CallbackNote(self._graph, self._app, self._number, callback)
        doing: Mapping[Step, Callable[[], str]] = {
            "give_app": lambda: self._give_app(callback),
            "subscribe": self._subscribe,
            "override": lambda: self._override(callback),
        }
        for step in steps:
            if step != "subscribe":
                note = replace(note, gave_app=note.gave_app or step == "give_app")
                callback_plan.write(note)
            name = "subscribed" if step == "subscribe" else "callback"
            yield (check := _run_step(name, doing[step], callback))
            if check.tone == "bad":
                return

    def _give_app(self, callback: str) -> str:
        self._client.set_callback(callback, self._verify_token, [FIELD])
        return f"app {self._app} had none and has {callback}, until this ends"

    def _subscribe(self) -> str:
        self._client.subscribe(self._waba)
        return f"the app is subscribed to account {self._waba}, and stays so"

    def _override(self, callback: str) -> str:
        self._client.set_override(self._number, callback, self._verify_token)
        return f"Meta shook hands; the number's is {callback}, until this ends"


def _check_setting(
    name: str, question: Question, answers: Mapping[str, str], client: AdminClient
) -> ProbeCheck:
    """Check a setting in the same way as an answer to `gateway init`."""
    try:
        answer = validation.check(question, answers, client, datetime.now(UTC))
    except validation.MistakeError as mistake:
        return ProbeCheck(name, "bad", mistake.sentence)
    return ProbeCheck(
        name, "odd" if answer.warnings else "good", answer.summary, " ".join(answer.warnings)
    )


def _report_cleared(steps: Sequence[Undo], note: CallbackNote, current: str) -> ProbeCheck:
    if current not in ("", note.callback):
        message = (
            f"the number's messages go to {current}, which this run did not set, and stay there"
        )
        return ProbeCheck("cleared", "odd", message)
    message = f"{note.callback} is no callback any more" if steps else "nothing was left to clear"
    return ProbeCheck("cleared", "good", message)


def _run_step(name: str, act: Callable[[], str], callback: str) -> ProbeCheck:
    try:
        return ProbeCheck(name, "good", act())
    except SetupError as error:
        # The address may be the cause, and ngrok's error page explains itself.
        is_address = error.code == HANDSHAKE_FAILED and is_free_ngrok(callback)
        return ProbeCheck(
            name, "bad", error.sentence, f"{NGROK_PLAN_NOTE}." if is_address else error.reference
        )


NOT_CLEARED = 1


def clear_rest(meta: CallbackClient, screen: Screen, *, is_requested: bool) -> None:
    """Clear callbacks left by an earlier run in this folder; end the command if that fails."""
    if note := callback_plan.read():
        screen.require(meta.clear(note))
    elif is_requested:
        screen.show(ProbeCheck("cleared", "good", "no run in this folder has left anything set"))


def lead_here(
    meta: CallbackClient, callback: str, options: TunnelOptions, screen: Screen, ending: ExitStack
) -> str:
    """Route the number's messages to a callback until the end; return the number's display form.

    Steps that were begun are cleared even if a later one fails.
    """
    try:
        state = meta.read_state()
    except SetupError as error:
        screen.require(ProbeCheck("callback", "bad", error.sentence, error.reference))
        raise
    todo = plan(state, callback)
    if isinstance(todo, ProbeCheck):
        screen.require(todo)
        raise typer.Exit
    if theirs := warn_of_takeover(state, callback):
        screen.show(theirs)
    for question in todo.questions:
        _agree(question, options)
    ending.callback(_clear, meta, screen)
    try:
        for check in meta.set(todo.steps, callback):
            screen.require(check)
    except OSError as error:
        raise errors.fail(f"Cannot write into .gateway: {error.strerror}.") from None
    return f"+{state.number.display.removeprefix('+')}"


def _clear(meta: CallbackClient, screen: Screen) -> None:
    note = callback_plan.read()
    if note is None:
        return
    check = meta.clear(note)
    screen.show(check)
    if check.tone == "bad":
        raise typer.Exit(NOT_CLEARED)


def _agree(consent: CallbackConsent, options: TunnelOptions) -> None:
    """Continue only if the operator agrees, by an option or now."""
    if options.agrees(consent.option):
        return
    if not at_terminal():
        raise errors.fail(f"{consent.question} Say {consent.option} to agree.")
    with _allow_interrupt():
        if not typer.confirm(consent.question):
            raise errors.fail("Nothing was changed at Meta.")


@contextmanager
def _allow_interrupt() -> Iterator[None]:
    """Allow Ctrl-C during a question; elsewhere it waits until everything is cleared."""
    endings = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(ending, signal.default_int_handler) for ending in endings]
    try:
        yield
    finally:
        for ending, handler in zip(endings, before, strict=True):
            signal.signal(ending, handler)
