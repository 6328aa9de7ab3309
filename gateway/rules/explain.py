"""Explanations in words why each rule answered an event or did not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.core.forwards.receiver_answer import is_receiver_answer
from gateway.core.services.answer import is_answer
from gateway.rules.matching.conditions.condition import Condition, Every, Some
from gateway.rules.matching.facts import EventFacts
from gateway.rules.rulebook import Rulebook, RuleTrial

# With more rules than an operator reads, those far from matching are only counted.
MAX_SHOWN = 8
GENERAL_KEYS = frozenset({"event", "type", "number", "from"})


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """One rule that was asked: whether it fired, or nearly did, and what held and what failed."""

    rule: str
    fired: bool
    reason: str
    is_near_miss: bool = False  # the content matches, and one other condition fails
    is_other_kind: bool = False  # the rule is for other kinds of events

    def __str__(self) -> str:
        """Return the explanation on one line."""
        if not self.rule:
            return f"no rule was asked: {self.reason}"
        return (
            f"{'✓' if self.fired else '~' if self.is_near_miss else '✗'} {self.rule}: {self.reason}"
        )


def explain(
    rulebook: Rulebook, event: Event, contact: Contact, now: datetime
) -> tuple[RuleExplanation, ...]:
    """Ask every rule as `decide` does; if none is asked, the one entry has no rule."""
    if is_answer(event) or is_receiver_answer(event):
        fired = rulebook.decide(event, contact, now).fired
        return tuple(RuleExplanation(one.rule, True, one.explanation) for one in fired)
    if note := rulebook.skip_reason(event, contact):
        return (RuleExplanation("", False, note),)
    facts = rulebook.facts(event, contact, now)
    return tuple(_explain_trial(one, facts) for one in rulebook.try_rules(rulebook.rules, facts))


def format_explanations(explanations: Sequence[RuleExplanation]) -> Iterator[str]:
    """Yield a line for each rule of the event's kind; of many, only for those that are near."""
    if explanations and all(one.is_other_kind for one in explanations):
        yield "no rule is for such an event"
    explanations = [one for one in explanations if not one.is_other_kind]
    shown = (
        explanations
        if len(explanations) <= MAX_SHOWN
        else [one for one in explanations if one.fired or one.is_near_miss]
    )
    yield from map(str, shown)
    if left := len(explanations) - len(shown):
        yield f"✗ {left:,} more rules that are far from fitting"


def _explain_trial(trial: RuleTrial, facts: EventFacts) -> RuleExplanation:
    if trial.fired:
        return RuleExplanation(trial.rule.name, True, trial.fired.explanation)
    if facts.kind not in trial.rule.events:
        return RuleExplanation(trial.rule.name, False, trial.refusal, is_other_kind=True)
    matched_part = _describe_matched_part(trial.rule.condition, facts)
    reason = f"{matched_part}, but {trial.refusal}" if matched_part else trial.refusal
    return RuleExplanation(trial.rule.name, False, reason, is_near_miss=matched_part is not None)


def _describe_matched_part(condition: Condition, facts: EventFacts) -> str | None:
    """Describe the part that held of a condition that nearly did; None if it did not come near."""
    if isinstance(condition, Some):
        parts = (_describe_matched_part(one, facts) for one in condition.inner)
        return next((part for part in parts if part is not None), None)
    inner = condition.inner if isinstance(condition, Every) else (condition,)
    matched = [one for one in inner if one.holds(facts)]
    fits = len(matched) == len(inner) or (
        len(matched) == len(inner) - 1 and any(map(_is_specific, matched))
    )
    # The kind of events that a rule is for, such as messages, has no text.
    return (
        " and ".join(filter(None, (one.evaluate(facts).explanation for one in matched)))
        if fits
        else None
    )


def _is_specific(condition: Condition) -> bool:
    """Say whether a condition is about the content of an event, as a number or a type is not."""
    return any(name not in GENERAL_KEYS for name, _ in condition.keys or ())
