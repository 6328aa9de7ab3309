"""What has to be done at Meta so that a number's messages come here, and what must be undone; pure.

The app's own callback is never changed: Meta posts a number's messages to the number's own callback
first. Only an app without any callback is given one, since Meta lets nobody override nothing.
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
    """What was set: a number's own callback, and perhaps the callback of the app; no secret."""

    graph: str  # which Meta it was set at
    app: str
    number: str
    callback: str
    gave_app: bool = False  # the app had no callback, and was given this one


def read() -> CallbackNote | None:
    """Return the note that an earlier run left; what is no note tells nothing."""
    try:
        return CallbackNote(**json.loads(FILE.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(note: CallbackNote) -> None:
    """Write the note, to be found even after the machine went down. Raises OSError."""
    draft = FILE.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(draft, "x", opener=_private) as file:
        json.dump(asdict(note), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(FILE)


def delete_note() -> None:
    """Forget it: nothing of ours is set any more."""
    FILE.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


FIELD = "messages"

Step = Literal["give_app", "subscribe", "override"]
Undo = Literal["clear_override", "clear_app"]


@dataclass(frozen=True, slots=True)
class CallbackState:
    """How things stand at Meta."""

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
    """What is only done when a person agrees; `option` agrees beforehand."""

    option: str
    question: str


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    """What is to be done, in order, after the questions were all answered with yes."""

    steps: tuple[Step, ...]
    questions: tuple[CallbackConsent, ...] = ()


def plan(state: CallbackState, wanted: str) -> CallbackPlan | ProbeCheck:
    """Decide what leads the number's messages to `wanted`; a red line where nothing can.

    To be asked once whatever an earlier run left is cleared: what is there now is somebody else's.
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
    if theirs != wanted:  # else somebody else set the same, and it is not ours to clear
        steps.append("override")
    if theirs and theirs != wanted:
        question = f"The number's messages go to {theirs} now. Replace that for good?"
        questions.append(CallbackConsent("--replace", question))
    return CallbackPlan(tuple(steps), tuple(questions))


def warn_of_takeover(state: CallbackState, wanted: str) -> ProbeCheck | None:
    """Say who gets the number's messages now, and will not while this runs."""
    now = state.number.callbacks.effective
    if now in ("", wanted):
        return None
    message = f"the number's messages go to {now} now: while this runs they come here instead"
    return ProbeCheck("callback", "odd", message)


def undo(state: CallbackState, note: CallbackNote) -> tuple[Undo, ...]:
    """Decide what to clear of what a note says was set: only what is there still."""
    steps: list[Undo] = []
    callbacks = state.number.callbacks
    # Where Meta tells of no callback at all, it does not tell that ours is gone.
    if callbacks.number == note.callback or not callbacks.effective:
        steps.append("clear_override")
    callback = state.callback
    if note.gave_app and callback is not None and callback.uri == note.callback:
        steps.append("clear_app")
    return tuple(steps)
