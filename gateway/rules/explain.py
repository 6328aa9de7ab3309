"""Why each rule answered an event or did not, in words; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.rules.matching.condition import Condition, Every, Some
from gateway.rules.matching.facts import EventFacts
from gateway.rules.rulebook import Rulebook, RuleTrial

# Of more rules than one reads, those that are far from fitting are only counted.
MOST_READ = 8
GENERAL = frozenset({"event", "type", "number", "from"})


@dataclass(frozen=True, slots=True)
class Explained:
    """One rule that was asked: whether it fired, or nearly did, and what held and what failed."""

    rule: str
    fired: bool
    reason: str
    near: bool = False  # what was said fits, and one other thing does not
    apart: bool = False  # it is for other kinds of events

    def __str__(self) -> str:
        """Tell it on one line."""
        if not self.rule:
            return f"no rule was asked: {self.reason}"
        return f"{'✓' if self.fired else '~' if self.near else '✗'} {self.rule}: {self.reason}"


def explain(
    rulebook: Rulebook, event: Event, contact: Contact, now: datetime
) -> tuple[Explained, ...]:
    """Ask every rule as `decide` does; where none is asked, the one entry has no rule."""
    if note := rulebook.silence(event, contact):
        return (Explained("", False, note),)
    facts = rulebook.facts(event, contact, now)
    return tuple(_explained(one, facts) for one in rulebook.ask(rulebook.rules, facts))


def worth_telling(told: Sequence[Explained]) -> Iterator[str]:
    """Give a line for each rule that is for such an event, of many only for those that are near."""
    if told and all(one.apart for one in told):
        yield "no rule is for such an event"
    told = [one for one in told if not one.apart]
    read = told if len(told) <= MOST_READ else [one for one in told if one.fired or one.near]
    yield from map(str, read)
    if left := len(told) - len(read):
        yield f"✗ {left:,} more rules that are far from fitting"


def _explained(one: RuleTrial, facts: EventFacts) -> Explained:
    if one.fired:
        return Explained(one.rule.name, True, one.fired.why)
    if facts.kind not in one.rule.events:
        return Explained(one.rule.name, False, one.refusal, apart=True)
    held = _held(one.rule.condition, facts)
    reason = f"{held}, but {one.refusal}" if held else one.refusal
    return Explained(one.rule.name, False, reason, near=held is not None)


def _held(condition: Condition, facts: EventFacts) -> str | None:
    """Tell what held of a condition that nearly did; None where it was far from that."""
    if isinstance(condition, Some):
        parts = (_held(one, facts) for one in condition.inner)
        return next((told for told in parts if told is not None), None)
    inner = condition.inner if isinstance(condition, Every) else (condition,)
    held = [one for one in inner if one.holds(facts)]
    fits = len(held) == len(inner) or (len(held) == len(inner) - 1 and any(map(_tells, held)))
    # What a rule is for in the first place, such as messages, is told in no words.
    return " and ".join(filter(None, (one.told(facts).words for one in held))) if fits else None


def _tells(condition: Condition) -> bool:
    """Say whether a condition is about what was said or done, as a number or a type is not."""
    return any(name not in GENERAL for name, _ in condition.keys or ())
