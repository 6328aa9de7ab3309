"""Comparison of two rulebooks: the events of deliveries whose answer would change."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.core.events import Delivery, Event
from gateway.core.planning.decision import RuleDecider
from gateway.core.webhook.parser import split
from gateway.rules.testing.planner import EventPlanner, PlannedEvent
from gateway.rules.testing.step_notation import Notation, to_notation


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a rulebook to one event."""

    rules: tuple[str, ...]
    messages: tuple[Notation, ...] = field(repr=False)
    effect: tuple[Any, ...] = field(repr=False)  # all that follows, from any rules


@dataclass(frozen=True, slots=True)
class Change:
    """One event with different answers."""

    event: Event
    old: Answer
    new: Answer


@dataclass(slots=True)
class ComparisonTotals:
    """The counts of a comparison so far."""

    events: int = 0
    answered: int = 0  # by either rulebook
    changed: int = 0
    contacts: set[tuple[str, str]] = field(default_factory=set)  # whose answer changed
    old: Counter[str] = field(default_factory=Counter)  # rule -> how often it fires
    new: Counter[str] = field(default_factory=Counter)
    changed_by: Counter[str] = field(default_factory=Counter)  # rule -> changes that it is part of

    @property
    def rules(self) -> list[str]:
        """Return the rules that fire, those first that are part of most changes."""
        fired = {**self.old, **self.new}
        return sorted(fired, key=lambda rule: (-self.changed_by[rule], rule))


class Comparison:
    """A comparison that plans each event twice; each rulebook has its own state of contacts."""

    def __init__(self, old: RuleDecider, new: RuleDecider) -> None:
        """Start without known contacts."""
        self._old, self._new = EventPlanner(old), EventPlanner(new)
        self.totals = ComparisonTotals()

    def compare(self, deliveries: Iterable[tuple[Delivery, bool]]) -> Iterator[Change]:
        """Yield each change; a delivery without a time happens when its events did."""
        for delivery, is_timed in deliveries:
            for event in split(delivery):
                now = delivery.received_at if is_timed else event.at
                if change := self._compare_event(event, now):
                    yield change

    def _compare_event(self, event: Event, now: datetime) -> Change | None:
        old = _answer(self._old.plan_next(event, now))
        new = _answer(self._new.plan_next(event, now))
        totals = self.totals
        totals.events += 1
        totals.answered += bool(old.rules or new.rules)
        totals.old.update(old.rules)
        totals.new.update(new.rules)
        if old.effect == new.effect:
            return None
        totals.changed += 1
        totals.contacts.add((event.number, event.contact))
        totals.changed_by.update({*old.rules, *new.rules})
        return Change(event, old, new)


def _answer(planned: PlannedEvent) -> Answer:
    messages = tuple(to_notation(body) for _, body in planned.posts)
    alerts = planned.plan.alerts if planned.plan else ()
    alert_titles = tuple(alert.title for alert in alerts)
    return Answer(
        planned.fired, messages, (messages, _contact_changes(planned), alert_titles, planned.error)
    )


def _contact_changes(planned: PlannedEvent) -> tuple[Any, ...]:
    """Return the changes of the contact by this event only."""
    before, after = planned.before, planned.after
    both = [
        (one.tags, dict(one.vars), one.muted_until, one.hand_over, one.opted_out_at)
        for one in (before, after)
    ]
    return tuple(now if now != was else None for was, now in zip(*both, strict=True))
