"""Compiled action of a rule, whose placeholders are filled for each event."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from gateway.core.forwards.forward import FORWARD
from gateway.core.messages.message_template import fill, prepare
from gateway.core.messages.placeholders import Lookup, Template
from gateway.core.planning.decision import Action
from gateway.core.sending.notifications.notification import NOTIFY
from gateway.core.services.service_call import CALL
from gateway.core.templates.choice import TemplateUse, read_use
from gateway.core.webhook.phone_numbers import normalize_phone
from gateway.rules.language import contact_actions
from gateway.rules.language.actions import LEAVE
from gateway.rules.language.call_action import (
    ANSWER_MESSAGES,
    REPLIES,
    AnswerMessages,
    CallAction,
)
from gateway.rules.language.call_action import Step as Written
from gateway.rules.language.send_actions import (
    FreeForm,
    OutgoingMessage,
    SendTemplate,
    WhenClosed,
)
from gateway.rules.matching.service_request import (
    ServiceRequest,
    compile_request,
    names_in_compiled,
)

# Actions on the message that is answered, which may be repeated.
TO_THE_MESSAGE = frozenset({"mark_read", "typing", "react"})


DEFAULT = ""  # the branch of a success for which a rule has none


class NamedTemplate(NamedTuple):
    """A template in one language, as a rule names it."""

    name: str
    language: str


@dataclass(frozen=True, slots=True)
class CompiledAction:
    """One action of a rule with its compiled body."""

    verb: str
    body: Any
    marketing: bool = False
    when_closed: Any = ""  # "drop", "wait", or the compiled body of a template
    label: str = ""
    always: Action | None = None  # the action, if it has no placeholders
    position: int = 0  # among the actions of its rule
    waits_for_delivery: bool = False
    request: ServiceRequest | None = None  # of a call
    branches: Mapping[str, tuple["CompiledAction", ...]] = field(default_factory=dict)

    @property
    def is_send(self) -> bool:
        """Say whether the customer gets a message, at once or once a service answered."""
        return self.verb in REPLIES

    @property
    def answer_steps(self) -> tuple["CompiledAction", ...]:
        """Return the actions of all branches of a call."""
        return tuple(one for branch in self.branches.values() for one in branch)

    @property
    def notified_phone(self) -> str:
        """Return the phone number that a notification goes to, "" if it goes to none."""
        return str(self.body.get("to", "")) if self.verb == NOTIFY else ""

    @property
    def posts_notification(self) -> bool:
        """Say whether it is a notification that goes to the operator's address."""
        return self.verb == NOTIFY and not self.body.keys() & {"to", FORWARD}

    @property
    def notified_names(self) -> frozenset[str]:
        """The names by which the person whose phone is notified is recognized, in one form."""
        if not self.notified_phone:
            return frozenset()
        return frozenset(
            {normalize_phone(self.notified_phone), self.body.get("user_id", "")} - {""}
        )

    @property
    def template_uses(self) -> Iterator[TemplateUse]:
        """The templates that it may send, but for those that a placeholder names."""
        bodies = [
            body for one in (self, *self.answer_steps) for body in (one.body, one.when_closed)
        ]
        for body in (one for one in bodies if isinstance(one, dict)):
            # A template beside the text of a notification has no type of its own.
            if use := read_use({"type": "template", "template": body.get("template")}, ""):
                yield use

    @property
    def templates(self) -> Iterator[NamedTemplate]:
        """The names of these templates, each with its language."""
        return (NamedTemplate(use.name, use.language) for use in self.template_uses)

    @property
    def calls_meta(self) -> bool:
        """Say whether Meta is called, at once or once a service answered."""
        return self.is_send or self.verb in TO_THE_MESSAGE

    def build_action(self, values: Lookup) -> Action | None:
        """Fill the placeholders; None if a text is empty, which Meta would refuse."""
        if self.always:
            return self.always
        if self.request:
            asked = self.request.build_request(values)
            return Action(CALL, asked, position=self.position) if asked else None
        body = fill(self.body, values)
        if body is None:
            return None
        return Action(
            self.verb,
            body,
            repeatable=self.verb in TO_THE_MESSAGE,
            marketing=self.marketing,
            when_closed=fill(self.when_closed, values) or "",
            label=self.label,
            position=self.position,
            waits_for_delivery=self.waits_for_delivery,
        )


def compile_action(
    step: Written | AnswerMessages,
    when_closed: WhenClosed,
    position: int = 0,
    *,
    shows_typing: bool = False,
) -> CompiledAction:
    """Compile one action; `when_closed` applies if the action has no other.

    `shows_typing` says that a `typing` stands before it.
    """
    if isinstance(step, CallAction):
        return _compile_call(step, when_closed, position, shows_typing=shows_typing)
    if isinstance(step, AnswerMessages):
        return CompiledAction(
            step.verb, {}, when_closed=_closed_body(when_closed), position=position
        )
    marketing = isinstance(step, SendTemplate) and step.marketing
    closed: WhenClosed = None
    if isinstance(step, FreeForm):
        closed = step.window_closed or when_closed
    compiled = CompiledAction(
        step.verb, prepare(step.body()), marketing, _closed_body(closed), _label_of(step),
        position=position,
        waits_for_delivery=isinstance(step, OutgoingMessage) and step.wait is not None,
    )  # fmt: skip
    if _is_filled(compiled.body) and _is_filled(compiled.when_closed):
        return replace(compiled, always=compiled.build_action(lambda _: ""))
    return compiled


def _closed_body(closed: WhenClosed) -> Any:
    return prepare(closed.body() if isinstance(closed, SendTemplate) else closed or "")


def _compile_call(
    step: CallAction, when_closed: WhenClosed, position: int, *, shows_typing: bool
) -> CompiledAction:
    branches = {
        name: tuple(
            compile_action(one, when_closed, place)
            for place, one in enumerate(steps)
            if one.verb != LEAVE
        )
        for name, steps in step.branches()
    }
    # Without a branch for success the service says what is sent.
    branches[DEFAULT] = (compile_action(AnswerMessages(verb=ANSWER_MESSAGES), when_closed),)
    each = [one for branch in branches.values() for one in branch]
    names = {name for one in each for name in names_in_compiled([one.body, one.when_closed])}
    request = compile_request(step, frozenset(names), shows_typing=shows_typing)
    return CompiledAction(CALL, {}, position=position, request=request, branches=branches)


def _is_filled(prepared: Any) -> bool:
    """Say whether a body has no placeholders, so that it is the same each time."""
    match prepared:
        case Template():
            return False
        case dict():
            return all(map(_is_filled, prepared.values()))
        case list():
            return all(map(_is_filled, prepared))
        case _:
            return True


def _label_of(step: Written) -> str:
    """Return the tags or variables of a step as the file names them, without customers' values."""
    match step:
        case (
            contact_actions.Tag()
            | contact_actions.Untag()
            | contact_actions.Set()
            | contact_actions.Unset()
        ):
            return ", ".join(getattr(step, step.verb))
        case _:
            return ""
