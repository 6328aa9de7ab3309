"""Run of a rule's actions for one event, or of those that follow a service's answer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from gateway.core.contacts.loop_guard import DIGEST_LENGTH
from gateway.core.forwards.forward import FORWARD
from gateway.core.messages import Body
from gateway.core.messages.message_template import fill
from gateway.core.messages.placeholders import Lookup
from gateway.core.planning.contact_changes import CONTACT_VERBS, apply_action
from gateway.core.planning.decision import TOO_OLD, Action, WhenClosed
from gateway.core.planning.effects import ALERT
from gateway.core.sending.notifications.notification import NOTIFY
from gateway.core.webhook.event_keys import digest
from gateway.rules.language.call_action import ANSWER_MESSAGES, REPLIES
from gateway.rules.matching.action import TO_THE_MESSAGE, CompiledAction
from gateway.rules.matching.facts import EventFacts

EMPTY = "a text came out empty, so its action is not done"
# What is reported to the operator, or handed on, needs no customer.
REPORTS = frozenset({ALERT, NOTIFY, FORWARD})
NO_MESSAGE = "there is no message to mark or to react to"
# Messages of an answer have places of their own, behind those of all actions.
_PLACES = 1000
LATE = f"{TOO_OLD}, so nothing is sent"


@dataclass(slots=True)
class StepsRun:
    """The actions that were built, those whose text came out empty, and notes on both."""

    facts: EventFacts
    rule: str
    is_shadow: bool = False
    is_late: bool = False  # what Meta would be called for is left out
    has_message: bool = True  # that can be marked or reacted to
    actions: list[Action] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    lacks_message: bool = False
    answered: Sequence[Body] = ()  # messages of a service's answer

    def run(self, steps: Iterable[CompiledAction], values: Callable[[], Lookup]) -> None:
        """Build the actions, each with the contact as those before it changed it."""
        for step in steps:
            if note := self._idle_reason(step):
                self.notes[note] = None
            elif (built := self._build(step, values)) is None:
                self.notes[EMPTY] = None
                self.left_out.append(step.verb)
            elif step.calls_meta and self.is_late:
                self.notes[LATE] = None
                self.lacks_message |= step.is_send and not self.is_shadow
            else:
                self.actions += built
                self._note_changes(built)

    @property
    def has_reply(self) -> bool:
        """Say whether the customer gets an answer, now or once a service answered."""
        return any(one.verb in REPLIES for one in self.actions)

    def _build(self, step: CompiledAction, values: Callable[[], Lookup]) -> Sequence[Action] | None:
        """Return the actions of a step, None if a text that it needs is empty."""
        if step.verb == ANSWER_MESSAGES:
            return self._answered_actions(step, values())
        built = step.always or step.build_action(values())
        if built and step.request:
            own = {"position": step.position, "said": self._digest_of_text}
            built = replace(built, body={**built.body, **own})
        return (built,) if built else None

    @property
    def _digest_of_text(self) -> str:
        """Return a digest of what was written, by which the loop guard knows a repetition."""
        return digest_said(self.facts.text.normal)

    def _answered_actions(self, step: CompiledAction, values: Lookup) -> Sequence[Action]:
        closed: WhenClosed = fill(step.when_closed, values) or ""
        first = _PLACES * (step.position + 1)
        return tuple(
            Action(ANSWER_MESSAGES, body, when_closed=closed, position=first + place)
            for place, body in enumerate(self.answered)
        )

    def _note_changes(self, actions: Sequence[Action]) -> None:
        facts = self.facts
        why, at = f"rule {self.rule}", facts.event.at
        for action in actions:
            if self.is_shadow or action.verb not in CONTACT_VERBS:
                continue
            if change := apply_action(facts.contact, action, why, at, facts.now):
                facts.note(change)

    def _idle_reason(self, step: CompiledAction) -> str:
        """Say why a step does nothing, "" if it does something."""
        facts = self.facts
        if step.calls_meta and (reason := facts.no_send_reason):
            return f"{reason}, so nothing is sent"
        if step.verb in TO_THE_MESSAGE and not self.has_message:
            return NO_MESSAGE
        if step.notified_phone and (reason := facts.no_phone_reason):
            return f"{reason}, so no phone is notified"
        is_possible = step.calls_meta or facts.contact.key or step.verb in REPORTS
        return "" if is_possible else "there is no contact"


def digest_said(normal: str | None) -> str:
    """Return the digest of what a customer wrote, "" if it is no text."""
    return digest(normal).hex()[:DIGEST_LENGTH] if normal else ""
