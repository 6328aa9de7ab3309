"""One compiled rule: whether it fires for an event, and what it then asks for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.core.contacts.frequency import reached_limit
from gateway.core.forwards.forward import FORWARD
from gateway.core.messages.placeholders import Lookup
from gateway.core.planning.contact_changes import CONTACT_VERBS, apply_action
from gateway.core.planning.decision import TOO_OLD, Action, FiredRule
from gateway.core.planning.event import ALERT
from gateway.core.sending.notifications.notification import NOTIFY
from gateway.rules.language import rulefile
from gateway.rules.language.actions import LEAVE, SENDS
from gateway.rules.language.conditions import TextPattern
from gateway.rules.matching import placeholder_values
from gateway.rules.matching.action import TO_THE_MESSAGE, CompiledAction, compile_action
from gateway.rules.matching.compiler import compile_condition
from gateway.rules.matching.condition import Condition, Key
from gateway.rules.matching.facts import EventFacts
from gateway.rules.matching.limits import RuleLimit, compile_limits
from gateway.rules.opening_hours import Hours
from gateway.rules.text import compile_pattern

NOTHING_TO_SEND = "nothing is left to send, so the rules below are asked"
OWED = "this answer is owed, since nothing could be sent when the rule fired before"
COUNTS_AS_ANSWERED = "which counts as answered"
EMPTY = "a text came out empty, so its action is not done"
# What is reported to the operator, or handed on, needs no customer.
REPORTS = frozenset({ALERT, NOTIFY, FORWARD})
NO_MESSAGE = "there is no message to mark or to react to"
SHADOW = "in shadow, so nothing is done of"
LATE = f"{TOO_OLD}, so nothing is sent"


@dataclass(frozen=True)
class Rule:
    """One compiled rule."""

    name: str
    events: tuple[str, ...]
    condition: Condition
    steps: tuple[CompiledAction, ...]
    patterns: tuple[TextPattern, ...] = ()  # regular expressions whose groups are placeholders
    limits: tuple[RuleLimit, ...] = ()
    limit_answers: bool = True  # a message beyond a limit counts as answered
    stop: bool | None = None
    enabled: bool = True
    shadow: bool = False
    of_any_age: bool = False

    @property
    def keys(self) -> frozenset[Key]:
        """Keys, one of which every event has that the rule may fire for."""
        return (self.condition.keys or frozenset()) if self.enabled else frozenset()

    @cached_property
    def has_send(self) -> bool:
        """Whether the customer gets a message."""
        return any(step.is_send for step in self.steps)

    @cached_property
    def ends_search(self) -> bool:
        """Whether no rule below is asked once this one fired."""
        return not self.shadow and (self.has_send if self.stop is None else self.stop)

    def refusal(self, facts: EventFacts) -> str:
        """Say why the rule does not fire, limits apart; "" if it does."""
        if not self.enabled:
            return "it is not enabled"
        if not self.condition.holds(facts):
            return self.condition.evaluate(facts).explanation
        return ""

    def limit_reason(self, facts: EventFacts) -> str:
        """Say which limit keeps the rule from firing, "" if none does."""
        used = facts.contact.used
        for one in self.limits if self.name in used else ():
            if reached_limit(used, self.name, [one.at(facts.now)], facts.now):
                return one.reached_reason
        return ""

    def owes_answer(self, facts: EventFacts) -> bool:
        """Say whether the firing that a limit counts could not send the rule's message."""
        return self.name in facts.contact.unanswered

    def has_answer(self, facts: EventFacts) -> bool:
        """Say whether one of the rule's messages would not come out empty."""
        if self.stop is not None:
            return True
        values = _values(facts, self._groups(facts))
        return any(step.is_send and step.build_action(values) for step in self.steps)

    def fire(self, facts: EventFacts, *, is_owed: bool = False) -> FiredRule:
        """Build the actions, each with the contact as those before it changed it.

        An answer that `is_owed` was noted and counted when the rule fired for an event before.
        """
        groups, notes = self._groups(facts), dict[str, None]()
        actions, left_out, lacks_message = list[Action](), list[str](), False
        for step in self.steps:
            if is_owed and not step.calls_meta:
                continue
            if note := _idle_reason(step, facts):
                notes[note] = None
            elif not (action := step.always or step.build_action(_values(facts, groups))):
                notes[EMPTY] = None
                left_out.append(step.verb)
            elif step.calls_meta and facts.is_old and not self.of_any_age:
                notes[LATE] = None
                lacks_message |= step.is_send and not self.shadow and not is_owed
            else:
                actions.append(action)
                self._note(facts, action)
        if self.shadow or is_owed or left_out:
            notes |= dict.fromkeys(self._remarks(actions, left_out, is_owed=is_owed))
        # A firing of which everything came out empty uses up no limit.
        is_counted = not is_owed and len(left_out) < len(self.steps)
        return FiredRule(
            self.name,
            "; ".join([self.condition.evaluate(facts).explanation, *notes]),
            tuple(actions),
            self.shadow,
            tuple(one.at(facts.now) for one in self.limits) if is_counted else (),
            lacks_message,
            tuple(left_out),
            self.shadow or not self.has_send or any(one.verb in SENDS for one in actions),
        )

    def _remarks(
        self, actions: Sequence[Action], left_out: Sequence[str], *, is_owed: bool
    ) -> Iterator[str]:
        if self.shadow and actions:
            yield f"{SHADOW} {', '.join(action.verb for action in actions)}"
        if is_owed:
            yield OWED
        if self._has_nothing_to_send(left_out):
            yield NOTHING_TO_SEND

    def ends_search_with(self, fired: FiredRule) -> bool:
        """Say whether no rule below is asked after the rule fired as it did."""
        return self.ends_search and not self._has_nothing_to_send(fired.left_out)

    def _has_nothing_to_send(self, left_out: Sequence[str]) -> bool:
        """Say whether each message came out empty, so that a rule below may answer."""
        if not left_out or self.stop is not None or not self.has_send:
            return False
        return sum(step.is_send for step in self.steps) == sum(verb in SENDS for verb in left_out)

    def _note(self, facts: EventFacts, action: Action) -> None:
        if self.shadow or action.verb not in CONTACT_VERBS:
            return
        why, at = f"rule {self.name}", facts.event.at
        if change := apply_action(facts.contact, action, why, at, facts.now):
            facts.note(change)

    def _groups(self, facts: EventFacts) -> dict[str, str]:
        groups: dict[str, str] = {}
        for test, source in self.patterns:
            if (searched := facts.text.searched_by(test)) is None:
                continue
            matched = compile_pattern(source).search(searched)
            values = (
                matched.groupdict()
                if matched
                else dict.fromkeys(compile_pattern(source).groupindex)
            )
            groups = {name: text or "" for name, text in values.items()} | groups
        return groups


