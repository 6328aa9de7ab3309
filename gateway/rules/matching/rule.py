"""One compiled rule: whether it fires for an event, and what it then asks for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.core.contacts.frequency import reached_limit
from gateway.core.messages.placeholders import Lookup
from gateway.core.planning.decision import Action, FiredRule
from gateway.rules.language import rulefile
from gateway.rules.language.actions import LEAVE
from gateway.rules.language.call_action import REPLIES
from gateway.rules.language.conditions import TextPattern
from gateway.rules.matching import placeholder_values
from gateway.rules.matching.action import CompiledAction, compile_action
from gateway.rules.matching.conditions.compiler import compile_condition
from gateway.rules.matching.conditions.condition import Condition, Key
from gateway.rules.matching.facts import EventFacts
from gateway.rules.matching.limits import RuleLimit, compile_limits
from gateway.rules.matching.steps import StepsRun
from gateway.rules.opening_hours import Hours
from gateway.rules.text import compile_pattern

NOTHING_TO_SEND = "nothing is left to send, so the rules below are asked"
OWED = "this answer is owed, since nothing could be sent when the rule fired before"
COUNTS_AS_ANSWERED = "which counts as answered"
SHADOW = "in shadow, so nothing is done of"


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
        groups = self._groups(facts)
        run = StepsRun(
            facts,
            self.name,
            is_shadow=self.shadow,
            is_late=facts.is_old and not self.of_any_age,
            has_message=facts.kind == "message",
        )
        steps = [step for step in self.steps if step.calls_meta] if is_owed else self.steps
        run.run(steps, lambda: _values(facts, groups))
        actions, left_out, notes = run.actions, run.left_out, run.notes
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
            run.lacks_message and not is_owed,
            tuple(left_out),
            self.shadow or not self.has_send or run.has_reply,
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
        return sum(step.is_send for step in self.steps) == sum(verb in REPLIES for verb in left_out)

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
            compile_action(
                step,
                defaults.window_closed,
                position,
                shows_typing=any(one.verb == "typing" for one in steps[:position]),
            )
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
