"""The loaded rules, and what they answer to an event; pure and total."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message, Notice
from gateway.core.planning.decision import Decision, Fired
from gateway.rules.event_kinds import BY_HAND, kind_of
from gateway.rules.matching.facts import Facts, has_name
from gateway.rules.matching.index import Index
from gateway.rules.opening_hours import Hours
from gateway.rules.rule import Rule

# For so long nobody but the person who answered from the phone answers.
HAND_OVER = timedelta(hours=12)
NEVER = timedelta(0)


class Asked(NamedTuple):
    """A rule that was asked; why it did not fire, or how it did."""

    rule: Rule
    refusal: str
    fired: Fired | None


@dataclass(frozen=True)
class Rulebook:
    """All rules in the order in which they are tried; `version` is their hash."""

    version: str
    rules: tuple[Rule, ...] = field(repr=False)
    max_age: timedelta
    hours: Mapping[str, Hours] = field(default_factory=dict, repr=False)  # by name

    @cached_property
    def index(self) -> Index:
        """By what the rules that may fire for an event are found."""
        return Index([rule.keys for rule in self.rules])

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Of which kinds of events a rule may fire."""
        return frozenset(kind for rule in self.rules if rule.enabled for kind in rule.events)

    def decide(self, event: Event, contact: Contact, now: datetime) -> Decision:
        """Answer an event; the first rule that sends ends the search."""
        mutes = HAND_OVER if _is_by_hand(event) else NEVER
        if kind_of(event) not in self.kinds:
            return Decision(mutes=mutes)
        if note := self.silence(event, contact):
            return Decision(note=note, mutes=mutes)
        facts = self.facts(event, contact, now)
        found = (self.rules[position] for position in self.index.candidates(facts))
        fired = tuple(one.fired for one in self.ask(found, facts) if one.fired)
        return Decision(fired, "too old" if facts.is_old and not fired else "", mutes)

    def facts(self, event: Event, contact: Contact, now: datetime) -> Facts:
        """Return what rules may know of an event."""
        return Facts(event, contact, now, self.max_age, self.hours)

    def ask(self, rules: Iterable[Rule], facts: Facts) -> Iterator[Asked]:
        """Ask rules in their order, each with what those before it noted, until one ends it."""
        for rule in rules:
            if refusal := rule.refusal(facts):
                yield Asked(rule, refusal, None)
                continue
            yield Asked(rule, "", rule.fire(facts))
            if rule.ends:
                return

    def silence(self, event: Event, contact: Contact) -> str:
        """Say why no rule is asked about an event, "" where rules are asked."""
        if not isinstance(event, Message):
            return ""
        if event.group:
            return "group"
        if not event.number:
            return "no number"
        return "" if has_name(event, contact) else "no recipient"


def _is_by_hand(event: Event) -> bool:
    return isinstance(event, Notice) and event.field == BY_HAND
