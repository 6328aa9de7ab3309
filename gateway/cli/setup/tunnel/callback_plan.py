"""Plan of the changes at Meta that route a number's messages here, and of undoing them; pure.

The app's own callback is never changed: Meta posts a number's messages to the number's own callback
first. Only an app without any callback is given one, since Meta requires one for an override.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from gateway.cli.common.callback_probe import ProbeCheck
from gateway.cli.local.workspace import FOLDER
from gateway.graph.admin.models import WHATSAPP, AppCallback, NumberInfo, SubscribedApp

LOCK = "tunnel.lock"
FILE = FOLDER / "tunnel.json"


@dataclass(frozen=True, slots=True)
class CallbackNote:
    """Note of what was set: a number's own callback, and perhaps the app's; holds no secret."""

    graph: str  # the Graph URL at which it was set
    app: str
    number: str
    callback: str
    gave_app: bool = False  # the app had no callback, and was given this one


def read() -> CallbackNote | None:
    """Return the note of an earlier run, None if there is none or it is malformed."""
    try:
        return CallbackNote(**json.loads(FILE.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(note: CallbackNote) -> None:
    """Write the note durably, so that it survives a crash of the machine. Raises OSError."""
    draft = FILE.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(draft, "x", opener=_private) as file:
        json.dump(asdict(note), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(FILE)


def delete_note() -> None:
    """Delete the note: none of our callbacks is set any more."""
    FILE.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


FIELD = "messages"

Step = Literal["give_app", "subscribe", "override"]
Undo = Literal["clear_override", "clear_app"]


@dataclass(frozen=True, slots=True)
class CallbackState:
    """State of the callbacks at Meta."""

    app: str
    number: NumberInfo
    callbacks: Sequence[AppCallback]
    subscribed: Sequence[SubscribedApp]

    @property
    def callback(self) -> AppCallback | None:
        """Return the app's own callback for WhatsApp."""
        return next((one for one in self.callbacks if one.object == WHATSAPP and one.uri), None)


@dataclass(frozen=True, slots=True)
class CallbackConsent:
    """A change that needs the operator's consent; `option` gives it beforehand."""

    option: str
    question: str


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    """Steps in order, to be done once all questions are answered with yes."""

    steps: tuple[Step, ...]
    questions: tuple[CallbackConsent, ...] = ()


def plan(state: CallbackState, wanted: str) -> CallbackPlan | ProbeCheck:
    """Plan the steps that route the number's messages to `wanted`; a red line if none can.

    Call it after an earlier run's callbacks are cleared: any that are left are not ours.
    """
    steps: list[Step] = []
    questions: list[CallbackConsent] = []
    callback = state.callback
    if callback is None:
        steps.append("give_app")
        question = f"App {state.app} has no callback yet. Give it {wanted} until this ends?"
        questions.append(CallbackConsent("--yes", question))
    elif FIELD not in callback.fields:
        problem = f"the callback of app {state.app} is not subscribed to the field {FIELD}"
        advice = "Subscribe to it on the app's page, WhatsApp > Configuration > Webhook fields."
        return ProbeCheck("callback", "bad", problem, advice)
    if all(one.id != state.app for one in state.subscribed):
        steps.append("subscribe")
    theirs = state.number.callbacks.number
    if theirs != wanted:  # else the same callback was set by others, and is not ours to clear
        steps.append("override")
    if theirs and theirs != wanted:
        question = f"The number's messages go to {theirs} now. Replace that for good?"
        questions.append(CallbackConsent("--replace", question))
    return CallbackPlan(tuple(steps), tuple(questions))


def warn_of_takeover(state: CallbackState, wanted: str) -> ProbeCheck | None:
    """Return a warning that names the callback which gets no messages while this runs."""
    now = state.number.callbacks.effective
    if now in ("", wanted):
        return None
    message = f"the number's messages go to {now} now: while this runs they come here instead"
    return ProbeCheck("callback", "odd", message)


def undo(state: CallbackState, note: CallbackNote) -> tuple[Undo, ...]:
    """Return the steps that clear those callbacks of a note that are still in place."""
    steps: list[Undo] = []
    callbacks = state.number.callbacks
    # If Meta returns no callback at all, that does not prove that ours is gone.
    if callbacks.number == note.callback or not callbacks.effective:
        steps.append("clear_override")
    callback = state.callback
    if note.gave_app and callback is not None and callback.uri == note.callback:
        steps.append("clear_app")
    return tuple(steps)