def _values(facts: EventFacts, groups: Mapping[str, str]) -> Lookup:
    event, contact, now = facts.event, facts.contact, facts.now
    return placeholder_values.lookup(
        placeholder_values.Known(event, contact, now, facts.hours, groups)
    )


def _idle_reason(step: CompiledAction, facts: EventFacts) -> str:
    """Say why a step does nothing, "" if it does something."""
    if step.calls_meta and (reason := facts.no_send_reason):
        return f"{reason}, so nothing is sent"
    if step.verb in TO_THE_MESSAGE and facts.kind != "message":
        return NO_MESSAGE
    if step.notified_phone and (reason := facts.no_phone_reason):
        return f"{reason}, so no phone is notified"
    is_possible = step.calls_meta or facts.contact.key or step.verb in REPORTS
    return "" if is_possible else "there is no contact"


def compile_rule(
    rule: rulefile.RuleModel, defaults: rulefile.Defaults, hours: Mapping[str, Hours]
) -> Rule:
    """Compile a rule that has no errors."""
    steps = [step for step in rule.then if step.verb != LEAVE]  # which only ends the search
    return Rule(
        name=rule.name,
        events=tuple(kind for when in rule.when for kind in when.events),
        condition=compile_condition(rule.when, hours),
        steps=tuple(
            compile_action(step, defaults.window_closed, position)
            for position, step in enumerate(steps)
        ),
        patterns=tuple(dict.fromkeys(one for when in rule.when for one in when.patterns())),
        limits=tuple(compile_limits(rule, hours)),
        limit_answers=rule.when_limited == "answered",
        stop=True if len(steps) < len(rule.then) and rule.stop is None else rule.stop,
        enabled=rule.enabled,
        shadow=rule.shadow,
        of_any_age=any(part.age for when in rule.when for part in when.parts()),
    )
