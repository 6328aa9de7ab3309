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
from gateway.rules.testing.step_notation import Notation


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a rulebook to one event; `messages` are None where only rules are known."""

    rules: tuple[str, ...]
    messages: tuple[Notation, ...] | None = field(default=None, repr=False)
    effect: tuple[Any, ...] = field(default=(), repr=False)  # all that follows, from any rules


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

    def count(
        self, event: Event, old: tuple[str, ...], new: tuple[str, ...], *, is_changed: bool
    ) -> None:
        """Count one event, and the rules that fire for it on either side."""
        self.events += 1
        self.answered += bool(old or new)
        self.old.update(old)
        self.new.update(new)
        if is_changed:
            self.changed += 1
            self.contacts.add((event.number, event.contact))
            self.changed_by.update({*old, *new})

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
        is_changed = old.effect != new.effect
        self.totals.count(event, old.rules, new.rules, is_changed=is_changed)
        return Change(event, old, new) if is_changed else None


def _answer(planned: PlannedEvent) -> Answer:
    messages = planned.messages
    alerts = planned.plan.alerts if planned.plan else ()
    alert_titles = tuple(alert.title for alert in alerts)
    return Answer(
        planned.fired,
        messages,
        (
            messages,
            _contact_changes(planned),
            alert_titles,
            planned.notifications,
            planned.forwards,
            tuple(call.request for call in planned.calls),
            planned.error,
        ),
    )


def _contact_changes(planned: PlannedEvent) -> tuple[Any, ...]:
    """Return the changes of the contact by this event only."""
    before, after = planned.before, planned.after
    both = [
        (one.tags, dict(one.vars), one.muted_until, one.hand_over, one.opted_out_at)
        for one in (before, after)
    ]
    return tuple(now if now != was else None for was, now in zip(*both, strict=True))
